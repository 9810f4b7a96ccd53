-- 0012 What the worker calls to end a step: finish_verify, finish_stage, finish_move, refuse_file, fail_step.
-- Why:    a step counts only if its worker still holds the lease, and what it says is checked.
-- Needs:  0011.   Locks: none; all is new.
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

CREATE FUNCTION ingest.add_report(p_file ingest.job_file, p_report jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_report IS NOT NULL THEN
    INSERT INTO ingest.artifact (tenant_id, job_id, job_file_id, kind, content, content_sha256, created_by)
    VALUES (p_file.tenant_id, p_file.job_id, p_file.job_file_id, 'validation_report', p_report,
            ingest.sha256_hex(p_report::text), p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.add_report(ingest.job_file, jsonb, text) IS 'Keeps a validation report as artifact of the file.';

CREATE FUNCTION ingest.finish_verify(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_sha256 text, p_size_bytes bigint
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end   ingest.ended_step;
  v_file  ingest.job_file;
  v_actor text;
  v_first uuid;
BEGIN
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  v_first := ingest.proven_copy(v_file.tenant_id, v_file.file_tag, v_file.original_sha256, v_file.part_number);
  IF p_sha256 IS NOT DISTINCT FROM v_file.content_sha256 AND p_size_bytes IS NOT DISTINCT FROM v_file.size_bytes THEN
    IF v_first IS NOT NULL THEN
      RETURN ingest.move_file(p_job_file_id, 'found_duplicate', v_actor, jsonb_build_object('duplicate_of', v_first));
    END IF;
    RETURN ingest.move_file(p_job_file_id, 'hash_matched', v_actor);
  END IF;
  RETURN ingest.replace_target(v_file, 'hash_mismatched', v_actor,
    '{"code": "WB-4003", "message": "the stored bytes are not the bytes that the ledger names"}');
END
$$;
COMMENT ON FUNCTION ingest.finish_verify(uuid, bigint, uuid, text, bigint) IS
  'What the stored bytes hash to: equal means verified (or duplicate, when a verified copy is there), else the file is awaited at a new path or, at the end, refused.';

CREATE FUNCTION ingest.finish_stage(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_rows bigint, p_sha256 text, p_report jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end   ingest.ended_step;
  v_file  ingest.job_file;
  v_actor text;
  v_rows  bigint;
BEGIN
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{stage}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  IF p_sha256 IS DISTINCT FROM v_file.content_sha256 THEN
    PERFORM ingest.refuse('WB-4003', 409, 'the bytes that were read are not the bytes that the ledger names',
      'Look for whoever alters stored objects.');
  END IF;
  v_rows := staging.close_load(v_file);
  IF v_rows IS DISTINCT FROM p_rows THEN
    PERFORM ingest.refuse('WB-5003', 500, format('%s rows are in staging, %s were announced', v_rows, p_rows),
      'Report it; this is a defect.');
  END IF;
  PERFORM ingest.add_report(v_file, p_report, v_actor);
  RETURN ingest.move_file(p_job_file_id, 'staged', v_actor, jsonb_build_object('rows_staged', v_rows));
END
$$;
COMMENT ON FUNCTION ingest.finish_stage(uuid, bigint, uuid, bigint, text, jsonb) IS
  'Ends staging in the transaction of the COPY: hash and row count must be as announced, else the rows roll back.';

CREATE FUNCTION ingest.refuse_file(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_error jsonb, p_report jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end   ingest.ended_step;
  v_file  ingest.job_file;
  v_actor text;
BEGIN
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,stage}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  PERFORM ingest.add_report(v_file, p_report, v_actor);
  RETURN ingest.move_file(p_job_file_id, 'refused', v_actor, p_error => ingest.clean_error(p_error));
END
$$;
COMMENT ON FUNCTION ingest.refuse_file(uuid, bigint, uuid, jsonb, jsonb) IS
  'Ends a file for good, with the reason; for content that trying again cannot help.';

CREATE FUNCTION ingest.finish_move(p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_new_path text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end      ingest.ended_step;
  v_file     ingest.job_file;
  v_actor    text;
  v_expected text;
BEGIN
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{rename,archive}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  v_expected := CASE v_file.state
    WHEN 'staged' THEN ingest.processed_path(v_file.object_path)
    ELSE ingest.archive_path((SELECT t.slug FROM ingest.tenant AS t WHERE t.tenant_id = p_tenant_id),
                             v_file.processed_at, v_file.object_path) END;
  IF p_new_path IS DISTINCT FROM v_expected THEN
    PERFORM ingest.malformed('the new path is not the one that the claim named');
  END IF;
  RETURN ingest.move_file(p_job_file_id, CASE v_file.state WHEN 'staged' THEN 'renamed' ELSE 'archived' END,
    v_actor, jsonb_build_object('object_path', p_new_path));
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
  v_actor     text;
  v_step      text;
  v_error     jsonb := ingest.clean_error(p_error);
  v_exhausted boolean;
  v_next      timestamptz;
BEGIN
  SELECT l.step INTO v_step FROM ingest.lease AS l WHERE l.tenant_id = p_tenant_id;
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,stage,rename,archive}');
  v_file := v_end.file;
  v_actor := v_end.actor;
  v_exhausted := NOT coalesce(p_transient, false) OR v_file.attempt_count >= ingest.setting_bigint('max_attempts');
  v_next := clock_timestamp() + CASE WHEN v_exhausted THEN interval '1 hour'
    ELSE least(interval '5 seconds' * power(2, least(v_file.attempt_count - 1, 16)), interval '15 minutes') END;
  UPDATE ingest.job_file AS f SET next_attempt_at = v_next, error = v_error, error_code = v_error ->> 'code'
   WHERE f.job_file_id = p_job_file_id;
  PERFORM ingest.append_event(p_tenant_id, 'step_failed', v_actor, v_file.job_id, p_job_file_id,
    p_details => jsonb_build_object('step', v_step, 'attempt', v_file.attempt_count, 'error', v_error,
      'is_transient', coalesce(p_transient, false), 'is_exhausted', v_exhausted, 'next_attempt_at', ingest.iso(v_next)));
  RETURN v_next;
END
$$;
COMMENT ON FUNCTION ingest.fail_step(uuid, bigint, uuid, jsonb, boolean) IS
  'The step did not work out: tried again after 5 s, 10 s, 20 s … at most 15 min; hourly when permanent or after max_attempts.';
