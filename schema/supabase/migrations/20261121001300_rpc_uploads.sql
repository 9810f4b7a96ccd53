-- 0013 ingest_renew_uploads, ingest_confirm_uploads, ingest_close_job; how files are received.
-- Why:    tokens expire, uploads break off, and a 2xx is never proof.
-- Needs:  0012.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- Another agency's file and a file that never was look the same from outside.
CREATE FUNCTION ingest.unknown_file() RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT '{"code": "WB-2104", "message": "no such file is registered here"}'::jsonb
$$;
COMMENT ON FUNCTION ingest.unknown_file() IS 'The problem told for a job_file_id that is not one of the caller''s.';

CREATE FUNCTION ingest.carried_file(p_agent ingest.agent, p_job_file_id uuid) RETURNS ingest.job_file
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT f.* FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
   WHERE f.job_file_id = p_job_file_id AND f.tenant_id = p_agent.tenant_id AND f.split_of IS NULL
     AND (f.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
$$;
COMMENT ON FUNCTION ingest.carried_file(ingest.agent, uuid) IS
  'A file that the agent, or a revoked one of its agency, carries; a row of nulls for any other: it is answered as unknown.';

CREATE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_renew_uploads')).agent;
  v_left  ingest.job_file;
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_left IN SELECT f.* FROM unnest(ingest_renew_uploads.job_file_ids) AS i (id)
                  JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON f.state = 'awaiting_upload'
                 WHERE f.agent_id <> v_agent.agent_id ORDER BY f.opened_seq LOOP
    PERFORM ingest.settle_offer(v_agent, v_left);
  END LOOP;
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'job_file_id', i.id, 'state', ingest.told_state(f.state),
             'upload', CASE WHEN f.state = 'awaiting_upload' THEN ingest.upload_target(f.bucket, f.object_path, f.size_bytes) END,
             'error', CASE WHEN f.state IS NULL THEN ingest.unknown_file() ELSE f.error END) ORDER BY i.position), '[]')
      FROM unnest(ingest_renew_uploads.job_file_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON true));
END
$$;
COMMENT ON FUNCTION public.ingest_renew_uploads(uuid[]) IS
  'Fresh tokens for the same paths, while the files are awaited; schema/wire/ingest_renew_uploads.schema.json.';

-- Awaited files whose objects are there with the right size. The caller holds the tenant's lock.
CREATE FUNCTION ingest.receive_files(p_tenant_id uuid, p_ids uuid[], p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
  v_new  uuid[] := '{}';
  v_copy ingest.copy_state;
  v_base bigint;
  v_now  timestamptz := ingest.clock();
BEGIN
  FOR v_file IN SELECT f.* FROM ingest.job_file AS f
                 WHERE f.job_file_id = ANY (p_ids) AND f.state = 'awaiting_upload' ORDER BY f.opened_seq LOOP
    v_copy := ingest.judge_copy(p_tenant_id, v_file.file_tag, v_file.original_sha256, v_file.part_number, v_file.part_count);
    IF v_copy.verdict = 'duplicate' THEN
      PERFORM ingest.move_file(v_file.job_file_id, 'found_duplicate', p_actor, jsonb_build_object('duplicate_of', v_copy.first));
    ELSE
      v_new := v_new || v_file.job_file_id;
    END IF;
  END LOOP;
  UPDATE ingest.job_file AS f
     SET state = 'received', last_event = 'arrived', error = NULL, error_code = NULL, attempt_count = 0,
         next_attempt_at = v_now, received_at = v_now
   WHERE f.job_file_id = ANY (v_new);
  v_base := ingest.take_numbers(p_tenant_id, cardinality(v_new));
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state)
  SELECT p_tenant_id, v_base + row_number() OVER (ORDER BY f.opened_seq), v_now, 'arrived', p_actor, f.job_id,
         f.job_file_id, 'awaiting_upload', 'received'
    FROM ingest.job_file AS f WHERE f.job_file_id = ANY (v_new);
  FOR v_file IN
    SELECT f.* FROM ingest.job_file AS f
      JOIN ingest.delivery AS d ON d.tenant_id = f.tenant_id AND d.delivery_date = f.delivery_date
                               AND d.delivery_name = f.delivery_name AND d.plan_version IS NOT NULL
     WHERE f.job_file_id = ANY (v_new) ORDER BY f.opened_seq
  LOOP
    PERFORM ingest.note_planned_file(v_file, true, p_actor);
  END LOOP;
END
$$;
COMMENT ON FUNCTION ingest.receive_files(uuid, uuid[], text) IS
  'Moves awaited files whose objects are there to received, or to duplicate when another copy was first.';

-- What is wrong with one confirmed upload; null when nothing is, or the file is no longer awaited.
CREATE FUNCTION ingest.judge_upload(p_file ingest.job_file, p_size_bytes bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_stored bigint;
BEGIN
  IF p_file.state IS NULL THEN
    RETURN ingest.unknown_file();
  ELSIF p_file.state <> 'awaiting_upload' THEN
    RETURN p_file.error;
  END IF;
  v_stored := ingest.stored_size(p_file.bucket, p_file.object_path);
  IF v_stored IS NULL THEN
    RETURN '{"code": "WB-4001", "message": "the object is not there"}';
  ELSIF v_stored <> p_file.size_bytes OR p_size_bytes <> p_file.size_bytes THEN
    RETURN '{"code": "WB-4002", "message": "the stored size is not the registered one"}';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.judge_upload(ingest.job_file, bigint) IS 'The problem of a confirmed upload, from what Storage holds; null = received.';

CREATE FUNCTION public.ingest_confirm_uploads(files jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent    ingest.agent := (ingest.authorize('public.ingest_confirm_uploads')).agent;
  v_actor    text := 'agent:' || v_agent.agent_id;
  v_entry    record;
  v_file     ingest.job_file;
  v_ids      uuid[] := '{}';
  v_problems jsonb[] := '{}';
  v_came     uuid[] := '{}';
BEGIN
  IF jsonb_typeof(ingest_confirm_uploads.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  ELSIF jsonb_array_length(ingest_confirm_uploads.files) > 500 THEN
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
    v_ids := v_ids || (v_entry.entry ->> 'job_file_id')::uuid;
    v_file := ingest.carried_file(v_agent, (v_entry.entry ->> 'job_file_id')::uuid);
    v_problems := array_append(v_problems, ingest.judge_upload(v_file, (v_entry.entry ->> 'size_bytes')::bigint));
    IF v_file.state = 'awaiting_upload' THEN
      IF v_problems[cardinality(v_problems)] IS NULL THEN
        v_came := v_came || v_file.job_file_id;
      ELSIF v_problems[cardinality(v_problems)] ->> 'code' = 'WB-4002'
        AND ingest.replace_target(v_file, 'size_mismatched', v_actor, v_problems[cardinality(v_problems)]) = 'refused' THEN
        PERFORM ingest.refuse_siblings(v_file, v_problems[cardinality(v_problems)], v_actor);
      END IF;
    END IF;
  END LOOP;
  PERFORM ingest.receive_files(v_agent.tenant_id, v_came, v_actor);
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('job_file_id', e.entry -> 'job_file_id',
             'state', ingest.told_state(f.state), 'problem', v_problems[i.position]) ORDER BY i.position), '[]')
      FROM unnest(v_ids) WITH ORDINALITY AS i (id, position)
      JOIN jsonb_array_elements(ingest_confirm_uploads.files) WITH ORDINALITY AS e (entry, position) ON e.position = i.position
      LEFT JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON true));
END
$$;
COMMENT ON FUNCTION public.ingest_confirm_uploads(jsonb) IS
  'The agent says it has sent files; central looks itself; schema/wire/ingest_confirm_uploads.schema.json.';

CREATE FUNCTION ingest.note_arrivals() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_found record;
  v_count integer := 0;
BEGIN
  PERFORM ingest.authorize('ingest.note_arrivals');
  FOR v_found IN
    SELECT f.tenant_id, array_agg(f.job_file_id) AS ids
      FROM ingest.job_file AS f
      JOIN storage.objects AS o ON o.bucket_id = f.bucket AND o.name = f.object_path
     WHERE f.state = 'awaiting_upload' AND o.metadata ? 'eTag' AND o.metadata ->> 'size' = f.size_bytes::text
     GROUP BY f.tenant_id ORDER BY f.tenant_id
  LOOP
    -- A tenant that is busy now is looked at next time; never wait here.
    PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_found.tenant_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    v_found.ids := ARRAY(SELECT f.job_file_id FROM ingest.job_file AS f
                          WHERE f.job_file_id = ANY (v_found.ids) AND f.state = 'awaiting_upload'
                            AND ingest.stored_size(f.bucket, f.object_path) = f.size_bytes);
    PERFORM ingest.receive_files(v_found.tenant_id, v_found.ids, 'central');
    v_count := v_count + cardinality(v_found.ids);
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.note_arrivals() IS
  'Moves awaited files whose object is there on (the agent may have died before it could confirm); returns how many.';

CREATE FUNCTION ingest.end_job(p_job ingest.job, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  UPDATE ingest.job AS j SET state = 'closed', closed_at = ingest.clock(), close_reason = p_reason
   WHERE j.job_id = p_job.job_id;
  PERFORM ingest.append_event(p_job.tenant_id, 'job_closed', p_actor, p_job.job_id);
  PERFORM ingest.complete_job(p_job.job_id);
  PERFORM ingest.judge_delivery(p_job.tenant_id, p_job.delivery_date, p_job.delivery_name, p_actor);
END
$$;
COMMENT ON FUNCTION ingest.end_job(ingest.job, text, text) IS 'Closes an open job, and completes it and its delivery if all is final.';

CREATE FUNCTION public.ingest_close_job(job_key text, reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_close_job')).agent;
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
    PERFORM ingest.end_job(v_job, ingest_close_job.reason, 'agent:' || v_agent.agent_id);
  END IF;
  RETURN (SELECT jsonb_build_object('job_id', j.job_id, 'job_key', j.job_key, 'state', j.state)
            FROM ingest.job AS j WHERE j.job_id = v_job.job_id);
END
$$;
COMMENT ON FUNCTION public.ingest_close_job(text, text) IS
  'The delivery is complete or its deadline passed; schema/wire/ingest_close_job.schema.json.';
