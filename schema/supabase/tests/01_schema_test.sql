-- Goal:   the shape that people and programs rely on is there, described and guarded everywhere.
-- Method: ask the catalogue, so that a table or function added later is held to the same.
BEGIN;
SELECT no_plan();

CREATE TEMP VIEW our_table AS
  SELECT c.oid, c.relkind, n.nspname, c.relname, c.relrowsecurity FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE n.nspname IN ('ingest', 'staging') AND c.relkind IN ('r', 'p', 'v');
CREATE TEMP VIEW our_function AS
  SELECT p.* FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname IN ('ingest', 'staging') OR n.nspname = 'public' AND p.proname LIKE 'ingest\_%';

SELECT tables_are('ingest', ARRAY['agent', 'alert', 'artifact', 'delivery', 'delivery_move', 'delivery_plan', 'enrolment_code', 'entity', 'entry_point',
  'file_spec', 'job', 'job_event', 'job_file', 'job_file_move', 'lease', 'ledger_anchor', 'orphan', 'orphan_walk', 'pending_wait', 'setting', 'stale_tag', 'tenant', 'tenant_clock', 'tenant_user']);
SELECT tables_are('staging', ARRAY['component', 'variant', 'recipe', 'recipe_line', 'party', 'uom_conversion', 'open_load', 'retirement']);
SELECT views_are('staging', ARRAY['provenance', 'any_row']);
SELECT set_eq('SELECT entity FROM ingest.entity',
  $$SELECT relname::text FROM our_table WHERE nspname = 'staging' AND relkind = 'r' AND relname NOT IN ('open_load', 'retirement')$$, 'each entity has its staging table and each table its entity');
SELECT set_eq($$SELECT DISTINCT entity FROM pg_get_viewdef('staging.any_row'::regclass) AS v,
                       regexp_matches(v, 'FROM staging\.([a-z_]+)', 'g') AS m (match), LATERAL (SELECT match[1] AS entity) AS e$$,
  'SELECT entity FROM ingest.entity', 'any_row reads every staging table');

SELECT is_empty($$SELECT nspname, relname FROM our_table WHERE obj_description(oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT t.nspname, t.relname, a.attname FROM our_table AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(t.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT oid::regprocedure FROM our_function WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT nspname, relname FROM our_table WHERE relkind IN ('r', 'p') AND NOT relrowsecurity$$, 'row security is on for every table');
SELECT is_empty($$SELECT t.nspname, t.relname FROM our_table AS t JOIN pg_class AS c USING (oid)
  WHERE t.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)$$, 'every view reads with its reader''s rights');
SELECT is_empty($$SELECT n.conrelid::regclass, n.conname FROM pg_constraint AS n JOIN our_table AS t ON t.oid = n.conrelid
  WHERE n.contype IN ('p', 'u', 'f', 'c') AND n.conname !~ '^[a-z0-9]+(_[a-z0-9]+){2,}$'
     OR n.conname ~ '_(pkey|fkey|key|check)[0-9]*$' AND n.conrelid = t.oid$$, 'every constraint has a sentence for a name');
SELECT is_empty($$SELECT n.conrelid::regclass, n.conname FROM pg_constraint AS n JOIN our_table AS t ON t.oid = n.conrelid
  WHERE NOT n.convalidated$$, 'every constraint holds for every row');
SELECT is_empty($$SELECT nspname, relname FROM our_table AS t WHERE relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_constraint AS n WHERE n.conrelid = t.oid AND n.contype = 'p')$$, 'every table has a primary key');

-- Functions
SELECT is_empty($$SELECT oid::regprocedure FROM our_function
  WHERE NOT coalesce('search_path=""' = ANY (proconfig), false)$$, 'every function has an empty search_path');
SELECT is_empty($$SELECT f.oid::regprocedure FROM our_function AS f JOIN ingest.entry_point AS e ON e.function = f.pronamespace::regnamespace || '.' || f.proname
  WHERE e.caller = 'agent' AND NOT coalesce('enable_seqscan=off' = ANY (f.proconfig), false)$$, 'agents'' calls walk by index, also in an almost empty registry');
SELECT is_empty($$SELECT f.oid::regprocedure FROM our_function AS f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a
  WHERE a.grantee = 0$$, 'PUBLIC may execute none of our functions');
SELECT set_eq($$SELECT proname::text FROM our_function WHERE has_function_privilege('anon', oid, 'EXECUTE')$$,
  ARRAY['ingest_enroll', 'ingest_open_job', 'ingest_renew_uploads', 'ingest_confirm_uploads', 'ingest_close_job', 'ingest_sync', 'ingest_inventory', 'ingest_withdraw_files', 'is_upload_reserved'],
  'anon may execute the RPCs and what Storage''s policy asks, and nothing else');
SELECT ok(NOT has_schema_privilege('anon', 'ingest', 'USAGE'), 'and calls the latter through the policy only');
SELECT set_eq($$SELECT pronamespace::regnamespace || '.' || proname FROM our_function WHERE has_function_privilege('authenticated', oid, 'EXECUTE')$$,
  $$SELECT function FROM ingest.entry_point WHERE caller <> 'service'$$,
  'a signed-in person may execute what the list says, and nothing else');
SELECT set_eq($$SELECT proname::text FROM our_function WHERE has_function_privilege('service_role', oid, 'EXECUTE')$$,
  $$SELECT split_part(function, '.', 2) FROM ingest.entry_point WHERE caller = 'service' UNION SELECT 'lineage'$$,
  'the worker''s role may execute what the list says, and no RPC');
SELECT is_empty($$SELECT e.function FROM ingest.entry_point AS e
  WHERE (SELECT count(*) FROM our_function AS f WHERE f.pronamespace::regnamespace || '.' || f.proname = e.function) <> 1$$, 'what the list names exists, once');
SELECT is_empty($$SELECT e.function FROM ingest.entry_point AS e JOIN our_function AS f ON f.pronamespace::regnamespace || '.' || f.proname = e.function
  WHERE e.decided_by = 'authorize' AND position(format('ingest.authorize(%L', e.function) IN f.prosrc) = 0$$, 'and asks ingest.authorize by its own name');
SELECT is_empty($$SELECT oid::regprocedure FROM our_function WHERE pronamespace = 'public'::regnamespace AND NOT prosecdef$$,
  'every RPC runs with its owner''s rights');
SELECT is_empty($$SELECT oid::regprocedure FROM our_function WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('anon', oid, 'EXECUTE')
  AND EXISTS (SELECT FROM unnest(proargnames) AS a WHERE a LIKE '%tenant%' OR a LIKE '%agent_id%')$$, 'no RPC of agents takes a tenant or agent id');
SELECT function_returns('public', 'ingest_enroll', ARRAY['text', 'text', 'text', 'jsonb'], 'jsonb');
SELECT function_returns('public', 'ingest_open_job', ARRAY['text', 'jsonb', 'jsonb'], 'jsonb');
SELECT function_returns('public', 'ingest_renew_uploads', ARRAY['uuid[]'], 'jsonb');
SELECT function_returns('public', 'ingest_confirm_uploads', ARRAY['jsonb'], 'jsonb');
SELECT function_returns('public', 'ingest_withdraw_files', ARRAY['jsonb'], 'jsonb');
SELECT function_returns('public', 'ingest_close_job', ARRAY['text', 'text'], 'jsonb');
SELECT function_returns('public', 'ingest_sync', ARRAY['bigint', 'jsonb', 'jsonb', 'text'], 'jsonb');
SELECT function_returns('public', 'ingest_inventory', ARRAY['bigint'], 'jsonb');

-- Table rights
SELECT is_empty($$SELECT nspname, relname FROM our_table WHERE has_any_column_privilege('anon', oid, 'SELECT, INSERT, UPDATE')
  OR has_table_privilege('anon', oid, 'DELETE, TRUNCATE, REFERENCES, TRIGGER')$$, 'anon has no right on any table');
SELECT is_empty($$SELECT nspname, relname FROM our_table WHERE has_any_column_privilege('authenticated', oid, 'INSERT, UPDATE')
  OR has_table_privilege('authenticated', oid, 'DELETE, TRUNCATE')$$, 'a signed-in person can write nowhere');
SELECT set_eq($$SELECT nspname || '.' || relname FROM our_table WHERE has_any_column_privilege('service_role', oid, 'INSERT, UPDATE')
  OR has_table_privilege('service_role', oid, 'DELETE, TRUNCATE')$$, $$SELECT 'staging.' || entity FROM ingest.entity$$, 'the worker''s role writes to staging tables only');
SELECT ok(NOT has_table_privilege('service_role', 'staging.component', 'UPDATE, DELETE, TRUNCATE'), 'and there it only adds rows');
SELECT ok(NOT has_column_privilege('authenticated', 'ingest.agent', 'token_sha256', 'SELECT'), 'token hashes are not for people');
SELECT ok(NOT has_any_column_privilege('authenticated', 'ingest.enrolment_code', 'SELECT'), 'code hashes are not for people');
SELECT ok(NOT has_any_column_privilege('authenticated', 'ingest.setting', 'SELECT'), 'settings are not for people');

-- Guards of every staging table
SELECT is_empty($$SELECT t.relname FROM our_table AS t WHERE t.nspname = 'staging' AND t.relkind = 'r' AND t.relname NOT IN ('open_load', 'retirement') AND NOT EXISTS (
  SELECT FROM pg_trigger AS g WHERE g.tgrelid = t.oid AND g.tgname = 'a_row_belongs_to_a_file_of_its_tenant' AND g.tgenabled <> 'D')$$,
  'every staging table has the tenant guard');
SELECT is_empty($$SELECT t.relname FROM our_table AS t WHERE t.nspname = 'staging' AND t.relkind = 'r' AND t.relname NOT IN ('open_load', 'retirement') AND NOT EXISTS (
  SELECT FROM pg_trigger AS g WHERE g.tgrelid = t.oid AND g.tgname = 'a_staged_row_is_never_changed' AND g.tgenabled <> 'D')$$,
  'every staging table is append-only');
SELECT col_is_pk('staging', e.entity, ARRAY['job_file_id', 'source_row'], e.entity || ': a source row of a file is staged once') FROM ingest.entity AS e;
SELECT has_index('staging', e.entity, e.entity || '_by_natural_key', ARRAY['tenant_id', 'natural_key'], e.entity || ': found by tenant and natural key')
  FROM ingest.entity AS e;
SELECT col_type_is('staging', e.entity, 'payload', 'jsonb', e.entity || ': payload is jsonb') FROM ingest.entity AS e;

-- The moves, as design and agent have them
SELECT results_eq('SELECT from_state, event, to_state FROM ingest.job_file_move ORDER BY 1, 2', $$VALUES
  ('archived', 'retired', 'retired'), ('awaiting_upload', 'arrived', 'received'), ('awaiting_upload', 'found_duplicate', 'duplicate'),
  ('awaiting_upload', 'refused', 'refused'), ('awaiting_upload', 'size_mismatched', 'awaiting_upload'), ('awaiting_upload', 'skipped', 'refused'),
  ('new', 'found_duplicate', 'duplicate'), ('new', 'opened', 'awaiting_upload'), ('new', 'refused', 'refused'), ('new', 'split_off', 'received'),
  ('processed', 'archived', 'archived'), ('processed', 'retired', 'retired'), ('received', 'found_duplicate', 'duplicate'),
  ('received', 'hash_matched', 'verified'), ('received', 'hash_mismatched', 'awaiting_upload'), ('received', 'refused', 'refused'),
  ('received', 'skipped', 'refused'), ('refused', 'retried', 'received'), ('refused', 'skipped', 'refused'), ('refused', 'split_again', 'split'),
  ('refused', 'upload_asked_again', 'awaiting_upload'),
  ('retired', 'retried', 'received'), ('retired', 'skipped', 'refused'), ('retired', 'upload_asked_again', 'awaiting_upload'), ('split', 'parts_processed', 'processed'), ('split', 'refused', 'refused'),
  ('split', 'retired', 'retired'), ('split', 'skipped', 'refused'), ('staged', 'renamed', 'processed'), ('staged', 'retired', 'retired'),
  ('verified', 'found_duplicate', 'duplicate'), ('verified', 'refused', 'refused'), ('verified', 'skipped', 'refused'), ('verified', 'split', 'split'),
  ('verified', 'staged', 'staged')$$, 'the legal moves of a file are these');
SELECT set_eq($$SELECT format('%s %s %s', p.polname, p.polcmd, pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy AS p WHERE p.polrelid = 'storage.objects'::regclass$$,
  $$SELECT 'agents_send_what_is_reserved a ingest.is_upload_reserved(bucket_id, name)'$$, 'one policy of ours is on Storage''s objects');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'storage'::regnamespace AND relowner = 'postgres'::regrole
  UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'storage'::regnamespace AND proowner = 'postgres'::regrole$$, 'nothing else in its schema is ours');
SELECT is((SELECT count(*) FROM storage.buckets WHERE id = 'waybill-exports' AND NOT public), 1::bigint, 'the bucket is there and private');

SELECT * FROM finish();
ROLLBACK;
