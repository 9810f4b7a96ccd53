-- 0024 Who may do what: grants and row security.
-- Why:    a tenant's users read their own rows; agents may call the RPCs and nothing else; the worker
--         reads, stages and calls its functions.
-- Needs:  0023.   Locks: each table for an instant.
-- Rule:   released migrations are never edited; add the next number.

REVOKE ALL ON SCHEMA ingest, staging FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ingest, staging FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ingest, staging FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA ingest, staging TO authenticated, service_role;

-- What ingest.entry_point lists is granted to those it lists, and nothing else to anybody. Agents come as anon;
-- each RPC finds its caller by x-agent-token itself.
DO $$
DECLARE
  f record;
BEGIN
  FOR f IN
    SELECT p.oid::regprocedure AS signature, e.caller FROM pg_catalog.pg_proc AS p
      JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
      LEFT JOIN ingest.entry_point AS e ON e.function = n.nspname || '.' || p.proname
     WHERE n.nspname IN ('ingest', 'staging') AND e.caller IS NOT NULL OR n.nspname = 'public' AND p.proname LIKE 'ingest\_%'
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated, service_role', f.signature);
    CONTINUE WHEN f.caller IS NULL;
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', f.signature,
      CASE f.caller WHEN 'service' THEN 'service_role' WHEN 'person' THEN 'authenticated' ELSE 'anon, authenticated' END);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION staging.lineage(uuid, bigint) TO service_role;

-- The worker and operators' commands (service_role bypasses row security, so its grants say it all).
GRANT SELECT ON ALL TABLES IN SCHEMA ingest, staging TO service_role;
GRANT INSERT ON staging.component, staging.variant, staging.recipe, staging.recipe_line, staging.party,
  staging.uom_conversion TO service_role;

-- A tenant's users: their own rows, read only; neither token nor code hashes, nor machine facts.
GRANT SELECT ON ingest.tenant, ingest.tenant_user, ingest.file_spec, ingest.delivery_plan, ingest.delivery, ingest.delivery_move,
  ingest.job, ingest.job_file, ingest.job_file_move, ingest.artifact, ingest.job_event, ingest.ledger_anchor, ingest.lease,
  ingest.pending_wait, ingest.stale_tag, ingest.entity TO authenticated;
GRANT SELECT (agent_id, tenant_id, agent_name, enrolled_at, last_seen_at, health, revoked_at, revoked_reason, ledger_id, ledger_seq,
  ledger_hash, ledger_refused_at, ledger_refused_reason, public_key) ON ingest.agent TO authenticated;
GRANT SELECT ON staging.component, staging.variant, staging.recipe, staging.recipe_line, staging.party,
  staging.uom_conversion, staging.any_row, staging.provenance TO authenticated;

CREATE POLICY members_read_their_memberships ON ingest.tenant_user FOR SELECT TO authenticated
  USING (user_id = (SELECT auth.uid()));
CREATE POLICY everyone_signed_in_reads_entities ON ingest.entity FOR SELECT TO authenticated USING (true);
CREATE POLICY everyone_signed_in_reads_moves ON ingest.job_file_move FOR SELECT TO authenticated USING (true);
CREATE POLICY everyone_signed_in_reads_delivery_moves ON ingest.delivery_move FOR SELECT TO authenticated USING (true);
DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY[
    'ingest.tenant', 'ingest.agent', 'ingest.file_spec', 'ingest.delivery_plan', 'ingest.delivery', 'ingest.job', 'ingest.job_file',
    'ingest.artifact', 'ingest.job_event', 'ingest.ledger_anchor', 'ingest.lease', 'ingest.pending_wait', 'ingest.stale_tag',
    'staging.component', 'staging.variant', 'staging.recipe', 'staging.recipe_line', 'staging.party', 'staging.uom_conversion'
  ] LOOP
    EXECUTE format('CREATE POLICY members_read_their_tenants_rows ON %s FOR SELECT TO authenticated '
                || 'USING (tenant_id IN (SELECT ingest.my_tenants()))', v_table);
  END LOOP;
END
$$;
