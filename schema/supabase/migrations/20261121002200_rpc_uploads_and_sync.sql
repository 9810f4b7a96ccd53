-- 0022 The other RPCs of agents again: batches, deliveries and the agency's state in every sync.
-- Why:    the agent answers "did today's delivery arrive, what is missing, what do I do".
-- Needs:  0021.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE OR REPLACE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_renew_uploads')).agent;
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'job_file_id', i.id, 'state', ingest.told_state(f.state),
             'upload', CASE WHEN f.state = 'awaiting_upload' THEN ingest.upload_target(f.bucket, f.object_path) END,
             'error', CASE WHEN f.state IS NULL THEN ingest.unknown_file() ELSE f.error END) ORDER BY i.position), '[]')
      FROM unnest(ingest_renew_uploads.job_file_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN ingest.job_file AS f ON f.job_file_id = i.id AND f.tenant_id = v_agent.tenant_id));
END
$$;

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

CREATE OR REPLACE FUNCTION public.ingest_confirm_uploads(files jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
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
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.job_file_id = (v_entry.entry ->> 'job_file_id')::uuid AND f.tenant_id = v_agent.tenant_id;
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
      LEFT JOIN ingest.job_file AS f ON f.job_file_id = i.id AND f.tenant_id = v_agent.tenant_id));
END
$$;

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

CREATE OR REPLACE FUNCTION public.ingest_close_job(job_key text, reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
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

-- The digest of an agency without plan is what it was before there were plans.
CREATE OR REPLACE FUNCTION ingest.current_specs(p_tenant_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'digest', ingest.sha256_hex(coalesce(string_agg(s.file_tag || ' ' || s.version || ' ' || s.spec_sha256, E'\n' ORDER BY s.file_tag), '')
                                || coalesce(E'\nplan ' || ingest.sha256_hex((ingest.current_plan(p_tenant_id)).plan::text), '')),
    'specs', coalesce(jsonb_agg(jsonb_build_object('file_tag', s.file_tag, 'version', s.version, 'spec', s.spec)
                                ORDER BY s.file_tag), '[]'),
    'delivery_plan', (ingest.current_plan(p_tenant_id)).plan)
    FROM (SELECT DISTINCT ON (v.file_tag) v.file_tag, v.version, v.spec, v.spec_sha256, v.is_withdrawn
            FROM ingest.file_spec AS v WHERE v.tenant_id = p_tenant_id
           ORDER BY v.file_tag, v.version DESC) AS s
   WHERE NOT s.is_withdrawn
$$;
COMMENT ON FUNCTION ingest.current_specs(uuid) IS 'The file specs and the delivery plan in force of a tenant, and a digest that changes when any of them does.';

CREATE FUNCTION ingest.recent_deliveries(p_tenant_id uuid, p_dates integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('date', r.delivery_date, 'name', r.delivery_name, 'state', r.state,
           'missing', r.missing, 'deadline_at', ingest.iso(r.deadline_at)) ORDER BY r.delivery_date DESC, r.delivery_name), '[]')
    FROM (SELECT d.*, dense_rank() OVER (ORDER BY d.delivery_date DESC) AS nth
            FROM ingest.delivery AS d WHERE d.tenant_id = p_tenant_id) AS r
   WHERE r.nth <= p_dates
$$;
COMMENT ON FUNCTION ingest.recent_deliveries(uuid, integer) IS 'A tenant''s deliveries of its latest dates, newest first, as the wire tells them.';

CREATE OR REPLACE FUNCTION ingest.anchor_ledger(p_agent ingest.agent, p_head jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_seq        bigint := ingest.whole_number(p_head, 'seq', NULL);
  v_divergent  boolean;
BEGIN
  IF p_head IS NULL OR p_head IN ('null', '{}') THEN
    RETURN;
  END IF;
  IF v_seq IS NULL OR coalesce(p_head ->> 'hash', '') !~ '^[0-9a-f]{64}$' THEN
    PERFORM ingest.malformed('ledger_head needs seq and hash (SHA-256 in hex)');
  END IF;
  IF EXISTS (SELECT FROM ingest.ledger_anchor AS l WHERE l.agent_id = p_agent.agent_id
                AND l.ledger_seq = v_seq AND l.ledger_hash = p_head ->> 'hash') THEN
    RETURN;
  END IF;
  v_divergent := EXISTS (SELECT FROM ingest.ledger_anchor AS l
                          WHERE l.agent_id = p_agent.agent_id AND l.ledger_seq >= v_seq);
  INSERT INTO ingest.ledger_anchor (agent_id, ledger_seq, ledger_hash, tenant_id, is_divergent)
  VALUES (p_agent.agent_id, v_seq, p_head ->> 'hash', p_agent.tenant_id, v_divergent);
  IF v_divergent THEN
    PERFORM ingest.append_event(p_agent.tenant_id, 'ledger_diverged', 'agent:' || p_agent.agent_id,
      p_details => jsonb_build_object('agent_id', p_agent.agent_id, 'ledger_seq', v_seq));
    PERFORM ingest.raise_alert(p_agent.tenant_id, 'ledger_diverged', NULL,
      'an agent''s ledger went back, or tells another history than before',
      jsonb_build_object('agent_id', p_agent.agent_id, 'ledger_seq', v_seq));
  END IF;
END
$$;

-- Changes since the cursor, at most 500: parts that central cut are its own concern and are not told.
CREATE FUNCTION ingest.changes_for(p_agent ingest.agent, p_after bigint, p_last bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
           'changes', coalesce(jsonb_agg(p.change ORDER BY p.seq) FILTER (WHERE p.position <= 500), '[]'),
           'more', count(*) > 500,
           'cursor', CASE WHEN count(*) > 500 THEN max(p.seq) FILTER (WHERE p.position <= 500) ELSE p_last END)
    FROM (
      SELECT e.seq, row_number() OVER (ORDER BY e.seq) AS position,
             jsonb_build_object(
               'seq', e.seq, 'at', ingest.iso(e.at), 'job_file_id', f.job_file_id, 'job_key', j.job_key,
               'relative_path', f.relative_path, 'content_sha256', f.content_sha256, 'part_number', f.part_number,
               'state', ingest.told_state(e.to_state), 'entity', f.entity,
               'rows_staged', CASE WHEN e.to_state IN ('staged', 'processed', 'archived') THEN f.rows_staged END,
               'error', e.details -> 'error') AS change
        FROM ingest.job_event AS e
        JOIN ingest.job_file AS f ON f.job_file_id = e.job_file_id
        JOIN ingest.job AS j ON j.job_id = f.job_id
        JOIN ingest.agent AS a ON a.agent_id = f.agent_id
       WHERE e.tenant_id = p_agent.tenant_id AND e.seq > p_after AND e.to_state IS NOT NULL AND f.split_of IS NULL
         AND (a.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
       ORDER BY e.seq
       LIMIT 501
    ) AS p
$$;
COMMENT ON FUNCTION ingest.changes_for(ingest.agent, bigint, bigint) IS 'changes, more and cursor of ingest_sync''s answer.';

CREATE OR REPLACE FUNCTION public.ingest_sync(
  cursor bigint DEFAULT 0, health jsonb DEFAULT '{}', ledger_head jsonb DEFAULT NULL, specs_digest text DEFAULT ''
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_sync')).agent;
  v_after bigint := coalesce(ingest_sync.cursor, 0);
  v_last  bigint;
  v_specs jsonb;
BEGIN
  IF v_after < 0 OR jsonb_typeof(coalesce(ingest_sync.health, '{}')) <> 'object'
     OR octet_length(ingest_sync.health::text) > 16384 THEN
    PERFORM ingest.malformed('cursor is not negative, and health is an object of at most 16 KiB');
  END IF;
  UPDATE ingest.agent AS a SET last_seen_at = ingest.clock(), health = coalesce(ingest_sync.health, '{}')
   WHERE a.agent_id = v_agent.agent_id;
  PERFORM ingest.anchor_ledger(v_agent, ingest_sync.ledger_head);
  SELECT c.last_seq INTO STRICT v_last FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_agent.tenant_id;
  IF v_after > v_last THEN
    v_after := 0;  -- central was restored from an older backup: tell everything again
  END IF;
  v_specs := ingest.current_specs(v_agent.tenant_id);
  RETURN ingest.changes_for(v_agent, v_after, v_last) || jsonb_build_object(
    'server_time', ingest.iso(ingest.clock()),
    'file_specs', CASE WHEN v_specs ->> 'digest' IS DISTINCT FROM ingest_sync.specs_digest THEN v_specs END,
    'settings', ingest.agent_settings(), 'commands', '[]'::jsonb,
    'deliveries', ingest.recent_deliveries(v_agent.tenant_id, 7),
    'tenant', (SELECT jsonb_build_object('state', t.state, 'reason', t.state_reason)
                 FROM ingest.tenant AS t WHERE t.tenant_id = v_agent.tenant_id));
END
$$;

CREATE OR REPLACE FUNCTION public.ingest_inventory(after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_inventory')).agent;
  v_after bigint := coalesce(ingest_inventory.after, 0);
BEGIN
  RETURN (
    SELECT jsonb_build_object(
        'files', coalesce(jsonb_agg(p.file ORDER BY p.opened_seq) FILTER (WHERE p.position <= 500), '[]'),
        'after', coalesce(max(p.opened_seq) FILTER (WHERE p.position <= 500), v_after),
        'more', count(*) > 500,
        'cursor', (SELECT c.last_seq FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_agent.tenant_id))
      FROM (
        SELECT f.opened_seq, row_number() OVER (ORDER BY f.opened_seq) AS position,
               jsonb_build_object(
                 'seq', f.opened_seq, 'at', ingest.iso(f.opened_at), 'job_file_id', f.job_file_id,
                 'job_key', j.job_key, 'relative_path', f.relative_path, 'content_sha256', f.content_sha256,
                 'part_number', f.part_number, 'state', ingest.told_state(f.state), 'entity', f.entity,
                 'rows_staged', f.rows_staged, 'error', f.error) AS file
          FROM ingest.job_file AS f JOIN ingest.job AS j ON j.job_id = f.job_id
         WHERE f.tenant_id = v_agent.tenant_id AND f.opened_seq > v_after AND f.split_of IS NULL
         ORDER BY f.opened_seq
         LIMIT 501
      ) AS p);
END
$$;
DROP FUNCTION ingest.begin_agent_call();
