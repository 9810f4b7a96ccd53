-- 0009 RPCs ingest_renew_uploads, ingest_confirm_uploads, ingest_close_job.
-- Why:    tokens expire, answers get lost, deliveries end.
-- Needs:  0008.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent   ingest.agent := ingest.begin_agent_call();
  v_id      uuid;
  v_file    ingest.job_file;
  v_answers jsonb[] := ARRAY[]::jsonb[];
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOREACH v_id IN ARRAY coalesce(ingest_renew_uploads.job_file_ids, '{}') LOOP
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.job_file_id = v_id AND f.tenant_id = v_agent.tenant_id;
    v_answers := v_answers || jsonb_build_object(
      'job_file_id', v_id, 'state', v_file.state,
      'upload', CASE WHEN v_file.state = 'awaiting_upload' THEN ingest.upload_target(v_file.bucket, v_file.object_path) END,
      'error', CASE WHEN v_file.state IS NULL THEN ingest.unknown_file() ELSE v_file.error END);
  END LOOP;
  RETURN jsonb_build_object('files', to_jsonb(v_answers));
END
$$;
COMMENT ON FUNCTION public.ingest_renew_uploads(uuid[]) IS
  'Fresh tokens for the same paths, while the files are awaited; schema/wire/ingest_renew_uploads.schema.json.';

-- Another agency's file and a file that never was look the same from outside.
CREATE FUNCTION ingest.unknown_file() RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT '{"code": "WB-2104", "message": "no such file is registered here"}'::jsonb
$$;
COMMENT ON FUNCTION ingest.unknown_file() IS 'The problem told for a job_file_id that is not one of the caller''s.';

CREATE FUNCTION ingest.stored_size(p_bucket text, p_path text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE WHEN o.metadata ->> 'size' ~ '^[0-9]{1,18}$' THEN (o.metadata ->> 'size')::bigint ELSE -1 END
    FROM storage.objects AS o
   WHERE o.bucket_id = p_bucket AND o.name = p_path AND o.metadata ? 'eTag'
$$;
COMMENT ON FUNCTION ingest.stored_size(text, text) IS
  'Size of a completely stored object; null when it is not there (a row without eTag is a permission probe).';

-- An awaited file's object is there with the right size. The caller holds the tenant's lock.
CREATE FUNCTION ingest.receive_file(p_file ingest.job_file, p_actor text) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_first uuid := ingest.proven_copy(p_file.tenant_id, p_file.file_tag, p_file.original_sha256, p_file.part_number);
BEGIN
  IF v_first IS NOT NULL THEN
    RETURN ingest.move_file(p_file.job_file_id, 'found_duplicate', p_actor, jsonb_build_object('duplicate_of', v_first));
  END IF;
  RETURN ingest.move_file(p_file.job_file_id, 'arrived', p_actor);
END
$$;
COMMENT ON FUNCTION ingest.receive_file(ingest.job_file, text) IS
  'Moves an awaited file whose object is there to received, or to duplicate when another copy was first.';

-- What is stored is not what was announced: a new path, or the end after max_uploads of them.
CREATE FUNCTION ingest.replace_target(p_file ingest.job_file, p_event text, p_actor text, p_error jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_file.upload_count >= ingest.setting_bigint('max_uploads') THEN
    RETURN ingest.move_file(p_file.job_file_id, 'refused', p_actor, p_error => p_error);
  END IF;
  RETURN ingest.move_file(p_file.job_file_id, p_event, p_actor, jsonb_build_object(
    'object_path', ingest.new_object_path(
      (SELECT t.slug FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id),
      p_file.job_id, p_file.job_file_id, p_file.file_tag, p_file.relative_path, p_file.part_number, p_file.part_count),
    'dropped_path', p_file.object_path), p_error);
END
$$;
COMMENT ON FUNCTION ingest.replace_target(ingest.job_file, text, text, jsonb) IS
  'Awaits the file at a new path, or refuses it when setting max_uploads is used up.';

CREATE FUNCTION public.ingest_confirm_uploads(files jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent   ingest.agent := ingest.begin_agent_call();
  v_entry   record;
  v_file    ingest.job_file;
  v_stored  bigint;
  v_problem jsonb;
  v_answers jsonb[] := ARRAY[]::jsonb[];
BEGIN
  IF jsonb_typeof(ingest_confirm_uploads.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  END IF;
  IF jsonb_array_length(ingest_confirm_uploads.files) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_entry IN
    SELECT e.entry, e.position - 1 AS index
      FROM jsonb_array_elements(ingest_confirm_uploads.files) WITH ORDINALITY AS e (entry, position) ORDER BY e.position
  LOOP
    IF coalesce(v_entry.entry ->> 'job_file_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
       OR ingest.whole_number(v_entry.entry, 'size_bytes', NULL) IS NULL THEN
      PERFORM ingest.malformed(format('files[%s] needs job_file_id and size_bytes', v_entry.index));
    END IF;
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.job_file_id = (v_entry.entry ->> 'job_file_id')::uuid AND f.tenant_id = v_agent.tenant_id;
    v_problem := v_file.error;
    IF v_file.state IS NULL THEN
      v_problem := ingest.unknown_file();
    ELSIF v_file.state = 'awaiting_upload' THEN
      v_stored := ingest.stored_size(v_file.bucket, v_file.object_path);
      IF v_stored IS NULL THEN
        v_problem := '{"code": "WB-4001", "message": "the object is not there"}';
      ELSIF v_stored <> v_file.size_bytes OR (v_entry.entry ->> 'size_bytes')::bigint <> v_file.size_bytes THEN
        v_problem := '{"code": "WB-4002", "message": "the stored size is not the registered one"}';
        v_file.state := ingest.replace_target(v_file, 'size_mismatched', 'agent:' || v_agent.agent_id, v_problem);
      ELSE
        v_problem := NULL;
        v_file.state := ingest.receive_file(v_file, 'agent:' || v_agent.agent_id);
      END IF;
    END IF;
    v_answers := v_answers || jsonb_build_object('job_file_id', v_entry.entry -> 'job_file_id',
      'state', v_file.state, 'problem', v_problem);
  END LOOP;
  RETURN jsonb_build_object('files', to_jsonb(v_answers));
END
$$;
COMMENT ON FUNCTION public.ingest_confirm_uploads(jsonb) IS
  'The agent says it has sent files; central looks itself; schema/wire/ingest_confirm_uploads.schema.json.';

CREATE FUNCTION public.ingest_close_job(job_key text, reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := ingest.begin_agent_call();
  v_job   ingest.job;
BEGIN
  IF coalesce(length(ingest_close_job.reason), 0) NOT BETWEEN 1 AND 200 THEN
    PERFORM ingest.malformed('reason is 1 to 200 characters');
  END IF;
  SELECT j.* INTO v_job FROM ingest.job AS j
   WHERE j.tenant_id = v_agent.tenant_id AND j.job_key = ingest_close_job.job_key;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2102', 404, 'no job of this agency has this key', 'Report it with the job key.');
  ELSIF v_job.agent_id <> v_agent.agent_id THEN
    PERFORM ingest.refuse('WB-2004', 403, 'this job key belongs to another agent', 'Make a new job key.');
  END IF;
  IF v_job.state = 'open' THEN
    UPDATE ingest.job AS j SET state = 'closed', closed_at = clock_timestamp(), close_reason = ingest_close_job.reason
     WHERE j.job_id = v_job.job_id;
    PERFORM ingest.append_event(v_agent.tenant_id, 'job_closed', 'agent:' || v_agent.agent_id, v_job.job_id);
    PERFORM ingest.complete_job(v_job.job_id);
  END IF;
  RETURN (SELECT jsonb_build_object('job_id', j.job_id, 'job_key', j.job_key, 'state', j.state)
            FROM ingest.job AS j WHERE j.job_id = v_job.job_id);
END
$$;
COMMENT ON FUNCTION public.ingest_close_job(text, text) IS
  'The delivery is complete or its deadline passed; schema/wire/ingest_close_job.schema.json.';
