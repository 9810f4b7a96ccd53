-- 0016 ingest_sync and ingest_inventory: what changed, and all that central holds.
-- Why:    the ledger is brought in line with central in small steps, or rebuilt from it.
-- Needs:  0015.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

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

CREATE FUNCTION ingest.recent_deliveries(p_tenant_id uuid, p_dates integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('date', r.delivery_date, 'name', r.delivery_name, 'state', r.state,
           'missing', r.missing, 'deadline_at', ingest.iso(r.deadline_at)) ORDER BY r.delivery_date DESC, r.delivery_name), '[]')
    FROM (SELECT d.*, dense_rank() OVER (ORDER BY d.delivery_date DESC) AS nth
            FROM ingest.delivery AS d WHERE d.tenant_id = p_tenant_id) AS r
   WHERE r.nth <= p_dates
$$;
COMMENT ON FUNCTION ingest.recent_deliveries(uuid, integer) IS 'A tenant''s deliveries of its latest dates, newest first, as the wire tells them.';

CREATE FUNCTION public.ingest_sync(
  cursor bigint DEFAULT 0, health jsonb DEFAULT '{}', ledger_head jsonb DEFAULT NULL, specs_digest text DEFAULT ''
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent   ingest.agent := (ingest.authorize('public.ingest_sync')).agent;
  v_after   bigint := coalesce(ingest_sync.cursor, 0);
  v_last    bigint;
  v_specs   jsonb;
  v_problem jsonb;
BEGIN
  IF v_after < 0 OR jsonb_typeof(coalesce(ingest_sync.health, '{}')) <> 'object'
     OR octet_length(ingest_sync.health::text) > 16384 THEN
    PERFORM ingest.malformed('cursor is not negative, and health is an object of at most 16 KiB');
  END IF;
  IF ingest.is_overtaken(v_agent, ingest_sync.ledger_head, ingest_sync.health) IS NOT TRUE THEN
    UPDATE ingest.agent AS a SET last_seen_at = ingest.clock(), health = coalesce(ingest_sync.health, '{}')
     WHERE a.agent_id = v_agent.agent_id;
    v_problem := ingest.prove_ledger(v_agent, ingest_sync.ledger_head);
  END IF;
  SELECT c.last_seq INTO STRICT v_last FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_agent.tenant_id;
  IF v_after > v_last THEN
    v_after := 0;  -- central was restored from an older backup: tell everything again
  END IF;
  v_specs := ingest.current_specs(v_agent.tenant_id);
  RETURN CASE WHEN v_problem IS NULL THEN ingest.changes_for(v_agent, v_after, v_last)
              ELSE jsonb_build_object('changes', '[]'::jsonb, 'more', false, 'cursor', v_after) END
  || jsonb_build_object(
    'server_time', ingest.iso(ingest.clock()), 'ledger_problem', v_problem,
    'file_specs', CASE WHEN v_specs ->> 'digest' IS DISTINCT FROM ingest_sync.specs_digest AND v_problem IS NULL THEN v_specs END,
    'settings', ingest.agent_settings(), 'commands', '[]'::jsonb,
    'deliveries', CASE WHEN v_problem IS NULL THEN ingest.recent_deliveries(v_agent.tenant_id, 7) ELSE '[]' END,
    'tenant', (SELECT jsonb_build_object('state', t.state, 'reason', t.state_reason)
                 FROM ingest.tenant AS t WHERE t.tenant_id = v_agent.tenant_id));
END
$$;
COMMENT ON FUNCTION public.ingest_sync(bigint, jsonb, jsonb, text) IS
  'Heartbeat and ledger head up, changes since the cursor down; schema/wire/ingest_sync.schema.json.';

CREATE FUNCTION ingest.first_copy(p_file ingest.job_file) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object('job_file_id', f.job_file_id, 'job_key', j.job_key,
                            'relative_path', f.relative_path, 'state', ingest.told_state(f.state))
    FROM ingest.job_file AS f JOIN ingest.job AS j ON j.job_id = f.job_id
   WHERE f.job_file_id = p_file.duplicate_of
$$;
COMMENT ON FUNCTION ingest.first_copy(ingest.job_file) IS 'What a duplicate is a duplicate of, as the wire tells it; null for other files.';

CREATE FUNCTION ingest.held_file(p_file ingest.job_file) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
      'seq', (SELECT e.seq FROM ingest.job_event AS e WHERE e.job_file_id = p_file.job_file_id AND e.to_state IS NOT NULL
               ORDER BY e.seq DESC LIMIT 1),
      'opened_at', ingest.iso(p_file.opened_at), 'job_file_id', p_file.job_file_id, 'job_id', p_file.job_id,
      'job_key', j.job_key, 'job_state', j.state, 'delivery_date', p_file.delivery_date, 'delivery_name', p_file.delivery_name,
      'relative_path', p_file.relative_path, 'file_tag', p_file.file_tag, 'spec_version', p_file.file_spec_version,
      'content_sha256', p_file.content_sha256, 'original_sha256', p_file.original_sha256,
      'part_number', p_file.part_number, 'part_count', p_file.part_count, 'first_source_row', p_file.first_source_row,
      'chunk_number', p_file.chunk_number, 'chunk_count', p_file.chunk_count,
      'size_bytes', p_file.size_bytes, 'modified_at', ingest.iso(p_file.modified_at),
      'state', ingest.told_state(p_file.state), 'entity', p_file.entity,
      'rows_staged', CASE WHEN p_file.state IN ('staged', 'processed', 'archived') THEN p_file.rows_staged END,
      'duplicate_of', CASE WHEN p_file.duplicate_of IS NOT NULL THEN ingest.first_copy(p_file) END,
      'error', p_file.error)
    FROM ingest.job AS j WHERE j.job_id = p_file.job_id
$$;
COMMENT ON FUNCTION ingest.held_file(ingest.job_file) IS 'A file as ingest_inventory tells it; seq is its newest move, so that sync goes on from there.';

CREATE FUNCTION ingest.describe_agent(p_agent ingest.agent) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
      'agent_id', p_agent.agent_id, 'agent_name', p_agent.agent_name,
      'tenant', jsonb_build_object('tenant_id', t.tenant_id, 'slug', t.slug, 'display_name', t.display_name, 'time_zone', t.time_zone),
      'settings', ingest.agent_settings(), 'file_specs', ingest.current_specs(t.tenant_id))
    FROM ingest.tenant AS t WHERE t.tenant_id = p_agent.tenant_id
$$;
COMMENT ON FUNCTION ingest.describe_agent(ingest.agent) IS 'Who an agent is, and what enrolment told it.';

-- Pages walk the tenant's log by its unique index: each goes on where the last one ended.
CREATE FUNCTION public.ingest_inventory(after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_inventory')).agent;
  v_after bigint := coalesce(ingest_inventory.after, 0);
  v_whose uuid[] := ARRAY(SELECT a.agent_id FROM ingest.agent AS a
                           WHERE a.tenant_id = v_agent.tenant_id AND (a.agent_id = v_agent.agent_id OR a.revoked_at IS NOT NULL));
  v_page  jsonb;
BEGIN
  IF v_after < 0 THEN
    PERFORM ingest.malformed('after is not negative');
  END IF;
  SELECT jsonb_build_object(
      'files', coalesce(jsonb_agg(ingest.held_file(p.f) ORDER BY (p.f).opened_seq) FILTER (WHERE p.position <= 500), '[]'),
      'after', coalesce(max((p.f).opened_seq) FILTER (WHERE p.position <= 500), v_after),
      'more', count(*) > 500,
      'cursor', (SELECT c.last_seq FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_agent.tenant_id)) INTO v_page
    FROM (SELECT o.f, row_number() OVER (ORDER BY (o.f).opened_seq) AS position
            FROM (SELECT f FROM ingest.job_file AS f
                   WHERE f.tenant_id = v_agent.tenant_id AND f.opened_seq > v_after AND f.split_of IS NULL
                     AND f.agent_id = ANY (v_whose)
                   ORDER BY f.opened_seq LIMIT 501) AS o) AS p;
  IF v_after = 0 THEN
    v_page := v_page || jsonb_build_object('agent', ingest.describe_agent(v_agent));
  END IF;
  RETURN v_page;
END
$$;
COMMENT ON FUNCTION public.ingest_inventory(bigint) IS
  'Every file that the agent, or a revoked agent of its agency, carried, page by page, and first who it is: rebuilds a lost ledger.';
