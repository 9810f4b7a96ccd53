-- 0043.9 Rights again: what ingest.entry_point lists is granted to those it lists, and nothing else to anybody.
-- Why:    functions were added since 0039.
-- Needs:  0043.5.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

REVOKE ALL ON ALL TABLES IN SCHEMA ingest, staging FROM PUBLIC, anon;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ingest, staging FROM PUBLIC, anon, authenticated, service_role;
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
GRANT SELECT ON ALL TABLES IN SCHEMA ingest TO service_role;
GRANT SELECT ON ALL TABLES IN SCHEMA staging TO service_role;
