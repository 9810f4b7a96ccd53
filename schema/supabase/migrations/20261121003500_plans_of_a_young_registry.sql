-- 0035 Agents' calls walk the registry's tables by index, also while these are almost empty.
-- Why:    over a few rows a walk through all of them is the cheapest plan; a session keeps it until the next ANALYZE, and meanwhile
--         each of 500 files in a call walked through every file that had come: seconds a call in a registry's first minutes.
-- Needs:  0034.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
             JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
             JOIN ingest.entry_point AS e ON e.function = n.nspname || '.' || p.proname AND e.caller = 'agent' LOOP
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
  END LOOP;
END
$$;
