-- 0029 RPC ingest_withdraw_files: bytes that will not come; a withdrawn file that is offered again.
-- Why:    a file that changed or vanished before it was sent was awaited for ever, and held up its delivery.
-- Needs:  0028.   Locks: none.
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
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
INSERT INTO ingest.entry_point (function, caller) VALUES ('public.ingest_withdraw_files', 'agent');

-- Wrong bytes of a withdrawn file: nobody has the right ones any more.
CREATE OR REPLACE FUNCTION ingest.finish_verify(
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

-- Offered again -------------------------------------------------------------------------------------
-- The registered file that an offer means: this version in this job (a retry), or the same version still
-- awaited under an older job key (the agent lost its ledger, or its identity). Of what was taken back and
-- registered anew, the new one.
CREATE OR REPLACE FUNCTION ingest.find_offered(p_agent ingest.agent, p_job ingest.job, p_offer ingest.file_offer) RETURNS ingest.job_file
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.job_id = p_job.job_id AND f.relative_path = p_offer.relative_path
     AND f.content_sha256 = p_offer.content_sha256 AND f.original_sha256 = p_offer.original_sha256
     AND f.part_number = p_offer.part_number AND f.part_count = p_offer.part_count
     AND f.split_of IS NULL AND f.state <> 'retired';
  IF NOT FOUND THEN
    SELECT f.* INTO v_file FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
     WHERE f.tenant_id = p_agent.tenant_id AND f.file_tag = p_offer.file_tag
       AND f.original_sha256 = p_offer.original_sha256 AND f.part_number = p_offer.part_number
       AND f.part_count = p_offer.part_count AND f.split_of IS NULL
       AND f.state = 'awaiting_upload' AND f.content_sha256 = p_offer.content_sha256
       AND f.relative_path = p_offer.relative_path
       AND (f.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
     -- "+ 0": sorted after the search. A session that planned this over an almost empty table would else
     -- walk the tenant's whole log in its order for ever after; 500 files then took seconds.
     ORDER BY f.opened_seq + 0 LIMIT 1;
  END IF;
  IF v_file.job_file_id IS NULL AND p_offer.part_count > 1 THEN
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.tenant_id = p_agent.tenant_id AND f.file_tag = p_offer.file_tag AND f.original_sha256 = p_offer.original_sha256
       AND f.part_count > 1 AND f.job_id = p_job.job_id AND f.relative_path = p_offer.relative_path
       AND f.content_sha256 = p_offer.content_sha256 AND f.part_number = p_offer.part_number AND f.part_count = p_offer.part_count
       AND f.split_of IS NULL AND ingest.is_reopenable(f)
     ORDER BY f.opened_seq + 0 DESC LIMIT 1;
  END IF;
  RETURN v_file;
END
$$;

-- Was a file given up only because bytes did not come: its own, or those of a fellow part?
CREATE FUNCTION ingest.is_withdrawn(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT p_file.error_code = 'WB-2115'
      OR p_file.error_code = 'WB-2114' AND p_file.split_of IS NULL AND NOT EXISTS (
           SELECT FROM ingest.set_members(p_file, 'part') AS m
            WHERE m.state IN ('refused', 'retired') AND m.error_code NOT IN ('WB-2114', 'WB-2115'))
$$;
COMMENT ON FUNCTION ingest.is_withdrawn(ingest.job_file) IS 'Was this refused file given up only because its agent withdrew it or a fellow part?';

CREATE OR REPLACE FUNCTION ingest.needs_settling(p_agent ingest.agent, p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT p_file.state = 'awaiting_upload' AND p_file.agent_id <> p_agent.agent_id
      OR p_file.state = 'received' AND p_file.withdrawn_at IS NOT NULL
      OR ingest.is_reopenable(p_file) AND p_file.skipped_at IS NULL AND (
           ingest.is_withdrawn(p_file)
           OR EXISTS (SELECT FROM ingest.newest_spec(p_file.tenant_id, p_file.file_tag) AS s
                       WHERE s.version > coalesce(p_file.file_spec_version, 0) AND NOT s.is_withdrawn))
$$;

-- An offer that finds something to change first: a revoked agent's file, one that was withdrawn and is there
-- again, or a refused one that a newer spec may read. Writes events through the clock.
CREATE OR REPLACE FUNCTION ingest.settle_offer(p_agent ingest.agent, p_file ingest.job_file) RETURNS ingest.job_file
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_actor text := 'agent:' || p_agent.agent_id;
  v_spec  ingest.file_spec := ingest.newest_spec(p_file.tenant_id, p_file.file_tag);
  v_file  ingest.job_file;
BEGIN
  IF p_file.state = 'awaiting_upload' THEN
    UPDATE ingest.job_file AS f SET agent_id = p_agent.agent_id WHERE f.job_file_id = p_file.job_file_id;
    PERFORM ingest.append_event(p_agent.tenant_id, 'taken_over', v_actor, p_file.job_id, p_file.job_file_id);
  ELSIF p_file.state = 'received' THEN
    UPDATE ingest.job_file AS f SET withdrawn_at = NULL WHERE f.job_file_id = p_file.job_file_id;
  ELSIF v_spec.entity IS NOT NULL AND NOT v_spec.is_withdrawn THEN
    PERFORM ingest.reopen_file(p_file, v_actor, jsonb_build_object('reason', CASE
      WHEN ingest.is_withdrawn(p_file) THEN 'offered again' ELSE 'a newer spec' END));
  END IF;
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_file.job_file_id;
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.settle_offer(ingest.agent, ingest.job_file) IS 'Takes over or reopens a registered file that is offered again.';
