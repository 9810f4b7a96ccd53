-- Goal:   records of custody cannot be altered or removed by anybody who comes through SQL, the owner included.
-- Method: as the tables' owner (no row security, all grants), try each way on each table with rows in it.
BEGIN;
\ir support/world.psql
SELECT no_plan();

SELECT test.deliver('k' || e.entity, e.entity || '.csv', 'content of ' || e.entity, e.entity) FROM ingest.entity AS e;
SELECT count(test.step()) FROM generate_series(1, 40);
SELECT test.close('k' || e.entity) FROM ingest.entity AS e;
SELECT ingest.put_delivery_plan('alder', '{"files": [{"file_tag": "component"}]}', 'x');
SELECT ingest.raise_alert(test.id('alder'), 'tenant_halted', NULL, 'x');
SELECT count(test.step()) FROM generate_series(1, 40);
SELECT public.ingest_sync(0, '{}', jsonb_build_object('seq', 1, 'hash', test.sha('head')));
SELECT ingest.find_orphans();
INSERT INTO ingest.orphan (tenant_id, job_file_id, bucket, object_path, size_bytes, reason, found_at, next_attempt_at)
  SELECT tenant_id, job_file_id, bucket, 'x', 1, 'superseded', now(), now() FROM ingest.job_file WHERE bucket IS NOT NULL LIMIT 1;

CREATE TEMP TABLE fixed (name text);  -- nothing of them may change
INSERT INTO fixed SELECT 'staging.' || entity FROM ingest.entity
  UNION ALL SELECT unnest(ARRAY['ingest.artifact', 'ingest.job_event', 'ingest.ledger_anchor', 'ingest.file_spec', 'ingest.job_file_move', 'ingest.entity', 'ingest.delivery_move', 'ingest.delivery_plan']);
CREATE TEMP TABLE kept (name text);  -- columns may change, rows stay
INSERT INTO kept SELECT * FROM fixed UNION ALL SELECT unnest(ARRAY['ingest.tenant', 'ingest.tenant_clock', 'ingest.agent', 'ingest.enrolment_code',
  'ingest.job', 'ingest.job_file', 'ingest.lease', 'ingest.setting',
  'ingest.delivery', 'ingest.alert', 'ingest.entry_point', 'ingest.orphan', 'ingest.orphan_walk']);
SELECT set_eq($$SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('ingest', 'staging') AND c.relkind = 'r'$$, $$SELECT name FROM kept UNION ALL SELECT unnest(ARRAY['ingest.tenant_user', 'ingest.pending_wait', 'ingest.stale_tag', 'staging.open_load', 'staging.retirement'])$$,
  'every table is tried, but for memberships, waits, stale tags, loads and retirements, which end');
GRANT SELECT ON fixed, kept TO postgres;
GRANT USAGE ON SCHEMA test TO postgres;
SET LOCAL ROLE postgres;
SELECT ok((xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM ' || name, false, true, '')))[1]::text::int > 0, name || ' has rows') FROM kept;
SELECT is(test.refusal('DELETE FROM ' || name), 'WB-2110 409', name || ': no DELETE') FROM kept;
SELECT is(test.refusal('TRUNCATE ' || name || ' CASCADE'), 'WB-2110 409', name || ': no TRUNCATE') FROM kept;
SELECT is(test.refusal(format('UPDATE %s SET %I = %I', name, c, c)), 'WB-2110 409', name || ': no UPDATE') FROM fixed,
  LATERAL (SELECT a.attname AS c FROM pg_attribute AS a WHERE a.attrelid = name::regclass AND a.attnum = 1) AS q;
SELECT is(test.refusal('DELETE FROM ingest.job_event WHERE false'), 'WB-2110 409', 'not even a DELETE that would hit nothing');
SELECT is(test.refusal('DELETE FROM storage.objects'), '42501', 'nor does Storage let SQL delete an object''s row');
RESET ROLE;

-- what is written once
CREATE FUNCTION test.tries(p_table text, p_set text) RETURNS text LANGUAGE sql AS $$
  SELECT test.refusal(format('UPDATE %s SET %s', p_table, p_set))
$$;
SELECT is(test.tries('ingest.job_file', c), 'WB-2110 409', 'job_file: ' || c) FROM unnest(ARRAY[
  'job_file_id = gen_random_uuid()', 'tenant_id = gen_random_uuid()', 'job_id = gen_random_uuid()', 'delivery_date = delivery_date + 1', 'opened_seq = opened_seq + 1000',
  'file_tag = ''x''', 'entity = ''party''', 'file_spec_version = 2', 'relative_path = ''x''', 'content_sha256 = repeat(''0'', 64)',
  'original_sha256 = repeat(''0'', 64)', 'size_bytes = 1', 'modified_at = NULL', 'part_number = 2', 'part_count = 2', 'first_source_row = 2', 'delivery_name = ''x''', 'precedence = 0', 'chunk_number = 2', 'chunk_count = 2', 'split_of = gen_random_uuid()', 'opened_at = now() - interval ''1 day''']) AS c;
SELECT is(test.tries('ingest.job', c), 'WB-2110 409', 'job: ' || c) FROM unnest(ARRAY[
  'job_id = gen_random_uuid()', 'tenant_id = gen_random_uuid()', 'agent_id = gen_random_uuid()', 'job_key = ''x''', 'delivery_date = delivery_date + 1', 'delivery_name = ''x''', 'kind = ''history''', 'precedence = 0', 'allow_older = true']) AS c;
SELECT is(test.tries('ingest.agent', c), 'WB-2110 409', 'agent: ' || c) FROM unnest(ARRAY[
  'agent_id = gen_random_uuid()', 'tenant_id = gen_random_uuid()', 'token_sha256 = repeat(''0'', 64)', 'enrolment_code_id = gen_random_uuid()']) AS c;
SELECT is(test.tries('ingest.tenant', c), 'WB-2110 409', 'tenant: ' || c) FROM unnest(ARRAY['tenant_id = gen_random_uuid()', 'slug = ''x''']) AS c;
SELECT is(test.tries('ingest.enrolment_code', c), 'WB-2110 409', 'code: ' || c) FROM unnest(ARRAY['tenant_id = gen_random_uuid()', 'code_sha256 = repeat(''0'', 64)']) AS c;

-- what is not listed cannot happen: every pair of states, by every event
CREATE TEMP TABLE probe AS SELECT (test.open('probe', test.offer('probe.csv', 'probe')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT is(test.tries('ingest.job_file', format('state = %L, last_event = %L WHERE job_file_id = %L', s.state, e.event, id)), 'WB-2105 500',
  format('awaiting_upload does not become %s by %s', s.state, e.event))
  FROM probe, (SELECT DISTINCT to_state AS state FROM ingest.job_file_move) AS s, (SELECT DISTINCT event FROM ingest.job_file_move UNION SELECT 'invented') AS e
 WHERE NOT EXISTS (SELECT FROM ingest.job_file_move AS m WHERE m.from_state = 'awaiting_upload' AND m.event = e.event AND m.to_state = s.state)
   AND (s.state, e.event) <> ('awaiting_upload', 'opened');
SELECT is(test.tries('ingest.job_file', format('state = %L WHERE state = ''archived''', s.state)), 'WB-2105 500', 'what is archived does not become ' || s.state)
  FROM (SELECT DISTINCT to_state AS state FROM ingest.job_file_move WHERE to_state <> 'archived') AS s;
SELECT is(test.refusal(format('SELECT ingest.move_file(%L, ''staged'', ''x'')', id)), 'WB-2105 500', 'the function refuses it as well') FROM probe;
SELECT is(test.refusal(format($$INSERT INTO ingest.job_file SELECT (f).* FROM (SELECT jsonb_populate_record(j, jsonb_build_object('job_file_id', gen_random_uuid(),
  'opened_seq', 100000, 'relative_path', 'new.csv', 'state', %L, 'last_event', 'opened')) AS f FROM ingest.job_file AS j, probe WHERE j.job_file_id = probe.id) AS q$$, s)), 'WB-2105 500',
  'no file is born ' || s) FROM unnest(ARRAY['received', 'verified', 'staged', 'processed', 'archived']) AS s;
SELECT is(test.tries('ingest.job', 'state = ''complete'', closed_at = now(), completed_at = now() WHERE state = ''open'''), 'WB-2105 500', 'an open job is not completed');
SELECT is(public.ingest_close_job('probe', 'x') ->> 'state', 'closed', 'a closed job');
SELECT is(test.tries('ingest.job', 'state = ''open'', closed_at = NULL WHERE job_key = ''probe'''), 'WB-2105 500', 'is not opened again');

-- constraints that speak for themselves
SELECT throws_ok(format('UPDATE ingest.setting SET value = %L WHERE name = %L', v, n), '23514', NULL, n || ' does not take ' || v)
  FROM (VALUES ('lease_s', '0'), ('lease_s', '"60"'), ('lease_s', '1.5'), ('max_uploads', '-1'), ('bucket', '"a b"'), ('bucket', '7'), ('signing_mode', '"magic"')) AS x (n, v);
SELECT throws_ok($$INSERT INTO ingest.tenant (slug, display_name, time_zone) VALUES ('archive', 'A', 'UTC')$$, '23514', NULL, 'no agency is called archive');
SELECT is(test.refusal($$INSERT INTO ingest.tenant (slug, display_name, time_zone) VALUES ('zone', 'A', 'Mars/Olympus')$$), 'WB-5006 400', 'a time zone exists');

SELECT * FROM finish();
ROLLBACK;
