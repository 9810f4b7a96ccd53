-- 0014 ingest_withdraw_files: an agent gives up what it cannot send any more.
-- Why:    a file that changed or went before it was sent must not stay awaited for ever.
-- Needs:  0013.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.withdrawn_error(p_reason text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT jsonb_build_object('code', 'WB-2115', 'message', CASE p_reason
    WHEN 'removed' THEN 'the file was removed at the agency before its bytes were sent'
    ELSE 'the file changed at the agency before its bytes were sent' END)
$$;
COMMENT ON FUNCTION ingest.withdrawn_error(text) IS 'WB-2115 in words: changed or removed.';

-- Ends one awaited file, and the other parts of it unless another copy brings this one. Halts nobody.
CREATE FUNCTION ingest.withdraw(p_file ingest.job_file, p_event text, p_error jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM ingest.move_file(p_file.job_file_id, p_event, p_actor, p_error => p_error);
  IF NOT ingest.is_part_covered(p_file, '{awaiting_upload,received}') THEN
    PERFORM ingest.refuse_siblings(p_file, p_error, p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.withdraw(ingest.job_file, text, jsonb, text) IS 'Refuses (WB-2115) a file whose bytes will not come, with its fellow parts.';

-- Awaited files that are no parts, all at once: one change of the clock for a whole batch.
CREATE FUNCTION ingest.withdraw_whole_files(p_tenant_id uuid, p_ids uuid[], p_reasons text[], p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_now  timestamptz := ingest.clock();
  v_base bigint := ingest.take_numbers(p_tenant_id, cardinality(p_ids));
BEGIN
  UPDATE ingest.job_file AS f
     SET state = 'refused', last_event = 'refused', error = ingest.withdrawn_error(w.reason), error_code = 'WB-2115',
         withdrawn_at = v_now, attempt_count = 0, next_attempt_at = v_now
    FROM unnest(p_ids, p_reasons) AS w (id, reason) WHERE f.job_file_id = w.id;
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state, details)
  SELECT p_tenant_id, v_base + w.position, v_now, 'refused', p_actor, f.job_id, f.job_file_id, 'awaiting_upload', 'refused',
         jsonb_build_object('error', f.error)
    FROM unnest(p_ids) WITH ORDINALITY AS w (id, position) JOIN ingest.job_file AS f ON f.job_file_id = w.id;
  PERFORM ingest.complete_job(j.job_id) FROM (SELECT DISTINCT f.job_id FROM ingest.job_file AS f WHERE f.job_file_id = ANY (p_ids)) AS j;
END
$$;
COMMENT ON FUNCTION ingest.withdraw_whole_files(uuid, uuid[], text[], text) IS 'Refuses (WB-2115) a batch of awaited files that are no parts.';

CREATE FUNCTION public.ingest_withdraw_files(files jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent   ingest.agent := (ingest.authorize('public.ingest_withdraw_files')).agent;
  v_actor   text := 'agent:' || v_agent.agent_id;
  v_entry   record;
  v_file    ingest.job_file;
  v_ids     uuid[] := '{}';
  v_whole   uuid[] := '{}';
  v_reasons text[] := '{}';
BEGIN
  IF jsonb_typeof(ingest_withdraw_files.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  ELSIF jsonb_array_length(ingest_withdraw_files.files) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_entry IN
    SELECT e.entry, e.position - 1 AS index
      FROM jsonb_array_elements(ingest_withdraw_files.files) WITH ORDINALITY AS e (entry, position) ORDER BY e.position
  LOOP
    IF coalesce(v_entry.entry ->> 'job_file_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
       OR coalesce(v_entry.entry ->> 'reason', '') NOT IN ('changed', 'removed') THEN
      PERFORM ingest.malformed(format('files[%s] needs job_file_id, and a reason: changed or removed', v_entry.index));
    END IF;
    v_ids := v_ids || (v_entry.entry ->> 'job_file_id')::uuid;
    -- What another living agent carries is not this one's to withdraw.
    SELECT f.* INTO v_file FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
     WHERE f.job_file_id = (v_entry.entry ->> 'job_file_id')::uuid AND f.tenant_id = v_agent.tenant_id AND f.split_of IS NULL
       AND (f.agent_id = v_agent.agent_id OR a.revoked_at IS NOT NULL);
    CONTINUE WHEN NOT FOUND OR v_file.state NOT IN ('awaiting_upload', 'received') OR v_file.withdrawn_at IS NOT NULL
      OR v_file.job_file_id = ANY (v_whole);
    IF v_file.state = 'awaiting_upload' AND v_file.part_count = 1 THEN
      v_whole := v_whole || v_file.job_file_id;
      v_reasons := v_reasons || (v_entry.entry ->> 'reason');
      CONTINUE;
    END IF;
    UPDATE ingest.job_file AS f SET withdrawn_at = ingest.clock() WHERE f.job_file_id = v_file.job_file_id;
    IF v_file.state = 'awaiting_upload' THEN
      PERFORM ingest.withdraw(v_file, 'refused', ingest.withdrawn_error(v_entry.entry ->> 'reason'), v_actor);
    ELSE  -- it arrived and is judged by its bytes; they are not asked for again
      PERFORM ingest.append_event(v_file.tenant_id, 'withdrawn_late', v_actor, v_file.job_id, v_file.job_file_id,
        p_details => jsonb_build_object('reason', v_entry.entry -> 'reason'));
    END IF;
  END LOOP;
  PERFORM ingest.withdraw_whole_files(v_agent.tenant_id, v_whole, v_reasons, v_actor);
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('job_file_id', i.id, 'state', ingest.told_state(k.state),
             'problem', CASE WHEN k.state IS NULL THEN ingest.unknown_file() ELSE k.error END) ORDER BY i.position), '[]')
      FROM unnest(v_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN (SELECT f.* FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
                  WHERE f.job_file_id = ANY (v_ids) AND f.tenant_id = v_agent.tenant_id AND f.split_of IS NULL
                    AND (f.agent_id = v_agent.agent_id OR a.revoked_at IS NOT NULL)) AS k ON k.job_file_id = i.id));
END
$$;
COMMENT ON FUNCTION public.ingest_withdraw_files(jsonb) IS
  'The agent says that bytes of registered files will not come; schema/wire/ingest_withdraw_files.schema.json.';
