-- Goal:   a person reads the rows of their own agency and of no other; anonymous callers read none.
-- Method: both agencies have rows in every table; look as user of alder, as user of birch, as anon.
BEGIN;
\ir support/world.psql
SELECT no_plan();

SELECT test.as_agent('birch token');
SELECT test.deliver('b1', 'b/component.csv', 'birch bytes');
SELECT public.ingest_sync(0, '{}', jsonb_build_object('seq', 1, 'hash', test.sha('birch head')));
SELECT test.as_agent('alder token');
SELECT test.deliver('a' || e.entity, 'a/' || e.entity || '.csv', 'alder ' || e.entity, e.entity) FROM ingest.entity AS e;
SELECT public.ingest_sync(0, '{}', jsonb_build_object('seq', 1, 'hash', test.sha('alder head')));
SELECT test.as_agent('birch token');
SELECT test.deliver('b' || e.entity, 'b/' || e.entity || '.csv', 'birch ' || e.entity, e.entity) FROM ingest.entity AS e;
SELECT count(test.step()) FROM generate_series(1, 60);
SELECT ingest.put_delivery_plan(s, '{"files": [{"file_tag": "component"}]}', 'x') FROM unnest(ARRAY['alder', 'birch']) AS s;
INSERT INTO ingest.stale_tag SELECT test.id(s), 'component', now(), now() FROM unnest(ARRAY['alder', 'birch']) AS s;
INSERT INTO ingest.pending_wait SELECT DISTINCT ON (f.tenant_id) f.tenant_id, f.job_file_id, 'files', '{component}', now() FROM ingest.job_file AS f;

CREATE TEMP TABLE ours (name text);
INSERT INTO ours SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
 WHERE n.nspname IN ('ingest', 'staging') AND c.relkind IN ('r', 'v')
   AND c.relname NOT IN ('enrolment_code', 'tenant_clock', 'alert', 'orphan');  -- not readable at all: 01_schema_test
GRANT SELECT ON ours TO anon, authenticated;
CREATE FUNCTION test.tenants_seen(p_table text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  v uuid[];
BEGIN
  EXECUTE format('SELECT array_agg(DISTINCT t.tenant_id ORDER BY t.tenant_id) FROM %s AS t', p_table) INTO v;
  RETURN v;
END
$$;
SELECT cmp_ok((SELECT count(*) FROM ours), '>=', 18::bigint, 'all tables with a tenant are looked at');
SELECT ok(test.tenants_seen(o.name) @> ARRAY[test.id('alder'), test.id('birch')], o.name || ' has rows of both agencies') FROM ours AS o;

SET LOCAL ROLE authenticated;
SELECT test.as_user(test.id('alder user'));
SELECT is(test.tenants_seen(o.name), ARRAY[test.id('alder')], o.name || ': alder''s user sees alder only') FROM ours AS o;
SELECT isnt_empty('SELECT * FROM staging.any_row', 'alder''s user sees staged rows');
SELECT is((SELECT count(*) FROM staging.any_row), 12::bigint, 'two rows of each entity');
SELECT test.as_user(test.id('birch user'));
SELECT is(test.tenants_seen(o.name), ARRAY[test.id('birch')], o.name || ': birch''s user sees birch only') FROM ours AS o;
SELECT test.as_user(gen_random_uuid());
SELECT is(test.tenants_seen(o.name), NULL, o.name || ': a person of no agency sees nothing') FROM ours AS o;
SELECT set_config('request.jwt.claims', '', true);
SELECT is(test.tenants_seen(o.name), NULL, o.name || ': without claims there is nothing to see') FROM ours AS o;

SELECT test.as_user(test.id('alder user'));
SELECT is(test.refusal('SELECT token_sha256 FROM ingest.agent'), '42501', 'a token hash is not shown');
SELECT is(test.refusal('SELECT * FROM ingest.enrolment_code'), '42501', 'codes are not shown');
SELECT is(test.refusal('SELECT * FROM ingest.setting'), '42501', 'settings are not shown');
SELECT is(test.refusal('SELECT ingest.claim_next(''x'', 60)'), '42501', 'a person is no worker');
SELECT is(test.refusal('SELECT ingest.create_enrolment_code(''alder'', 60, ''x'')'), '42501', 'a person makes no codes');
SELECT is(test.refusal('SELECT public.ingest_sync()'), 'WB-2001 401', 'a person is no agent, though the header may be there or not')
  FROM set_config('request.headers', '{}', true);
SELECT is(test.refusal(format('INSERT INTO staging.component VALUES (%L, %L, %L, 9, NULL, ''{}'')',
  test.id('alder'), gen_random_uuid(), gen_random_uuid())), '42501', 'a person stages nothing');

-- lineage answers the owner and nobody else
RESET ROLE;
CREATE TEMP TABLE one AS SELECT job_file_id, source_row FROM staging.recipe_line WHERE tenant_id = test.id('alder') LIMIT 1;
GRANT SELECT ON one TO authenticated;
SET LOCAL ROLE authenticated;
SELECT is((SELECT l.relative_path FROM one, staging.lineage(one.job_file_id, one.source_row) AS l), 'a/recipe_line.csv', 'alder''s user asks for a row''s story');
SELECT test.as_user(test.id('birch user'));
SELECT is_empty('SELECT l.* FROM one, staging.lineage(one.job_file_id, one.source_row) AS l', 'birch''s user gets no story of it');

RESET ROLE;
SET LOCAL ROLE anon;
SELECT is(test.refusal('SELECT count(*) FROM ' || o.name), '42501', o.name || ': closed to anonymous callers') FROM ours AS o;
SELECT is(test.refusal('SELECT * FROM staging.lineage(gen_random_uuid(), 1)'), '42501', 'lineage: closed to anonymous callers');

SELECT * FROM finish();
ROLLBACK;
