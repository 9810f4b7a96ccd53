-- Goal:   a code makes one agent, once, in time; whatever else is tried learns nothing.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE TEMP TABLE made AS SELECT ingest.create_enrolment_code('alder', 600, 'tester') AS code;
GRANT SELECT ON made TO anon;
CREATE FUNCTION test.enrol(p_code text, p_secret text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT public.ingest_enroll(p_code, 'new-pc', test.sha(p_secret), '{"os": "linux"}')
$$;
CREATE FUNCTION test.enrol_refusal(p_code text, p_secret text) RETURNS text LANGUAGE sql AS $$
  SELECT test.refusal(format('SELECT test.enrol(%L, %L)', p_code, p_secret))
$$;

SELECT matches((SELECT code FROM made), '^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$', 'a code is four groups of four');
SELECT is_empty($$SELECT * FROM ingest.enrolment_code AS c, made AS m WHERE to_jsonb(c)::text LIKE '%' || replace(m.code, '-', '') || '%'
                     OR to_jsonb(c)::text LIKE '%' || m.code || '%'$$, 'the code itself is kept nowhere');
SELECT is_empty($$SELECT * FROM ingest.job_event AS e, made AS m WHERE e.details::text LIKE '%' || left(m.code, 9) || '%'$$, 'nor does an event tell it');

SET LOCAL ROLE anon;
SELECT is(test.enrol_refusal('0000-0000-0000-0000', 's1'), 'WB-2003 403', 'a wrong code is refused');
SELECT is(test.enrol_refusal('', 's1'), 'WB-2003 403', 'an empty code is refused');
SELECT is(test.enrol_refusal(NULL, 's1'), 'WB-2003 403', 'no code is refused');
SELECT is(test.enrol_refusal((SELECT code FROM made) || '0', 's1'), 'WB-2003 403', 'a code with more behind it is refused');
SELECT is(test.enrol_refusal((SELECT code FROM made), 'birch token'), 'WB-2003 403', 'a secret that another agent has is refused, and the code stays good');
SELECT is(test.refusal(format('SELECT public.ingest_enroll(%L, ''x'', ''ABC'')', code)), 'WB-2101 400', 'a secret hash is SHA-256 in hex') FROM made;
SELECT is(test.refusal(format('SELECT public.ingest_enroll(%L, '' '', %L)', code, test.sha('x'))), 'WB-2101 400', 'a name is needed') FROM made;
SELECT is(test.refusal(format('SELECT public.ingest_enroll(%L, ''x'', %L, ''[]'')', code, test.sha('x'))), 'WB-2101 400', 'machine facts are an object') FROM made;
SELECT is(test.refusal(format('SELECT public.ingest_enroll(%L, ''x'', %L, %L)', code, test.sha('x'),
  json_build_object('x', repeat('y', 9000)))), 'WB-2101 400', 'machine facts have a limit') FROM made;

CREATE TEMP TABLE first AS SELECT test.enrol(lower(replace(code, '-', ' ')), 's1') AS answer FROM made;
SELECT is(answer -> 'tenant' ->> 'slug', 'alder', 'the code decides the agency, in whatever case it is typed') FROM first;
SELECT is(answer -> 'tenant' ->> 'time_zone', 'Europe/Berlin', 'and tells its time zone') FROM first;
SELECT is(jsonb_array_length(answer -> 'file_specs' -> 'specs'), 6, 'with the file specs in force') FROM first;
SELECT is((answer -> 'settings' ->> 'max_uploads')::int, 5, 'and the settings') FROM first;
SELECT ok(NOT answer -> 'settings' ? 'bucket', 'but not central''s own settings') FROM first;
SELECT is(test.enrol(code, 's1') - 'server_time', f.answer - 'server_time', 'code and secret again: the same answer') FROM made, first AS f;
SELECT is(test.enrol_refusal((SELECT code FROM made), 's2'), 'WB-2003 403', 'a used code is refused to another secret');
RESET ROLE;
SELECT is((SELECT count(*) FROM ingest.agent WHERE agent_name = 'new-pc'), 1::bigint, 'one agent was made');
SELECT is((SELECT token_sha256 FROM ingest.agent WHERE agent_name = 'new-pc'), test.sha('s1'), 'of which the token''s hash is kept');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'agent_enrolled' AND tenant_id = test.id('alder')), 2::bigint, 'and one event more');

UPDATE ingest.enrolment_code SET expires_at = clock_timestamp() WHERE used_at IS NOT NULL;
SELECT is(test.enrol_refusal((SELECT code FROM made), 's1'), 'taken', 'a lost answer is given again even after the code expired');
DELETE FROM made;
INSERT INTO made SELECT ingest.create_enrolment_code('alder', 600, 'tester');
UPDATE ingest.enrolment_code SET expires_at = clock_timestamp() WHERE used_at IS NULL;
SELECT is(test.enrol_refusal((SELECT code FROM made), 's3'), 'WB-2003 403', 'an expired code is refused');

-- who is not, or no longer, an agent
CREATE FUNCTION test.call_as(p_token text) RETURNS text LANGUAGE sql AS $$
  SELECT test.as_agent(p_token); SELECT test.refusal('SELECT public.ingest_sync()')
$$;
SELECT is(test.call_as('s1'), 'taken', 'the new agent is known by its token');
SELECT is(test.call_as('s2'), 'WB-2001 401', 'an unknown token is refused');
SELECT is(test.call_as(''), 'WB-2001 401', 'an empty token is refused');
SELECT is(test.call_as(test.sha('s1')), 'WB-2001 401', 'the hash is not the token');
SELECT is(test.refusal('SELECT public.ingest_sync()'), 'WB-2001 401', 'no header is refused') FROM set_config('request.headers', '{}', true);
SELECT is(test.refusal('SELECT public.ingest_sync()'), 'WB-2001 401', 'no request is refused') FROM set_config('request.headers', '', true);
SELECT ingest.revoke_agent((answer ->> 'agent_id')::uuid, 'replaced', 'tester') FROM first;
SELECT is(test.call_as('s1'), 'WB-2002 403', 'a revoked agent is refused');
SELECT ok(NOT EXISTS (SELECT FROM unnest(ARRAY[
    test.refusal('SELECT public.ingest_open_job(''k'', ''{"date": "2026-01-01", "name": "n"}'', ''[]'')'),
    test.refusal('SELECT public.ingest_renew_uploads(''{}'')'), test.refusal('SELECT public.ingest_confirm_uploads(''[]'')'),
    test.refusal('SELECT public.ingest_close_job(''k'', ''r'')'), test.refusal('SELECT public.ingest_inventory()')]) AS r
  WHERE r <> 'WB-2002 403'), 'by every RPC');
SELECT is(test.enrol_refusal((SELECT c FROM ingest.create_enrolment_code('alder', 60, 'tester') AS c), 's1'), 'WB-2003 403',
  'a revoked agent''s secret enrols no more');
SELECT is(ingest.set_tenant_state('birch', 'halted', 'trouble', 'tester'), 'halted', 'birch is halted');
SELECT is(test.call_as('birch token'), 'taken', 'the agent of a halted agency may still deliver');
SELECT is(ingest.set_tenant_state('birch', 'closed', 'left', 'tester'), 'closed', 'birch is closed');
SELECT is(test.call_as('birch token'), 'WB-2006 403', 'the agent of a closed agency is refused');
SELECT is(test.enrol_refusal((SELECT c FROM ingest.create_enrolment_code('birch', 60, 'tester') AS c), 's9'), 'WB-2003 403', 'and enrols none');

SELECT * FROM finish();
ROLLBACK;
