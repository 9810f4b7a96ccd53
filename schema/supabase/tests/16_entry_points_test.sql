-- Goal:   every entry point answers exactly the callers that ingest.entry_point lists.
-- Method: call each one as each kind of caller; a call that gets past the decision fails for another reason, or not at all.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE TEMP TABLE caller (name text, role text, token text, person uuid);
INSERT INTO auth.users (id, email) SELECT gen_random_uuid(), 'operator@example.org';
INSERT INTO ingest.tenant_user (tenant_id, user_id, role) SELECT test.id('alder'), id, 'operator' FROM auth.users WHERE email = 'operator@example.org';
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'x'), 'old-pc', test.sha('revoked token'), '{}');
SELECT ingest.revoke_agent(agent_id, 'gone', 'x') FROM ingest.agent WHERE agent_name = 'old-pc';
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'x'), 'copy-pc', test.sha('copied token'), '{}');
UPDATE ingest.agent SET ledger_refused_at = now(), ledger_refused_reason = 'a copy' WHERE agent_name = 'copy-pc';
INSERT INTO caller VALUES
  ('agent with a refused ledger', 'anon', 'copied token', NULL), ('nobody', 'anon', NULL, NULL), ('wrong token', 'anon', 'wrong', NULL), ('good agent', 'anon', 'alder token', NULL),
  ('revoked agent', 'anon', 'revoked token', NULL), ('other agency''s agent', 'anon', 'birch token', NULL),
  ('service', 'service_role', NULL, NULL), ('service with a token', 'service_role', 'alder token', NULL),
  ('stranger', 'authenticated', NULL, gen_random_uuid()), ('other agency''s viewer', 'authenticated', NULL, test.id('birch user')),
  ('viewer', 'authenticated', NULL, test.id('alder user')),
  ('operator', 'authenticated', NULL, (SELECT id FROM auth.users WHERE email = 'operator@example.org'));

-- Each entry point with arguments that its own checks refuse, or that change nothing that matters here.
CREATE TEMP TABLE call AS
  SELECT n.nspname || '.' || p.proname AS function, format('SELECT %I.%I(%s)', n.nspname, p.proname, (
           SELECT string_agg(CASE WHEN a.name = 'tenant' THEN quote_literal('alder') ELSE 'NULL::' || format_type(a.type, NULL) END, ', ' ORDER BY a.position)
             FROM unnest(p.proargtypes::oid[], p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (type, name, position))) AS sql
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname || '.' || p.proname IN (SELECT function FROM ingest.entry_point);
SELECT set_eq('SELECT function FROM call', 'SELECT function FROM ingest.entry_point', 'every entry point is called');

CREATE FUNCTION test.answer(p_role text, p_token text, p_person uuid, p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  PERFORM set_config('request.headers', json_build_object('x-agent-token', p_token)::text, true),
          set_config('request.jwt.claims', CASE WHEN p_person IS NULL THEN '' ELSE json_build_object('sub', p_person, 'role', p_role)::text END, true);
  EXECUTE format('SET LOCAL ROLE %I', p_role);
  BEGIN
    v := test.refusal(p_sql);
  EXCEPTION WHEN OTHERS THEN
    v := SQLSTATE;
  END;
  RESET ROLE;
  RETURN CASE WHEN v = '42501' THEN 'no right' WHEN v IN ('WB-2001 401', 'WB-2002 403', 'WB-2005 403', 'WB-2003 403', 'WB-2007 403') THEN split_part(v, ' ', 1) ELSE 'in' END;
END
$$;

-- What the list means, said once more and otherwise.
CREATE FUNCTION test.expected(p_entry ingest.entry_point, p_name text, p_role text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE
    WHEN p_entry.caller = 'service' THEN CASE p_role WHEN 'service_role' THEN 'in' ELSE 'no right' END
    WHEN p_entry.caller = 'storage' THEN CASE p_role WHEN 'authenticated' THEN 'in' ELSE 'no right' END
    WHEN p_entry.function = 'staging.lineage' THEN CASE p_role WHEN 'anon' THEN 'no right' ELSE 'in' END
    WHEN p_entry.caller = 'person' AND p_role <> 'authenticated' THEN 'no right'
    WHEN p_entry.decided_by = 'row security' THEN 'in'
    WHEN p_entry.caller = 'person' THEN CASE
      WHEN p_name = 'operator' OR p_name = 'viewer' AND p_entry.least_role = 'viewer' THEN 'in' ELSE 'WB-2005' END
    WHEN p_role = 'service_role' THEN 'no right'
    WHEN p_entry.caller = 'enrolment' THEN 'in'
    WHEN p_name IN ('good agent', 'other agency''s agent') THEN 'in'
    WHEN p_name = 'agent with a refused ledger' THEN 'WB-2007'
    WHEN p_name = 'revoked agent' THEN 'WB-2002' ELSE 'WB-2001' END
$$;
SELECT is(test.answer(c.role, c.token, c.person, k.sql), test.expected(e, c.name, c.role), e.function || ' by ' || c.name)
  FROM ingest.entry_point AS e JOIN call AS k USING (function), caller AS c ORDER BY e.function, c.name;

-- What a person decides is done in their name, and only in their agency.
CREATE TEMP TABLE f AS SELECT test.deliver('k', 'a.csv', 'a') AS id FROM test.as_agent('alder token');
CREATE TEMP TABLE b AS SELECT test.deliver('k', 'b.csv', 'b') AS id FROM test.as_agent('birch token');
GRANT SELECT ON f, b, caller TO authenticated;
SET LOCAL ROLE authenticated;
SELECT test.as_user((SELECT person FROM caller WHERE name = 'operator'));
SELECT is(test.refusal(format('SELECT public.ingest_decide(''skip'', ''alder'', %L, ''x'')', b.id)), 'WB-2104 404', 'an operator decides nothing of another agency''s file') FROM b;
SELECT is(test.refusal(format('SELECT public.ingest_decide(''skip'', ''birch'', %L, ''x'')', b.id)), 'WB-2005 403', 'nor in its name') FROM b;
SELECT is(test.refusal($$SELECT public.ingest_decide('skip', 'nowhere', NULL, 'x')$$), 'WB-2005 403', 'an agency that is none answers like another''s');
SELECT is(test.refusal(format('SELECT public.ingest_decide(''skip'', ''alder'', %L)', f.id)), 'WB-5006 400', 'a decision has a reason') FROM f;
SELECT is(test.refusal(format('SELECT public.ingest_decide(''drop'', ''alder'', %L, ''x'')', f.id)), 'WB-2101 400', 'and is one of four') FROM f;
SELECT is(public.ingest_decide('skip', 'alder', f.id, 'not needed') ->> 'state', 'refused', 'skip') FROM f;
SELECT is(public.ingest_decide('retry', 'alder', f.id, 'needed after all') ->> 'state', 'received', 'retry') FROM f;
SELECT is(public.ingest_decide('resume', 'alder', NULL, 'go on') ->> 'state', 'active', 'resume');
SELECT test.as_user(test.id('alder user'));
SELECT is(public.ingest_deliveries('alder') #>> '{deliveries,0,files,received}', '1', 'a viewer sees the deliveries');
RESET ROLE;
SELECT set_eq($$SELECT actor FROM ingest.job_event AS e, f WHERE e.job_file_id = f.id AND event IN ('skipped', 'retried')$$, $$SELECT 'person:' || person FROM caller WHERE name = 'operator'$$, 'and the log names the person');
SET LOCAL ROLE service_role;
SELECT is(test.refusal('UPDATE ingest.entry_point SET caller = ''service'', least_role = NULL'), '42501', 'the list is not for the worker to change');
SELECT is(test.refusal('DELETE FROM staging.component'), '42501', 'nor are rows for it to remove');
SELECT is(test.refusal('INSERT INTO staging.retirement VALUES (pg_current_xact_id(), gen_random_uuid())'), '42501', 'by any way');

SELECT * FROM finish();
ROLLBACK;
