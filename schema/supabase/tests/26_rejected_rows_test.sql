-- Goal:   rows that were set aside are kept with their places; their text only where the file's spec says so, and for nobody but the agency.
-- Method: the same artifact is offered under a spec that allows text and under one that does not; then everybody tries to read it.
BEGIN;
\ir support/world.psql
SELECT no_plan();
GRANT USAGE ON SCHEMA test TO anon, authenticated, service_role;

SELECT ingest.put_file_spec('alder', '{"file_tag": "open", "entity": "party", "columns": [], "on_refusal": "quarantine", "send_quarantined_rows": true}', 'x');
CREATE FUNCTION test.rejected() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT '{"rows": [{"row": 3, "line": 4, "byte_offset": 60, "bytes": 8, "code": "WB-3012", "text": "a secret"}, {"row": 5, "line": 6, "byte_offset": 90, "bytes": 1, "code": "WB-3011", "base64": "AA=="}], "truncated": true}'::jsonb
$$;
-- Ends the staging of the next file: well, or with a refusal.
CREATE FUNCTION test.finish(p_how text, p_rejected jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  c jsonb;
BEGIN
  LOOP
    c := ingest.claim_next('w', 60);
    EXIT WHEN c IS NULL OR c ->> 'step' = 'stage';
    PERFORM ingest.release_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid);
    UPDATE ingest.lease SET claimed_at = NULL WHERE tenant_id = (c ->> 'tenant_id')::uuid;
    PERFORM test.step();
  END LOOP;
  IF p_how = 'staged' THEN
    PERFORM ingest.finish_stage((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, 0, c ->> 'content_sha256', '{"rows": 2}', p_rejected);
  ELSE
    PERFORM ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3012", "message": "m"}', '{"rows": 2}', p_rejected);
  END IF;
  RETURN c ->> 'job_file_id';
END
$$;
CREATE FUNCTION test.kept(p_id uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT a.content FROM ingest.artifact AS a WHERE a.job_file_id = p_id AND a.kind = 'rejected_rows' $$;

SELECT test.deliver('k1', 'open.csv', 'open', 'open');
SELECT ingest.put_file_spec('alder', '{"file_tag": "open", "entity": "party", "columns": [], "on_refusal": "quarantine"}', 'x');
CREATE TEMP TABLE open AS SELECT test.finish('staged', test.rejected()) AS id;
SELECT is(test.kept(id), test.rejected(), 'the spec that the file is read by allows text: it is kept') FROM open;
SELECT ingest.put_file_spec('alder', '{"file_tag": "open", "entity": "party", "columns": [], "on_refusal": "quarantine", "send_quarantined_rows": true}', 'x');
SELECT test.deliver('k2', 'closed.csv', 'closed', 'party');
CREATE TEMP TABLE closed AS SELECT test.finish('staged', test.rejected()) AS id;
SELECT is(test.kept(id), '{"rows": [{"row": 3, "line": 4, "byte_offset": 60, "bytes": 8, "code": "WB-3012"}, {"row": 5, "line": 6, "byte_offset": 90, "bytes": 1, "code": "WB-3011"}], "truncated": true}',
  'it does not: only places are kept, whatever the worker sends') FROM closed;
SELECT test.deliver('k3', 'refused.csv', 'refused', 'open');
CREATE TEMP TABLE refused AS SELECT test.finish('refused', test.rejected()) AS id;
SELECT is(test.kept(id), test.rejected(), 'a refused file keeps its own, too') FROM refused;
SELECT test.deliver('k4', 'none.csv', 'none', 'open');
CREATE TEMP TABLE none AS SELECT test.finish('staged', NULL) AS id;
SELECT is(test.kept(id), NULL, 'no rows set aside, no artifact') FROM none;
SELECT is((SELECT count(*) FROM ingest.artifact, none WHERE job_file_id = id), 1::bigint, 'but its report');
SELECT test.deliver('k5', 'bad.csv', 'bad', 'open');
SELECT is(test.refusal($$SELECT test.finish('staged', '{"rows": 1}')$$), 'WB-2101 400', 'what is no list of rows is not taken');
SELECT is(test.refusal($$SELECT test.finish('staged', jsonb_build_object('rows', jsonb_build_array(repeat('x', 3000000))))$$), 'WB-2101 400', 'nor what is too large');
SELECT is((SELECT content_sha256 FROM ingest.artifact WHERE kind = 'rejected_rows' AND job_file_id = id), encode(sha256(convert_to(test.kept(id)::text, 'UTF8')), 'hex'), 'the artifact has its hash') FROM open;
SELECT is_empty($$SELECT FROM ingest.job_event WHERE details::text ~ 'secret'$$, 'no event has text');
SELECT is_empty($$SELECT FROM ingest.artifact WHERE kind <> 'rejected_rows' AND content::text ~ 'secret'$$, 'nor any other artifact');
SELECT matches(col_description('ingest.artifact'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'ingest.artifact'::regclass AND attname = 'content')), 'send_quarantined_rows',
  'the column says what it may hold');

-- who may read it
SELECT is_empty($$SELECT FROM (SELECT public.ingest_sync(0) || public.ingest_inventory(0) AS told) AS t WHERE t.told::text ~ '(secret|AA==)'$$, 'agents are not told');
SET LOCAL ROLE anon;
SELECT is(test.refusal('SELECT content FROM ingest.artifact'), '42501', 'an agent''s role reads no artifact');
RESET ROLE;
SET LOCAL ROLE authenticated;
SELECT test.as_user(test.id('alder user'));
SELECT is((SELECT count(*) FROM ingest.artifact WHERE kind = 'rejected_rows'), 3::bigint, 'a member of the agency reads its artifacts');
SELECT is(test.refusal($$INSERT INTO ingest.artifact (tenant_id) VALUES (NULL)$$), '42501', 'and writes none');
SELECT test.as_user(test.id('birch user'));
SELECT is_empty('SELECT FROM ingest.artifact', 'a member of another agency reads none of them');
SELECT test.as_user(gen_random_uuid());
SELECT is_empty('SELECT FROM ingest.artifact', 'nor does a stranger');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
