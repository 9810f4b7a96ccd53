-- 0009 How a file moves, and what follows for its job, its agency and its parts.
-- Why:    every state has one way in; what is not in ingest.job_file_move cannot happen.
-- Needs:  0008.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.complete_job(p_job_id uuid) RETURNS void
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
COMMENT ON FUNCTION ingest.complete_job(uuid) IS 'Marks a closed job complete once every file of it is final.';

-- The one way a job_file moves. The caller holds the tenant's lock.
CREATE FUNCTION ingest.move_file(
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
COMMENT ON FUNCTION ingest.move_file(uuid, text, text, jsonb, jsonb) IS
  'Moves a file as ingest.job_file_move lists it and appends the event; returns the new state.';

CREATE FUNCTION ingest.free_lease(p_tenant_id uuid, p_job_file_id uuid) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  UPDATE ingest.lease AS l SET holder = NULL, step = NULL, job_file_id = NULL, expires_at = NULL
   WHERE l.tenant_id = p_tenant_id AND l.job_file_id = p_job_file_id AND l.holder IS NOT NULL
$$;
COMMENT ON FUNCTION ingest.free_lease(uuid, uuid) IS
  'Takes the lease from whoever works on the file: when the file moves, that step is lost (WB-5002).';

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

CREATE FUNCTION ingest.alert_of_refusal(p_file ingest.job_file, p_code text, p_message text) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  SELECT ingest.raise_alert(p_file.tenant_id, 'file_refused', p_code,
    format('%s: %s of %s is refused: %s', t.slug, ingest.plain_text(p_file.relative_path), p_file.delivery_date, p_message),
    jsonb_build_object('job_file_id', p_file.job_file_id, 'file_tag', p_file.file_tag, 'delivery_date', p_file.delivery_date))
    FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id
$$;
COMMENT ON FUNCTION ingest.alert_of_refusal(ingest.job_file, text, text) IS
  'Raises file_refused, for a refusal that halts nothing and that no one at the agency can put right alone.';

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
