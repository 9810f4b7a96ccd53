-- 0031 RPC ingest_inventory again: all that a lost ledger is rebuilt from.
-- Why:    an agent that lost its ledger has to know every version that central holds, or it sends them all again.
-- Needs:  0030.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

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
CREATE OR REPLACE FUNCTION public.ingest_inventory(after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
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
