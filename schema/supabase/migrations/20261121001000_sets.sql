-- 0010 Sets: the parts of a file and the chunks of a delivery are staged when all are there, or refused together.
-- Why:    half a file must never look like a whole one.
-- Needs:  0009.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE TYPE ingest.set_state AS (verdict text, reason text, missing text[], until timestamptz);
COMMENT ON TYPE ingest.set_state IS 'whole, waits, mixed (totals differ) or ended (time is up), and what is missing of parts or chunks.';
CREATE TYPE ingest.copy_state AS (verdict text, first uuid);
COMMENT ON TYPE ingest.copy_state IS 'new; duplicate, and of which file; mixed = central holds part of it under another total.';

-- Members of a file's set: its fellow parts, or the chunks of its tag in its delivery.
CREATE FUNCTION ingest.set_members(p_file ingest.job_file, p_kind text) RETURNS SETOF ingest.job_file
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
  IF p_kind = 'part' THEN
    RETURN QUERY SELECT f.* FROM ingest.job_file AS f
      WHERE f.tenant_id = p_file.tenant_id AND f.file_tag = p_file.file_tag AND f.original_sha256 = p_file.original_sha256
        AND f.part_count > 1 AND f.split_of IS NOT DISTINCT FROM p_file.split_of;
  ELSE
    RETURN QUERY SELECT f.* FROM ingest.job_file AS f
      WHERE f.tenant_id = p_file.tenant_id AND f.delivery_date = p_file.delivery_date AND f.file_tag = p_file.file_tag
        AND f.delivery_name = p_file.delivery_name AND f.chunk_count > 1 AND f.split_of IS NULL;
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.set_members(ingest.job_file, text) IS 'The files of the set that a part or chunk belongs to, in any state.';

-- Until when a set that is not whole may wait: the delivery's deadline (without plan: until its jobs
-- are closed), and a while after the last arrival; parts that central cut are never given up.
CREATE FUNCTION ingest.set_ends_at(p_file ingest.job_file, p_last timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE
    WHEN p_file.split_of IS NOT NULL THEN NULL
    WHEN d.deadline_at IS NOT NULL THEN greatest(d.deadline_at, p_last + w.wait)
    WHEN j.open_jobs = 0 THEN greatest(j.closed_at, p_last) + w.wait
    ELSE p_last + interval '1 day' END
    FROM (SELECT make_interval(secs => ingest.setting_bigint('set_wait_s')) AS wait) AS w,
         (SELECT count(*) FILTER (WHERE j.state = 'open') AS open_jobs, max(j.closed_at) AS closed_at FROM ingest.job AS j
           WHERE j.tenant_id = p_file.tenant_id AND j.delivery_date = p_file.delivery_date
             AND j.delivery_name = p_file.delivery_name) AS j,
         (SELECT max(d.deadline_at) AS deadline_at FROM ingest.delivery AS d
           WHERE d.tenant_id = p_file.tenant_id AND d.delivery_date = p_file.delivery_date
             AND d.delivery_name = p_file.delivery_name) AS d
$$;
COMMENT ON FUNCTION ingest.set_ends_at(ingest.job_file, timestamptz) IS 'From when on a set that is not whole is given up; null = never.';

CREATE FUNCTION ingest.judge_set(p_file ingest.job_file, p_kind text) RETURNS ingest.set_state
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v       ingest.set_state;
  v_total integer := CASE p_kind WHEN 'part' THEN p_file.part_count ELSE p_file.chunk_count END;
  v_here  integer[];
  v_last  timestamptz;
  v_mixed boolean;
BEGIN
  IF v_total = 1 THEN
    v.verdict := 'whole';
    RETURN v;
  END IF;
  SELECT bool_or(m.total <> v_total AND NOT m.is_out AND m.state <> 'awaiting_upload'),
         max(greatest(m.opened_at + m.upload_time, m.received_at)) FILTER (WHERE NOT m.is_out)
    INTO v_mixed, v_last
    FROM (SELECT f.*, CASE p_kind WHEN 'part' THEN f.part_count ELSE f.chunk_count END AS total,
                 f.state IN ('refused', 'retired', 'duplicate') AS is_out,
                 -- One that is announced in an open job may be on its way over a slow line.
                 CASE WHEN f.state = 'awaiting_upload' AND j.state = 'open'
                      THEN make_interval(secs => ingest.setting_bigint('upload_token_ttl_s')) ELSE '0' END AS upload_time
            FROM ingest.set_members(p_file, p_kind) AS f JOIN ingest.job AS j ON j.job_id = f.job_id) AS m;
  SELECT array_agg(DISTINCT h.number) INTO v_here FROM (
    SELECT CASE p_kind WHEN 'part' THEN f.part_number ELSE f.chunk_number END AS number
      FROM ingest.set_members(p_file, p_kind) AS f
     WHERE CASE p_kind WHEN 'part' THEN f.part_count ELSE f.chunk_count END = v_total
       AND (f.state IN ('verified', 'split', 'staged', 'processed', 'archived', 'duplicate') OR f.skipped_at IS NOT NULL)
     GROUP BY 1, CASE p_kind WHEN 'part' THEN '' ELSE f.original_sha256 END
    HAVING p_kind = 'part' OR count(DISTINCT f.part_number) = max(f.part_count)) AS h;
  IF v_mixed THEN
    v.verdict := 'mixed';
  ELSIF cardinality(v_here) = v_total THEN
    v.verdict := 'whole';
  ELSE
    v.reason := 'set';
    v.missing := ARRAY(SELECT format('%s %s of %s', p_kind, n, v_total) FROM generate_series(1, v_total) AS n
                        WHERE n <> ALL (coalesce(v_here, '{}')) ORDER BY n LIMIT 20);
    v.until := ingest.set_ends_at(p_file, v_last);
    v.verdict := CASE WHEN v.until <= ingest.clock() THEN 'ended' ELSE 'waits' END;
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.judge_set(ingest.job_file, text) IS 'Is the set of parts, or of chunks, that a file belongs to whole?';

-- Only bytes that central has hashed itself make another file a duplicate: what has merely arrived
-- may turn out to be something else, and its twin must not have been sent away by then.
CREATE FUNCTION ingest.judge_copy(
  p_tenant_id uuid, p_file_tag text, p_original_sha256 text, p_part_number integer, p_part_count integer
) RETURNS ingest.copy_state
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v        ingest.copy_state;
  v_others bigint;
BEGIN
  SELECT f.job_file_id INTO v.first FROM ingest.job_file AS f
   WHERE f.tenant_id = p_tenant_id AND f.file_tag = p_file_tag AND f.original_sha256 = p_original_sha256
     AND f.part_number = p_part_number AND f.part_count = p_part_count AND f.split_of IS NULL
     AND f.state IN ('verified', 'split', 'staged', 'processed', 'archived');
  IF NOT FOUND THEN
    SELECT (array_agg(o.first ORDER BY o.is_whole DESC))[1], count(*), bool_or(o.is_whole)::text
      INTO v.first, v_others, v.verdict
      FROM (SELECT (array_agg(f.job_file_id ORDER BY f.part_number))[1] AS first, count(*) = f.part_count AS is_whole
              FROM ingest.job_file AS f
             WHERE f.tenant_id = p_tenant_id AND f.file_tag = p_file_tag AND f.original_sha256 = p_original_sha256
               AND f.part_count <> p_part_count AND f.split_of IS NULL
               AND f.state IN ('verified', 'split', 'staged', 'processed', 'archived')
             GROUP BY f.part_count) AS o;
    IF v_others = 0 THEN
      v.verdict := 'new';
      RETURN v;
    ELSIF v.verdict = 'false' THEN
      v.verdict := 'mixed';
      RETURN v;
    END IF;
  END IF;
  v.verdict := 'duplicate';
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.judge_copy(uuid, text, text, integer, integer) IS
  'Does central hold this part, or the whole original under another number of parts, with its hash verified?';

-- Is the same part there once more, as another copy of the same file brought it? Then that file is not hurt.
CREATE FUNCTION ingest.is_part_covered(p_file ingest.job_file, p_states text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM ingest.set_members(p_file, 'part') AS m
                  WHERE m.part_number = p_file.part_number AND m.part_count = p_file.part_count
                    AND m.job_file_id <> p_file.job_file_id AND m.state = ANY (p_states))
$$;
COMMENT ON FUNCTION ingest.is_part_covered(ingest.job_file, text[]) IS 'Does another copy of this part stand in one of these states?';

CREATE FUNCTION ingest.end_part(p_part ingest.job_file, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_part.state IN ('awaiting_upload', 'received', 'verified') THEN
    PERFORM ingest.move_file(p_part.job_file_id, 'refused', p_actor, p_error => p_error);
  ELSIF p_part.state IN ('staged', 'processed', 'archived') THEN
    PERFORM ingest.take_back(p_part, p_error, p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.end_part(ingest.job_file, jsonb, text) IS 'Refuses an unstaged part, takes a staged one back.';

-- Removes the rows of one staged file and moves it to retired; returns how many rows they were.
CREATE FUNCTION ingest.take_back(p_file ingest.job_file, p_error jsonb, p_actor text, p_details jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_rows bigint := staging.remove_rows(p_file);
BEGIN
  PERFORM ingest.move_file(p_file.job_file_id, 'retired', p_actor, p_details || jsonb_build_object('rows', v_rows), p_error);
  RETURN v_rows;
END
$$;
COMMENT ON FUNCTION ingest.take_back(ingest.job_file, jsonb, text, jsonb) IS 'Takes a staged file''s rows out of staging; returns how many they were.';

-- Parts of one file are refused together, and what is staged of them is taken back; another copy of the part saves them.
CREATE FUNCTION ingest.refuse_siblings(p_file ingest.job_file, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_part ingest.job_file;
  v_of   jsonb := jsonb_build_object('code', 'WB-2114', 'message',
    format('part %s of the same file was refused (%s)', p_file.part_number, p_error ->> 'code'));
BEGIN
  IF p_file.part_count = 1 OR ingest.is_part_covered(p_file, '{verified,split,staged,processed,archived}') THEN
    RETURN;
  END IF;
  FOR v_part IN SELECT m.* FROM ingest.set_members(p_file, 'part') AS m
                 WHERE m.job_file_id <> p_file.job_file_id ORDER BY m.part_number, m.opened_seq LOOP
    PERFORM ingest.end_part(v_part, v_of, p_actor);
  END LOOP;
  IF p_file.split_of IS NOT NULL
     AND (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = p_file.split_of) = 'split' THEN
    PERFORM ingest.move_file(p_file.split_of, 'refused', p_actor, p_error => p_error);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.refuse_siblings(ingest.job_file, jsonb, text) IS
  'Ends the other parts (WB-2114) of a refused part, and the split file that it is a part of; staged rows are taken back.';

-- Refuses what is not staged of a set, and takes back staged parts of a file that will not be whole; halts once, where the spec says so.
CREATE FUNCTION ingest.refuse_set(p_file ingest.job_file, p_kind text, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_id   uuid;
  v_file ingest.job_file;
  v_of   jsonb := jsonb_build_object('code', 'WB-2114', 'message', format('the set of its parts was refused (%s)', p_error ->> 'code'));
BEGIN
  FOR v_id IN SELECT f.job_file_id FROM ingest.set_members(p_file, p_kind) AS f ORDER BY f.opened_seq LOOP
    -- One refusal may have taken fellow parts with it.
    SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = v_id;
    IF v_file.state IN ('awaiting_upload', 'received', 'verified') THEN
      PERFORM ingest.move_file(v_id, 'refused', p_actor, p_error => p_error);
    ELSIF p_kind = 'part' AND v_file.state IN ('staged', 'processed', 'archived') THEN
      PERFORM ingest.take_back(v_file, v_of, p_actor);
    END IF;
  END LOOP;
  IF ingest.halts_on_refusal(p_file) THEN
    PERFORM ingest.halt_tenant(p_file, p_error, p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.refuse_set(ingest.job_file, text, jsonb, text) IS
  'Refuses the unstaged members of a set with one reason; staged parts are taken back.';

-- A set that is mixed or whose time is up is refused here; returns whole, waits or refused, and why.
CREATE FUNCTION ingest.settle_set(p_file ingest.job_file) RETURNS ingest.set_state
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v      ingest.set_state;
  v_kind text;
BEGIN
  FOREACH v_kind IN ARRAY ARRAY['part', 'chunk'] LOOP
    v := ingest.judge_set(p_file, v_kind);
    IF v.verdict IN ('mixed', 'ended') THEN
      PERFORM ingest.refuse_set(p_file, v_kind, CASE v.verdict
        WHEN 'mixed' THEN jsonb_build_object('code', 'WB-2112', 'message', format('the %ss of one set name different totals', v_kind))
        ELSE jsonb_build_object('code', 'WB-2111', 'message', 'the set is not whole: missing ' || array_to_string(v.missing, ', ')) END,
        'central');
      v.verdict := 'refused';
    END IF;
    EXIT WHEN v.verdict <> 'whole';
  END LOOP;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.settle_set(ingest.job_file) IS
  'Judges the sets of a file and refuses one that is mixed (WB-2112) or not whole in time (WB-2111).';
