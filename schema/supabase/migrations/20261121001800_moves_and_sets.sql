-- 0018 How a file moves, how an agency halts, and when a set of parts or chunks is whole.
-- Why:    one refused part refuses its file; a set is staged whole or not at all.
-- Needs:  0017.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE OR REPLACE FUNCTION ingest.complete_job(p_job_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_job ingest.job;
BEGIN
  UPDATE ingest.job AS j SET state = 'complete', completed_at = ingest.clock()
   WHERE j.job_id = p_job_id AND j.state = 'closed'
     AND NOT EXISTS (SELECT FROM ingest.job_file AS f WHERE f.job_id = p_job_id
                        AND f.state NOT IN ('archived', 'duplicate', 'refused', 'retired'))
  RETURNING j.* INTO v_job;
  IF FOUND THEN
    PERFORM ingest.append_event(v_job.tenant_id, 'job_completed', 'central', p_job_id);
    PERFORM ingest.judge_delivery(v_job.tenant_id, v_job.delivery_date, v_job.delivery_name, 'central');
  END IF;
END
$$;

CREATE FUNCTION ingest.free_lease(p_tenant_id uuid, p_job_file_id uuid) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  UPDATE ingest.lease AS l SET holder = NULL, step = NULL, job_file_id = NULL, expires_at = NULL
   WHERE l.tenant_id = p_tenant_id AND l.job_file_id = p_job_file_id AND l.holder IS NOT NULL
$$;
COMMENT ON FUNCTION ingest.free_lease(uuid, uuid) IS
  'Takes the lease from whoever works on the file: when the file moves, that step is lost (WB-5002).';

-- The one way a job_file moves. The caller holds the tenant's lock.
CREATE OR REPLACE FUNCTION ingest.move_file(
  p_job_file_id uuid, p_event text, p_actor text, p_details jsonb DEFAULT '{}', p_error jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
  v_new  ingest.job_file;
  v_to   text;
  v_now  timestamptz := ingest.clock();
BEGIN
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id FOR UPDATE;
  SELECT m.to_state INTO v_to FROM ingest.job_file_move AS m
   WHERE m.from_state = v_file.state AND m.event = p_event;
  IF v_to IS NULL THEN
    PERFORM ingest.refuse('WB-2105', 500, format('no move leads from %s by %s', v_file.state, p_event),
      'Report it; this is a defect.');
  END IF;
  PERFORM ingest.free_lease(v_file.tenant_id, p_job_file_id);
  UPDATE ingest.job_file AS f
     SET state = v_to, last_event = p_event, error = p_error, error_code = p_error ->> 'code',
         attempt_count = 0, next_attempt_at = v_now,
         received_at  = CASE v_to WHEN 'received' THEN v_now WHEN 'awaiting_upload' THEN NULL ELSE f.received_at END,
         verified_at  = CASE v_to WHEN 'verified' THEN v_now ELSE f.verified_at END,
         staged_at    = CASE WHEN v_to = 'staged' OR f.state = 'split' AND v_to = 'processed' THEN v_now ELSE f.staged_at END,
         rows_staged  = CASE WHEN v_to IN ('staged', 'processed') THEN coalesce((p_details ->> 'rows_staged')::bigint, f.rows_staged)
                             ELSE f.rows_staged END,
         rows_skipped = coalesce((p_details ->> 'rows_skipped')::bigint, f.rows_skipped),
         staged_by    = CASE v_to WHEN 'staged' THEN p_actor ELSE f.staged_by END,
         processed_at = CASE v_to WHEN 'processed' THEN v_now ELSE f.processed_at END,
         archived_at  = CASE v_to WHEN 'archived' THEN v_now ELSE f.archived_at END,
         retired_at   = CASE v_to WHEN 'retired' THEN v_now END,
         skipped_at   = CASE WHEN p_event = 'skipped' THEN v_now WHEN v_to = 'refused' THEN f.skipped_at END,
         allow_older  = f.allow_older OR coalesce((p_details ->> 'allow_older')::boolean, false),
         entity       = coalesce(p_details ->> 'entity', f.entity),
         file_spec_version = coalesce((p_details ->> 'file_spec_version')::integer, f.file_spec_version),
         is_split_judged = CASE WHEN v_to = 'split' THEN true WHEN f.state = 'refused' THEN false ELSE f.is_split_judged END,
         bucket       = coalesce(p_details ->> 'bucket', f.bucket),
         object_path  = coalesce(p_details ->> 'object_path', f.object_path),
         upload_count = f.upload_count + (v_to = 'awaiting_upload')::integer,
         duplicate_of = coalesce((p_details ->> 'duplicate_of')::uuid, f.duplicate_of)
   WHERE f.job_file_id = p_job_file_id RETURNING f.* INTO v_new;
  PERFORM ingest.append_event(v_file.tenant_id, p_event, p_actor, v_file.job_id, p_job_file_id,
    v_file.state, v_to, p_details || CASE WHEN p_error IS NULL THEN '{}' ELSE jsonb_build_object('error', p_error) END);
  IF v_file.state = 'awaiting_upload' AND v_to IN ('received', 'duplicate') OR p_event = 'skipped' THEN
    PERFORM ingest.note_planned_file(v_new, true, p_actor);
  END IF;
  IF v_to = 'processed' AND v_new.split_of IS NOT NULL THEN
    PERFORM ingest.finish_parent(v_new.split_of);
  END IF;
  IF v_to IN ('archived', 'duplicate', 'refused', 'retired') THEN
    PERFORM ingest.complete_job(v_file.job_id);
  END IF;
  RETURN v_to;
END
$$;

-- A file that central split is processed when its last part is.
CREATE FUNCTION ingest.finish_parent(p_job_file_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_state text;
  v_parts bigint;
  v_done  bigint;
  v_rows  bigint;
BEGIN
  SELECT f.state INTO STRICT v_state FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  SELECT max(f.part_count), count(*) FILTER (WHERE f.state IN ('processed', 'archived')), sum(f.rows_staged)
    INTO v_parts, v_done, v_rows
    FROM ingest.job_file AS f WHERE f.split_of = p_job_file_id AND f.state NOT IN ('refused', 'retired', 'duplicate');
  IF v_state = 'split' AND v_done = v_parts THEN
    PERFORM ingest.move_file(p_job_file_id, 'parts_processed', 'central', jsonb_build_object('rows_staged', v_rows));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.finish_parent(uuid) IS 'Moves a split file to processed once all its parts are; its rows are theirs.';

CREATE OR REPLACE FUNCTION ingest.proven_copy(
  p_tenant_id uuid, p_file_tag text, p_original_sha256 text, p_part_number integer
) RETURNS uuid
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT f.job_file_id FROM ingest.job_file AS f
   WHERE f.tenant_id = p_tenant_id AND f.file_tag = p_file_tag AND f.split_of IS NULL
     AND f.original_sha256 = p_original_sha256 AND f.part_number = p_part_number
     AND f.state IN ('verified', 'split', 'staged', 'processed', 'archived')
$$;

-- Halting ------------------------------------------------------------------------------------------
CREATE FUNCTION ingest.halt_tenant(p_file ingest.job_file, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_reason text := format('%s: %s (%s)', p_error ->> 'code', p_error ->> 'message', ingest.plain_text(p_file.relative_path));
  v_slug   text;
BEGIN
  UPDATE ingest.tenant AS t
     SET state = 'halted', state_reason = v_reason, state_changed_at = ingest.clock(), halted_by_file = p_file.job_file_id
   WHERE t.tenant_id = p_file.tenant_id AND t.state = 'active' RETURNING t.slug INTO v_slug;
  IF FOUND THEN
    PERFORM ingest.append_event(p_file.tenant_id, 'tenant_halted', p_actor, p_file.job_id, p_file.job_file_id,
      p_details => jsonb_build_object('before', 'active', 'error', p_error));
    PERFORM ingest.raise_alert(p_file.tenant_id, 'tenant_halted', p_error ->> 'code', format('%s is halted by %s', v_slug, v_reason),
      jsonb_build_object('job_file_id', p_file.job_file_id, 'file_tag', p_file.file_tag,
        'delivery_date', p_file.delivery_date, 'error', p_error));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.halt_tenant(ingest.job_file, jsonb, text) IS
  'Halts the agency because of a file: nothing else of it is ingested until a person decides; raises an alert.';

CREATE FUNCTION ingest.halts_on_refusal(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce((SELECT s.spec ->> 'on_refusal' <> 'quarantine' FROM ingest.file_spec AS s
                    WHERE s.tenant_id = p_file.tenant_id AND s.file_tag = p_file.file_tag
                      AND s.version = p_file.file_spec_version), true)
$$;
COMMENT ON FUNCTION ingest.halts_on_refusal(ingest.job_file) IS 'Does the file''s spec halt the agency when the file is refused? (on_refusal, halt unless quarantine)';

-- Parts of one file are refused together; what is staged of them stays until it is retired.
CREATE FUNCTION ingest.refuse_siblings(p_file ingest.job_file, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_id uuid;
  v_of jsonb := jsonb_build_object('code', 'WB-2114', 'message',
    format('part %s of the same file was refused (%s)', p_file.part_number, p_error ->> 'code'));
BEGIN
  IF p_file.part_count = 1 THEN
    RETURN;
  END IF;
  FOR v_id IN
    SELECT f.job_file_id FROM ingest.job_file AS f
     WHERE f.tenant_id = p_file.tenant_id AND f.file_tag = p_file.file_tag AND f.original_sha256 = p_file.original_sha256
       AND f.part_count > 1 AND f.split_of IS NOT DISTINCT FROM p_file.split_of
       AND f.job_file_id <> p_file.job_file_id AND f.state IN ('awaiting_upload', 'received', 'verified')
     ORDER BY f.part_number
  LOOP
    PERFORM ingest.move_file(v_id, 'refused', p_actor, p_error => v_of);
  END LOOP;
  IF p_file.split_of IS NOT NULL
     AND (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = p_file.split_of) = 'split' THEN
    PERFORM ingest.move_file(p_file.split_of, 'refused', p_actor, p_error => p_error);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.refuse_siblings(ingest.job_file, jsonb, text) IS
  'Refuses the unstaged other parts (WB-2114) of a refused part, and the split file that it is a part of.';

CREATE FUNCTION ingest.refuse_one(p_file ingest.job_file, p_error jsonb, p_actor text, p_may_halt boolean) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM ingest.move_file(p_file.job_file_id, 'refused', p_actor, p_error => p_error);
  PERFORM ingest.refuse_siblings(p_file, p_error, p_actor);
  IF p_may_halt AND ingest.halts_on_refusal(p_file) THEN
    PERFORM ingest.halt_tenant(p_file, p_error, p_actor);
  END IF;
  RETURN 'refused';
END
$$;
COMMENT ON FUNCTION ingest.refuse_one(ingest.job_file, jsonb, text, boolean) IS
  'Refuses a file with the other parts of it, and halts the agency where the spec says so.';

-- Sets ---------------------------------------------------------------------------------------------
CREATE TYPE ingest.set_state AS (verdict text, reason text, missing text[], until timestamptz);
COMMENT ON TYPE ingest.set_state IS 'whole, waits, mixed (totals differ) or ended (time is up), and what is missing of parts or chunks.';

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

-- Refuses what is not staged of a set; halts once, where the spec says so.
CREATE FUNCTION ingest.refuse_set(p_file ingest.job_file, p_kind text, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  FOR v_file IN SELECT f.* FROM ingest.set_members(p_file, p_kind) AS f
                 WHERE f.state IN ('awaiting_upload', 'received', 'verified') ORDER BY f.opened_seq LOOP
    -- One refusal may have taken fellow parts with it.
    IF (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = v_file.job_file_id) <> 'refused' THEN
      PERFORM ingest.move_file(v_file.job_file_id, 'refused', p_actor, p_error => p_error);
    END IF;
  END LOOP;
  IF ingest.halts_on_refusal(p_file) THEN
    PERFORM ingest.halt_tenant(p_file, p_error, p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.refuse_set(ingest.job_file, text, jsonb, text) IS 'Refuses the unstaged members of a set with one reason.';

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
