-- 0010 RPCs ingest_sync, ingest_inventory.
-- Why:    what central did with a file has to reach the partner's ledger, and a lost ledger has to come back.
-- Needs:  0009.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.anchor_ledger(p_agent ingest.agent, p_head jsonb) RETURNS void
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
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.anchor_ledger(ingest.agent, jsonb) IS
  'Keeps a ledger head once; one that went back or tells another hash for a number is kept as divergent.';

CREATE FUNCTION public.ingest_sync(
  cursor bigint DEFAULT 0, health jsonb DEFAULT '{}', ledger_head jsonb DEFAULT NULL, specs_digest text DEFAULT ''
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent   ingest.agent := ingest.begin_agent_call();
  v_after   bigint := coalesce(ingest_sync.cursor, 0);
  v_last    bigint;
  v_changes jsonb;
  v_more    boolean;
  v_specs   jsonb;
BEGIN
  IF v_after < 0 OR jsonb_typeof(coalesce(ingest_sync.health, '{}')) <> 'object'
     OR octet_length(ingest_sync.health::text) > 16384 THEN
    PERFORM ingest.malformed('cursor is not negative, and health is an object of at most 16 KiB');
  END IF;
  UPDATE ingest.agent AS a SET last_seen_at = clock_timestamp(), health = coalesce(ingest_sync.health, '{}')
   WHERE a.agent_id = v_agent.agent_id;
  PERFORM ingest.anchor_ledger(v_agent, ingest_sync.ledger_head);

  SELECT c.last_seq INTO STRICT v_last FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_agent.tenant_id;
  IF v_after > v_last THEN
    v_after := 0;  -- central was restored from an older backup: tell everything again
  END IF;
  SELECT coalesce(jsonb_agg(p.change ORDER BY p.seq) FILTER (WHERE p.position <= 500), '[]'),
         count(*) > 500,
         CASE WHEN count(*) > 500 THEN max(p.seq) FILTER (WHERE p.position <= 500) ELSE v_last END
    INTO v_changes, v_more, v_last
    FROM (
      SELECT e.seq, row_number() OVER (ORDER BY e.seq) AS position,
             jsonb_build_object(
               'seq', e.seq, 'at', ingest.iso(e.at), 'job_file_id', f.job_file_id, 'job_key', j.job_key,
               'relative_path', f.relative_path, 'content_sha256', f.content_sha256, 'part_number', f.part_number,
               'state', e.to_state, 'entity', f.entity,
               'rows_staged', CASE WHEN e.to_state IN ('staged', 'processed', 'archived') THEN f.rows_staged END,
               'error', e.details -> 'error') AS change
        FROM ingest.job_event AS e
        JOIN ingest.job_file AS f ON f.job_file_id = e.job_file_id
        JOIN ingest.job AS j ON j.job_id = f.job_id
        JOIN ingest.agent AS a ON a.agent_id = f.agent_id
       WHERE e.tenant_id = v_agent.tenant_id AND e.seq > v_after AND e.to_state IS NOT NULL
         AND (a.agent_id = v_agent.agent_id OR a.revoked_at IS NOT NULL)
       ORDER BY e.seq
       LIMIT 501
    ) AS p;
  v_specs := ingest.current_specs(v_agent.tenant_id);
  RETURN jsonb_build_object(
    'server_time', ingest.iso(clock_timestamp()), 'cursor', v_last, 'more', v_more, 'changes', v_changes,
    'file_specs', CASE WHEN v_specs ->> 'digest' IS DISTINCT FROM ingest_sync.specs_digest THEN v_specs END,
    'settings', ingest.agent_settings(), 'commands', '[]'::jsonb);
END
$$;
COMMENT ON FUNCTION public.ingest_sync(bigint, jsonb, jsonb, text) IS
  'Heartbeat and ledger head up, changes since the cursor down; schema/wire/ingest_sync.schema.json.';

CREATE FUNCTION public.ingest_inventory(after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := ingest.begin_agent_call();
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
                 'part_number', f.part_number, 'state', f.state, 'entity', f.entity,
                 'rows_staged', f.rows_staged, 'error', f.error) AS file
          FROM ingest.job_file AS f JOIN ingest.job AS j ON j.job_id = f.job_id
         WHERE f.tenant_id = v_agent.tenant_id AND f.opened_seq > v_after
         ORDER BY f.opened_seq
         LIMIT 501
      ) AS p);
END
$$;
COMMENT ON FUNCTION public.ingest_inventory(bigint) IS
  'Every file of the agent''s tenant, page by page: rebuilds a lost ledger; schema/wire/ingest_inventory.schema.json.';
