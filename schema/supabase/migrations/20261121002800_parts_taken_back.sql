-- 0028 A file of which a part is refused leaves nothing in staging; retried, its parts come back.
-- Why:    staged parts of a refused file stayed until an operator retired them: half a file looked like a whole one.
-- Needs:  0027.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

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
                             WHEN v_to IN ('archived', 'retired') THEN f.rows_staged END,
         rows_skipped = coalesce((p_details ->> 'rows_skipped')::bigint, f.rows_skipped),
         staged_by    = CASE v_to WHEN 'staged' THEN p_actor ELSE f.staged_by END,
         processed_at = CASE v_to WHEN 'processed' THEN v_now ELSE f.processed_at END,
         archived_at  = CASE v_to WHEN 'archived' THEN v_now ELSE f.archived_at END,
         retired_at   = CASE v_to WHEN 'retired' THEN v_now END,
         skipped_at   = CASE WHEN p_event = 'skipped' THEN v_now WHEN v_to = 'refused' THEN f.skipped_at END,
         withdrawn_at = CASE WHEN v_to <> 'awaiting_upload' THEN f.withdrawn_at END,
         allow_older  = f.allow_older OR coalesce((p_details ->> 'allow_older')::boolean, false),
         entity       = coalesce(p_details ->> 'entity', f.entity),
         file_spec_version = coalesce((p_details ->> 'file_spec_version')::integer, f.file_spec_version),
         is_split_judged = CASE WHEN v_to = 'split' THEN true WHEN f.state IN ('refused', 'retired') THEN false ELSE f.is_split_judged END,
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

-- Is the same part there once more, as another copy of the same file brought it? Then that file is not hurt.
CREATE FUNCTION ingest.is_part_covered(p_file ingest.job_file, p_states text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM ingest.set_members(p_file, 'part') AS m
                  WHERE m.part_number = p_file.part_number AND m.part_count = p_file.part_count
                    AND m.job_file_id <> p_file.job_file_id AND m.state = ANY (p_states))
$$;
COMMENT ON FUNCTION ingest.is_part_covered(ingest.job_file, text[]) IS 'Does another copy of this part stand in one of these states?';

-- The other parts of a refused part: what is staged of them is taken back, what is not is refused.
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

CREATE OR REPLACE FUNCTION ingest.refuse_siblings(p_file ingest.job_file, p_error jsonb, p_actor text) RETURNS void
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
CREATE OR REPLACE FUNCTION ingest.refuse_set(p_file ingest.job_file, p_kind text, p_error jsonb, p_actor text) RETURNS void
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

-- Coming back ---------------------------------------------------------------------------------------
CREATE FUNCTION ingest.is_reopenable(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT p_file.state = 'refused' OR p_file.state = 'retired' AND p_file.error_code = 'WB-2114'
$$;
COMMENT ON FUNCTION ingest.is_reopenable(ingest.job_file) IS 'Refused, or taken back because another part of its file was refused?';

-- Registers the parts of a split file. After a retry the same parts are found again, at the paths where they
-- are stored now; an ended part that the cut no longer has gives up its path, for it belongs to the new one.
CREATE OR REPLACE FUNCTION ingest.add_parts(p_file ingest.job_file, p_parts jsonb, p_count integer, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_base bigint;
  v_now  timestamptz := ingest.clock();
  v_old  ingest.job_file;
  v_same uuid[];
  v_path text;
BEGIN
  IF EXISTS (SELECT FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.part_count <> p_count
                AND f.state NOT IN ('refused', 'retired', 'duplicate')) THEN
    PERFORM ingest.refuse('WB-2112', 409, 'parts of an earlier cut are staged already', 'Retire the file, then retry it.');
  END IF;
  v_same := ARRAY(
    SELECT DISTINCT ON (f.part_number) f.job_file_id FROM ingest.job_file AS f
      JOIN jsonb_array_elements(p_parts) AS e (part) ON (e.part ->> 'part_number')::integer = f.part_number
     WHERE f.split_of = p_file.job_file_id AND ingest.is_reopenable(f) AND f.part_count = p_count
       AND e.part ->> 'content_sha256' = f.content_sha256 AND (e.part ->> 'first_source_row')::bigint = f.first_source_row
     ORDER BY f.part_number, f.opened_seq DESC);
  UPDATE ingest.job_file AS f SET object_path = NULL
   WHERE f.split_of = p_file.job_file_id AND f.state IN ('refused', 'retired') AND f.job_file_id <> ALL (v_same);
  FOR v_old IN SELECT f.* FROM ingest.job_file AS f WHERE f.job_file_id = ANY (v_same) ORDER BY f.part_number LOOP
    v_path := ingest.part_path(p_file.object_path, v_old.part_number);
    PERFORM ingest.move_file(v_old.job_file_id, 'retried', p_actor, jsonb_strip_nulls(jsonb_build_object(
      'file_spec_version', p_file.file_spec_version, 'entity', p_file.entity,
      'object_path', v_path, 'dropped_path', nullif(v_old.object_path, v_path))));
  END LOOP;
  v_base := ingest.take_numbers(p_file.tenant_id, p_count);
  INSERT INTO ingest.job_file (
    tenant_id, job_id, delivery_date, delivery_name, precedence, tag_rank, agent_id, opened_seq, file_tag, entity,
    file_spec_version, relative_path, content_sha256, original_sha256, size_bytes, modified_at, part_number, part_count,
    first_source_row, chunk_number, chunk_count, split_of, is_split_judged, allow_older, state, last_event, bucket,
    object_path, opened_at, received_at, next_attempt_at)
  SELECT p_file.tenant_id, p_file.job_id, p_file.delivery_date, p_file.delivery_name, p_file.precedence, p_file.tag_rank,
         p_file.agent_id, v_base + (e.part ->> 'part_number')::bigint, p_file.file_tag, p_file.entity,
         p_file.file_spec_version, p_file.relative_path, e.part ->> 'content_sha256', p_file.original_sha256,
         (e.part ->> 'size_bytes')::bigint, p_file.modified_at, (e.part ->> 'part_number')::integer, p_count,
         (e.part ->> 'first_source_row')::bigint, p_file.chunk_number, p_file.chunk_count, p_file.job_file_id, true,
         p_file.allow_older, 'received', 'split_off', p_file.bucket,
         ingest.part_path(p_file.object_path, (e.part ->> 'part_number')::integer), v_now, v_now, v_now
    FROM jsonb_array_elements(p_parts) AS e (part)
   WHERE NOT EXISTS (SELECT FROM ingest.job_file AS f
                      WHERE f.split_of = p_file.job_file_id AND f.part_number = (e.part ->> 'part_number')::integer
                        AND f.state NOT IN ('refused', 'retired', 'duplicate'));
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state, details)
  SELECT f.tenant_id, f.opened_seq, v_now, 'split_off', p_actor, f.job_id, f.job_file_id, 'new', 'received',
         jsonb_build_object('split_of', f.split_of, 'part_number', f.part_number, 'object_path', f.object_path)
    FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.opened_seq > v_base AND f.last_event = 'split_off';
END
$$;

-- One file that was refused or taken back goes on: read by the newest spec, from its stored object, or
-- awaited at a new path. Bytes that their agent has withdrawn are always awaited at a new one.
CREATE OR REPLACE FUNCTION ingest.reopen_file(p_file ingest.job_file, p_actor text, p_details jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_spec ingest.file_spec := ingest.newest_spec(p_file.tenant_id, p_file.file_tag);
  v_more jsonb := p_details;
BEGIN
  IF v_spec.entity IS NULL OR v_spec.is_withdrawn AND p_file.entity IS NULL THEN
    PERFORM ingest.not_possible('no file spec knows the tag of this file');
  ELSIF NOT v_spec.is_withdrawn THEN
    v_more := v_more || jsonb_build_object('entity', v_spec.entity, 'file_spec_version', v_spec.version);
  END IF;
  IF EXISTS (SELECT FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.object_path IS NOT NULL)
     AND NOT EXISTS (SELECT FROM ingest.job_file AS f
                      WHERE f.split_of = p_file.job_file_id AND ingest.is_reopenable(f) AND f.object_path IS NOT NULL
                        AND ingest.stored_size(f.bucket, f.object_path) IS DISTINCT FROM f.size_bytes) THEN
    RETURN ingest.move_file(p_file.job_file_id, 'split_again', p_actor, p_details);
  ELSIF p_file.withdrawn_at IS NULL AND p_file.object_path IS NOT NULL
    AND ingest.stored_size(p_file.bucket, p_file.object_path) = p_file.size_bytes THEN
    RETURN ingest.move_file(p_file.job_file_id, 'retried', p_actor, v_more);
  END IF;
  RETURN ingest.move_file(p_file.job_file_id, 'upload_asked_again', p_actor, v_more || jsonb_strip_nulls(jsonb_build_object(
    'bucket', ingest.setting_text('bucket'), 'dropped_path', p_file.object_path,
    'object_path', ingest.new_object_path((SELECT t.slug FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id),
      p_file.job_id, p_file.job_file_id, p_file.file_tag, p_file.relative_path, p_file.part_number, p_file.part_count))));
END
$$;

CREATE OR REPLACE FUNCTION ingest.do_retry(p_file ingest.job_file, p_reason text, p_actor text, p_options jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file    ingest.job_file;
  v_count   integer := 0;
  v_details jsonb := jsonb_build_object('reason', p_reason);
BEGIN
  IF jsonb_typeof(coalesce(p_options, '{}')) <> 'object' OR coalesce(jsonb_typeof(p_options -> 'allow_older'), 'boolean') <> 'boolean' THEN
    PERFORM ingest.malformed('options is an object; allow_older is a boolean');
  ELSIF (p_options ->> 'allow_older')::boolean THEN
    v_details := v_details || '{"allow_older": true}';
  END IF;
  IF EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state = 'retired' AND NOT ingest.is_reopenable(w)) THEN
    PERFORM ingest.not_possible('a file of which a part is retired is not retried; let the agency export it again');
  ELSIF EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state = 'refused' AND w.error_code = 'WB-2115') THEN
    PERFORM ingest.not_possible('the agency changed or removed this file before it was sent: there is nothing to read; let it export the file again');
  END IF;
  -- With a chunk goes the rest of its set, as far as it was given up only because the set was not whole.
  FOR v_file IN
    SELECT DISTINCT w.* FROM (
        SELECT p_file AS file
        UNION ALL SELECT m FROM ingest.set_members(p_file, 'chunk') AS m
                   WHERE p_file.chunk_count > 1 AND m.error_code = 'WB-2111' AND m.skipped_at IS NULL) AS s,
      LATERAL ingest.whole_file(s.file) AS w
     WHERE ingest.is_reopenable(w) ORDER BY w.split_of NULLS FIRST, w.opened_seq
  LOOP
    -- Of a file that is cut again, the cut reopens the parts; of one that was registered anew, the new one counts.
    CONTINUE WHEN v_file.split_of IS NOT NULL AND (v_file.object_path IS NULL
        OR (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = v_file.split_of) <> 'split')
      OR v_file.state = 'retired' AND EXISTS (
        SELECT FROM ingest.whole_file(v_file) AS w
         WHERE w.part_number = v_file.part_number AND w.split_of IS NOT DISTINCT FROM v_file.split_of
           AND w.relative_path = v_file.relative_path AND w.job_file_id <> v_file.job_file_id AND w.state <> 'retired');
    PERFORM ingest.reopen_file(v_file, p_actor, v_details);
    v_count := v_count + 1;
  END LOOP;
  IF v_count = 0 THEN
    PERFORM ingest.not_possible(format('a file that is %s is not retried; only a refused one is', p_file.state));
  END IF;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('files', v_count,
    'state', (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = p_file.job_file_id));
END
$$;
COMMENT ON FUNCTION ingest.do_retry(ingest.job_file, text, text, jsonb) IS
  'Retries a refused file with all parts of it that were refused or taken back.';

-- What people decide has codes of its own -----------------------------------------------------------
CREATE OR REPLACE FUNCTION ingest.do_skip(p_file ingest.job_file, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_count integer := 0;
BEGIN
  FOR v_file IN SELECT w.* FROM ingest.whole_file(p_file) AS w
                 WHERE w.state IN ('awaiting_upload', 'received', 'verified', 'split')
                    OR ingest.is_reopenable(w) AND w.skipped_at IS NULL LOOP
    PERFORM ingest.move_file(v_file.job_file_id, 'skipped', p_actor, jsonb_build_object('reason', p_reason),
      coalesce(CASE WHEN ingest.is_reopenable(v_file) THEN v_file.error END, jsonb_build_object('code', 'WB-2116', 'message', 'set aside by the central team: ' || p_reason)));
    v_count := v_count + 1;
  END LOOP;
  IF v_count = 0 AND p_file.skipped_at IS NULL THEN
    PERFORM ingest.not_possible(format('a file that is %s is not skipped', p_file.state));
  END IF;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('files', v_count, 'state', 'refused');
END
$$;

CREATE OR REPLACE FUNCTION ingest.do_retire(p_file ingest.job_file, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_all   bigint := 0;
  v_count integer := 0;
  v_more  jsonb := jsonb_build_object('reason', p_reason);
  v_error jsonb := jsonb_build_object('code', 'WB-2117', 'message', 'its rows were taken out by the central team: ' || p_reason);
BEGIN
  IF NOT EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state IN ('staged', 'processed', 'archived')) THEN
    PERFORM ingest.not_possible(format('a file that is %s has no rows to retire', p_file.state));
  END IF;
  FOR v_file IN SELECT w.* FROM ingest.whole_file(p_file) AS w LOOP
    IF v_file.state IN ('staged', 'processed', 'archived', 'split') THEN
      v_all := v_all + ingest.take_back(v_file, v_error, p_actor, v_more);
      v_count := v_count + 1;
    ELSIF v_file.state IN ('awaiting_upload', 'received', 'verified') THEN
      PERFORM ingest.move_file(v_file.job_file_id, 'skipped', p_actor, v_more, v_error);
    END IF;
  END LOOP;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('rows', v_all, 'files', v_count, 'state', 'retired');
END
$$;
