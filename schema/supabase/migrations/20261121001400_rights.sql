-- 0014 Who may do what: grants and row security.
-- Why:    a tenant's users read their own rows; agents may call the RPCs and nothing else; the worker
--         reads, stages and calls its functions.
-- Needs:  0013.   Locks: each table for an instant.
-- Rule:   released migrations are never edited; add the next number. A later migration that adds a
--         function ends with the REVOKE lines below; a test holds it.

REVOKE ALL ON SCHEMA ingest, staging FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ingest FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON ALL TABLES IN SCHEMA staging FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ingest FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA staging FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA ingest, staging TO authenticated, service_role;

-- Agents: the RPCs, and nothing else. Each finds its caller by x-agent-token itself.
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'ingest\_%' LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, service_role', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO anon, authenticated', f);
  END LOOP;
END
$$;

-- The worker and operators' commands (service_role bypasses row security, so its grants say it all).
GRANT SELECT ON ALL TABLES IN SCHEMA ingest TO service_role;
GRANT SELECT ON ALL TABLES IN SCHEMA staging TO service_role;
GRANT INSERT ON staging.component, staging.variant, staging.recipe, staging.recipe_line, staging.party,
  staging.uom_conversion TO service_role;
GRANT EXECUTE ON FUNCTION
  ingest.note_arrivals(), ingest.claim_next(text, integer), ingest.heartbeat(uuid, bigint, integer),
  ingest.finish_verify(uuid, bigint, uuid, text, bigint),
  ingest.finish_stage(uuid, bigint, uuid, bigint, text, jsonb),
  ingest.refuse_file(uuid, bigint, uuid, jsonb, jsonb), ingest.finish_move(uuid, bigint, uuid, text),
  ingest.fail_step(uuid, bigint, uuid, jsonb, boolean),
  ingest.create_tenant(text, text, text), ingest.set_tenant_state(text, text, text, text),
  ingest.create_enrolment_code(text, integer, text), ingest.put_file_spec(text, jsonb, text),
  ingest.revoke_agent(uuid, text, text), ingest.put_setting(text, jsonb, text)
  TO service_role;
GRANT EXECUTE ON FUNCTION staging.lineage(uuid, bigint) TO authenticated, service_role;

-- A tenant's users: their own rows, read only; neither token nor code hashes, nor machine facts.
GRANT SELECT ON ingest.tenant, ingest.tenant_user, ingest.file_spec, ingest.job, ingest.job_file, ingest.artifact,
  ingest.job_event, ingest.ledger_anchor, ingest.lease, ingest.entity, ingest.job_file_move TO authenticated;
GRANT SELECT (agent_id, tenant_id, agent_name, enrolled_at, last_seen_at, health, revoked_at, revoked_reason)
  ON ingest.agent TO authenticated;
GRANT SELECT ON staging.component, staging.variant, staging.recipe, staging.recipe_line, staging.party,
  staging.uom_conversion, staging.any_row, staging.provenance TO authenticated;

CREATE FUNCTION ingest.my_tenants() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT u.tenant_id FROM ingest.tenant_user AS u WHERE u.user_id = auth.uid()
$$;
COMMENT ON FUNCTION ingest.my_tenants() IS 'The tenants that the signed-in person is a member of.';
REVOKE ALL ON FUNCTION ingest.my_tenants() FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION ingest.my_tenants() TO authenticated;

CREATE POLICY members_read_their_memberships ON ingest.tenant_user FOR SELECT TO authenticated
  USING (user_id = (SELECT auth.uid()));
CREATE POLICY everyone_signed_in_reads_entities ON ingest.entity FOR SELECT TO authenticated USING (true);
CREATE POLICY everyone_signed_in_reads_moves ON ingest.job_file_move FOR SELECT TO authenticated USING (true);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY[
    'ingest.tenant', 'ingest.agent', 'ingest.file_spec', 'ingest.job', 'ingest.job_file', 'ingest.artifact',
    'ingest.job_event', 'ingest.ledger_anchor', 'ingest.lease', 'staging.component', 'staging.variant',
    'staging.recipe', 'staging.recipe_line', 'staging.party', 'staging.uom_conversion'
  ] LOOP
    EXECUTE format('CREATE POLICY members_read_their_tenants_rows ON %s FOR SELECT TO authenticated '
                || 'USING (tenant_id IN (SELECT ingest.my_tenants()))', v_table);
  END LOOP;
END
$$;
