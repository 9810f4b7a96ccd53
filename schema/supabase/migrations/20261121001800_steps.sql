-- 0018 What the worker calls to end a step: verified, split, staged, moved, refused, failed, given back.
-- Why:    a step counts only if its worker still holds the lease, and what it says is checked; a permanent
--         failure halts its agency, a transient one never does.
-- Needs:  0017.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE TYPE ingest.ended_step AS (file ingest.job_file, actor text);
COMMENT ON TYPE ingest.ended_step IS 'A step whose worker held the lease: the file as it is, and the worker as events name it.';

-- Opens the end of a step: locks the tenant, checks lease, fence, file and step, and gives the lease
-- back. When the caller's transaction rolls back, the lease is held again.
CREATE FUNCTION ingest.end_step(p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_steps text[])
RETURNS ingest.ended_step
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_lease ingest.lease;
  v_file  ingest.job_file;
BEGIN
  PERFORM ingest.lock_tenant(p_tenant_id);
  SELECT l.* INTO v_lease FROM ingest.lease AS l WHERE l.tenant_id = p_tenant_id FOR UPDATE;
  IF v_lease.holder IS NULL OR v_lease.fence IS DISTINCT FROM p_fence
     OR v_lease.job_file_id IS DISTINCT FROM p_job_file_id THEN
    PERFORM ingest.refuse('WB-5002', 409, 'the lease is lost: the step belongs to another worker now',
      'Nothing; if it repeats, raise lease_s.');
  ELSIF NOT v_lease.step = ANY (p_steps) THEN
    PERFORM ingest.refuse('WB-2105', 500, format('the lease is for the step %s', v_lease.step), 'Report it; this is a defect.');
  END IF;
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  UPDATE ingest.lease AS l SET holder = NULL, step = NULL, job_file_id = NULL, expires_at = NULL
   WHERE l.tenant_id = p_tenant_id;
  RETURN ROW(v_file, 'worker:' || v_lease.holder);
END
$$;
COMMENT ON FUNCTION ingest.end_step(uuid, bigint, uuid, text[]) IS
  'Checks that the caller holds the lease for this file and step (WB-5002 otherwise), and gives it back.';

-- Wrong bytes of a withdrawn file: nobody has the right ones any more.
CREATE FUNCTION ingest.finish_verify(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_sha256 text, p_size_bytes bigint
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end   ingest.ended_step;
  v_file  ingest.job_file;
  v_actor text;
  v_copy  ingest.copy_state;
  v_error jsonb := '{"code": "WB-4003", "message": "the stored bytes are not the bytes that the ledger names"}';
  v_state text;
BEGIN
  PERFORM ingest.authorize('ingest.finish_verify');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  IF p_sha256 IS NOT DISTINCT FROM v_file.content_sha256 AND p_size_bytes IS NOT DISTINCT FROM v_file.size_bytes THEN
    IF v_file.split_of IS NULL THEN
      v_copy := ingest.judge_copy(v_file.tenant_id, v_file.file_tag, v_file.original_sha256, v_file.part_number, v_file.part_count);
      IF v_copy.verdict = 'duplicate' THEN
        RETURN ingest.move_file(p_job_file_id, 'found_duplicate', v_actor, jsonb_build_object('duplicate_of', v_copy.first));
      ELSIF v_copy.verdict = 'mixed' THEN
        v_error := '{"code": "WB-2112", "message": "the parts of one set name different totals"}';
        PERFORM ingest.move_file(p_job_file_id, 'refused', v_actor, p_error => v_error);
        PERFORM ingest.refuse_set(v_file, 'part', v_error, v_actor);
        RETURN 'refused';
      END IF;
    END IF;
    RETURN ingest.move_file(p_job_file_id, 'hash_matched', v_actor);
  ELSIF v_file.split_of IS NOT NULL THEN  -- no agent has these bytes to send again
    RETURN ingest.refuse_one(v_file, v_error, v_actor, true);
  ELSIF v_file.withdrawn_at IS NOT NULL THEN
    PERFORM ingest.withdraw(v_file, 'refused', ingest.withdrawn_error('changed'), v_actor);
    RETURN 'refused';
  END IF;
  v_state := ingest.replace_target(v_file, 'hash_mismatched', v_actor, v_error);
  IF v_state = 'refused' THEN
    PERFORM ingest.refuse_siblings(v_file, v_error, v_actor);
    IF ingest.halts_on_refusal(v_file) THEN
      PERFORM ingest.halt_tenant(v_file, v_error, v_actor);
    END IF;
  END IF;
  RETURN v_state;
END
$$;
COMMENT ON FUNCTION ingest.finish_verify(uuid, bigint, uuid, text, bigint) IS
  'What the stored bytes hash to: equal means verified (or duplicate, when a verified copy is there), else the file is awaited at a new path or, at the end, refused.';

-- Same folder, same name with the part's number: the grammar of core/file_name.
CREATE FUNCTION ingest.part_path(p_object_path text, p_part_number integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT regexp_replace(p_object_path, '\.([a-z0-9]{1,8})$', '-part' || lpad(p_part_number::text, 5, '0') || '.\1')
$$;
COMMENT ON FUNCTION ingest.part_path(text, integer) IS 'Where the worker stores a part that it cuts from the object of this path.';

CREATE FUNCTION ingest.check_parts(p_file ingest.job_file, p_parts jsonb) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
DECLARE
  v_part record;
  v_row  bigint := 0;
  v_last bigint := 0;
BEGIN
  IF jsonb_typeof(p_parts) IS DISTINCT FROM 'array' OR jsonb_array_length(p_parts) NOT BETWEEN 1 AND 99999 THEN
    PERFORM ingest.malformed('parts is a list of 1 to 99999');
  END IF;
  FOR v_part IN SELECT e.entry FROM jsonb_array_elements(p_parts) WITH ORDINALITY AS e (entry, position) ORDER BY e.position LOOP
    v_last := v_last + 1;
    IF ingest.whole_number(v_part.entry, 'part_number', NULL) IS DISTINCT FROM v_last
       OR coalesce(ingest.whole_number(v_part.entry, 'size_bytes', NULL), 0) < 1
       OR coalesce(v_part.entry ->> 'content_sha256', '') !~ '^[0-9a-f]{64}$'
       OR coalesce(ingest.whole_number(v_part.entry, 'first_source_row', NULL), 0) <= v_row
       OR v_last = 1 AND ingest.whole_number(v_part.entry, 'first_source_row', NULL) <> 1 THEN
      PERFORM ingest.malformed(format('parts[%s] is not as agreed', v_last - 1));
    END IF;
    v_row := ingest.whole_number(v_part.entry, 'first_source_row', NULL);
  END LOOP;
  RETURN v_last::integer;
END
$$;
COMMENT ON FUNCTION ingest.check_parts(ingest.job_file, jsonb) IS 'Checks the list of parts (WB-2101) and returns how many there are.';

-- Registers the parts of a split file. After a retry the same parts are found again, where they are stored; one that
-- is not stored any more is at the path of its new cut. An ended part that the cut no longer has gives up its path,
-- for it belongs to the new one.
CREATE FUNCTION ingest.add_parts(p_file ingest.job_file, p_parts jsonb, p_count integer, p_actor text) RETURNS void
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
    v_path := CASE WHEN ingest.stored_size(v_old.bucket, v_old.object_path) = v_old.size_bytes THEN v_old.object_path
                   ELSE ingest.part_path(p_file.object_path, v_old.part_number) END;
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
COMMENT ON FUNCTION ingest.add_parts(ingest.job_file, jsonb, integer, text) IS 'Registers the stored parts of a split file as received.';

CREATE FUNCTION ingest.finish_split(p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_parts jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end   ingest.ended_step;
  v_file  ingest.job_file;
  v_actor text;
  v_count integer;
BEGIN
  PERFORM ingest.authorize('ingest.finish_split');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{split}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  v_count := ingest.check_parts(v_file, p_parts);
  IF v_count = 1 THEN
    UPDATE ingest.job_file AS f SET is_split_judged = true, attempt_count = 0, next_attempt_at = ingest.clock(),
                                    error = NULL, error_code = NULL
     WHERE f.job_file_id = p_job_file_id;
    PERFORM ingest.append_event(p_tenant_id, 'split_not_needed', v_actor, v_file.job_id, p_job_file_id);
    RETURN 'verified';
  END IF;
  PERFORM ingest.move_file(p_job_file_id, 'split', v_actor, jsonb_build_object('part_count', v_count));
  PERFORM ingest.add_parts(v_file, p_parts, v_count, v_actor);
  RETURN 'split';
END
$$;
COMMENT ON FUNCTION ingest.finish_split(uuid, bigint, uuid, jsonb) IS
  'The file fits (one part) and stays verified, or its stored parts take its place.';

CREATE FUNCTION ingest.add_report(p_file ingest.job_file, p_report jsonb, p_actor text) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  SELECT ingest.add_artifact(p_file, 'validation_report', p_report, p_actor)
$$;
COMMENT ON FUNCTION ingest.add_report(ingest.job_file, jsonb, text) IS 'Keeps a validation report as artifact of the file.';

-- The spec that the file was read by decides, not the worker: what it does not allow is not kept.
CREATE FUNCTION ingest.add_rejected(p_file ingest.job_file, p_rejected jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_spec    jsonb := (SELECT s.spec FROM ingest.file_spec AS s
                       WHERE s.tenant_id = p_file.tenant_id AND s.file_tag = p_file.file_tag AND s.version = p_file.file_spec_version);
  v_secrets text[] := CASE WHEN v_spec -> 'send_quarantined_rows' = 'true' THEN '{}' ELSE '{text,base64}' END;
BEGIN
  IF p_rejected IS NULL THEN
    RETURN;
  ELSIF jsonb_typeof(p_rejected -> 'rows') IS DISTINCT FROM 'array' OR octet_length(p_rejected::text) > 2097152 THEN
    PERFORM ingest.malformed('rejected rows are an object with the array rows, of 2 MiB at most');
  END IF;
  PERFORM ingest.add_artifact(p_file, 'rejected_rows', jsonb_build_object(
    'rows', (SELECT coalesce(jsonb_agg(r.entry - v_secrets ORDER BY r.position), '[]')
               FROM jsonb_array_elements(p_rejected -> 'rows') WITH ORDINALITY AS r (entry, position)),
    'truncated', p_rejected -> 'truncated' = 'true'), p_actor);
END
$$;
COMMENT ON FUNCTION ingest.add_rejected(ingest.job_file, jsonb, text) IS
  'Keeps the rows that were set aside; without their text, unless the file''s spec says send_quarantined_rows.';

CREATE FUNCTION ingest.finish_stage(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_rows bigint, p_sha256 text, p_report jsonb DEFAULT NULL,
  p_rejected jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end  ingest.ended_step;
  v_file ingest.job_file;
  v_rows bigint;
BEGIN
  PERFORM ingest.authorize('ingest.finish_stage');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{stage}');
  v_file := v_end.file;
  IF p_sha256 IS DISTINCT FROM v_file.content_sha256 THEN
    PERFORM ingest.refuse('WB-4003', 409, 'the bytes that were read are not the bytes that the ledger names',
      'Look for whoever alters stored objects.');
  END IF;
  v_rows := staging.close_load(v_file);
  IF v_rows IS DISTINCT FROM p_rows THEN
    PERFORM ingest.refuse('WB-5003', 500, format('%s rows are in staging, %s were announced', v_rows, p_rows),
      'Report it; this is a defect.');
  END IF;
  PERFORM ingest.add_report(v_file, p_report, v_end.actor);
  PERFORM ingest.add_rejected(v_file, p_rejected, v_end.actor);
  RETURN ingest.move_file(p_job_file_id, 'staged', v_end.actor, jsonb_strip_nulls(jsonb_build_object(
    'rows_staged', v_rows, 'rows_skipped', ingest.whole_number(p_report, 'rows_skipped', NULL))));
END
$$;
COMMENT ON FUNCTION ingest.finish_stage(uuid, bigint, uuid, bigint, text, jsonb, jsonb) IS
  'The rows of this transaction are the file''s, with hash and count as promised; keeps the validation report and the rows set aside.';

CREATE FUNCTION ingest.refuse_file(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_error jsonb, p_report jsonb DEFAULT NULL, p_rejected jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end  ingest.ended_step;
  v_file ingest.job_file;
BEGIN
  PERFORM ingest.authorize('ingest.refuse_file');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,split,stage}');
  v_file := v_end.file;
  PERFORM ingest.add_report(v_file, p_report, v_end.actor);
  PERFORM ingest.add_rejected(v_file, p_rejected, v_end.actor);
  RETURN ingest.refuse_one(v_file, ingest.clean_error(p_error), v_end.actor, true);
END
$$;
COMMENT ON FUNCTION ingest.refuse_file(uuid, bigint, uuid, jsonb, jsonb, jsonb) IS
  'Ends a file with the reason, for content that trying again cannot help; its spec says whether the agency halts.';

CREATE FUNCTION ingest.finish_move(p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_new_path text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end  ingest.ended_step;
  v_file ingest.job_file;
  v_step text;
BEGIN
  PERFORM ingest.authorize('ingest.finish_move');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{rename,archive}');
  v_file := v_end.file;
  v_step := CASE v_file.state WHEN 'staged' THEN 'rename' ELSE 'archive' END;
  IF p_new_path IS DISTINCT FROM ingest.target_path(v_file, v_step) THEN
    PERFORM ingest.malformed('the new path is not the one that the claim named');
  END IF;
  RETURN ingest.move_file(p_job_file_id, CASE v_step WHEN 'rename' THEN 'renamed' ELSE 'archived' END,
    v_end.actor, jsonb_build_object('object_path', p_new_path));
END
$$;
COMMENT ON FUNCTION ingest.finish_move(uuid, bigint, uuid, text) IS
  'The object has the name that the claim''s target_path gave: staged becomes processed, processed becomes archived.';

CREATE FUNCTION ingest.fail_step(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_error jsonb, p_transient boolean
) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end       ingest.ended_step;
  v_file      ingest.job_file;
  v_step      text;
  v_error     jsonb := ingest.clean_error(p_error);
  v_transient boolean := coalesce(p_transient, false);
  v_most      bigint := ingest.setting_bigint('max_attempts');
  v_next      timestamptz := ingest.clock();
BEGIN
  PERFORM ingest.authorize('ingest.fail_step');
  SELECT l.step INTO v_step FROM ingest.lease AS l WHERE l.tenant_id = p_tenant_id;
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,split,stage,rename,archive}');
  v_file := v_end.file;
  IF v_transient THEN
    v_next := v_next + ingest.pause_after(v_file.attempt_count);
  END IF;
  UPDATE ingest.job_file AS f SET next_attempt_at = v_next, error = v_error, error_code = v_error ->> 'code'
   WHERE f.job_file_id = p_job_file_id;
  PERFORM ingest.append_event(p_tenant_id, 'step_failed', v_end.actor, v_file.job_id, p_job_file_id,
    p_details => jsonb_build_object('step', v_step, 'attempt', v_file.attempt_count, 'error', v_error,
      'is_transient', v_transient, 'is_exhausted', NOT v_transient OR v_file.attempt_count >= v_most,
      'next_attempt_at', ingest.iso(v_next)));
  IF NOT v_transient THEN
    PERFORM ingest.halt_tenant(v_file, v_error, v_end.actor);
  ELSIF v_file.attempt_count = v_most THEN
    PERFORM ingest.alert_of_step(v_file, v_step, v_error);
  END IF;
  RETURN v_next;
END
$$;
COMMENT ON FUNCTION ingest.fail_step(uuid, bigint, uuid, jsonb, boolean) IS
  'The step did not work out. Transient: tried again after 5 s, 10 s, 20 s … at most 15 min, an alert after max_attempts. Permanent: the agency halts.';

CREATE FUNCTION ingest.release_step(p_tenant_id uuid, p_fence bigint, p_job_file_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.release_step');
  PERFORM ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,split,stage,rename,archive}');
  UPDATE ingest.job_file AS f SET attempt_count = greatest(f.attempt_count - 1, 0) WHERE f.job_file_id = p_job_file_id;
END
$$;
COMMENT ON FUNCTION ingest.release_step(uuid, bigint, uuid) IS
  'The worker stops and gives the step back unfinished; the attempt does not count.';
