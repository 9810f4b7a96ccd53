-- Goal:   operators' functions check what they are told, record who did it, and may be run again.
BEGIN;
\ir support/world.psql
SELECT no_plan();

SELECT is(ingest.create_tenant('alder', 'Alder Agency', 'Europe/Berlin'), test.id('alder'), 'the same agency again is the same agency');
SELECT is(test.refusal($$SELECT ingest.create_tenant('alder', 'Another', 'Europe/Berlin')$$), 'WB-5006 409', 'another under its slug is refused');
SELECT is(test.refusal(format('SELECT ingest.create_tenant(%L, %L, %L)', s, n, z)), 'WB-5006 400', format('no agency "%s", "%s", "%s"', s, n, z)) FROM (VALUES
  ('Upper', 'A', 'UTC'), ('', 'A', 'UTC'), ('a/b', 'A', 'UTC'), ('-a', 'A', 'UTC'), ('archive', 'A', 'UTC'), (repeat('a', 41), 'A', 'UTC'),
  ('fine', ' ', 'UTC'), ('fine', 'A', 'Nowhere'), ('fine', 'A', NULL)) AS v (s, n, z);
SELECT is((SELECT actor || ' ' || event FROM ingest.job_event WHERE tenant_id = test.id('alder') AND seq = 1), 'operator tenant_created', 'the first event of an agency is its making');

SELECT is(test.refusal(format('SELECT ingest.create_enrolment_code(%L, %s, %L)', s, t, a)), w, format('no code for %s, %s s, by %s', s, t, a)) FROM (VALUES
  ('nobody', '60', 'x', 'WB-5006 404'), ('alder', '0', 'x', 'WB-5006 400'), ('alder', '9999999', 'x', 'WB-5006 400'), ('alder', 'NULL', 'x', 'WB-5006 400'),
  ('alder', '60', '', 'WB-5006 400')) AS v (s, t, a, w);
SELECT is((SELECT count(DISTINCT ingest.create_enrolment_code('alder', 60, 'x')) FROM generate_series(1, 50)), 50::bigint, 'codes differ');
SELECT is(ingest.plain_code(' o1Il-abcd '), '0111ABCD', 'a code may be read aloud and typed');

SELECT is(ingest.put_file_spec('alder', '{"entity": "party", "file_tag": "party", "on_refusal": "quarantine", "columns": [{"to": "n", "name": "N"}]}', 'x'), 1, 'the spec in force again: the same version');
SELECT is(ingest.put_file_spec('alder', '{"entity": "party", "file_tag": "party", "columns": []}', 'x'), 2, 'another spec: the next version');
SELECT is(ingest.put_file_spec('alder', '{"entity": "party", "file_tag": "party", "on_refusal": "quarantine", "columns": [{"to": "n", "name": "N"}]}', 'x'), 3, 'back to the first: a version of its own');
SELECT is(test.refusal(format('SELECT ingest.put_file_spec(''alder'', %L, ''x'')', s)), 'WB-3014 400', 'no spec: ' || coalesce(s, 'null')) FROM unnest(ARRAY[
  NULL, '[]', '{}', '{"file_tag": "party", "columns": []}', '{"file_tag": "Party", "entity": "party", "columns": []}',
  '{"file_tag": "party", "entity": "nothing", "columns": []}', '{"file_tag": "party", "entity": "party"}']) AS s;
SELECT is(test.refusal($$SELECT ingest.put_file_spec('nobody', '{}', 'x')$$), 'WB-5006 404', 'no spec for nobody');
SELECT test.deliver('k', 'p.csv', 'p', 'party');
SELECT is((SELECT file_spec_version FROM ingest.job_file WHERE relative_path = 'p.csv'), 3, 'a file is read by the spec in force when it was registered');
SELECT ingest.put_file_spec('alder', '{"entity": "party", "file_tag": "party", "columns": [], "note": "later"}', 'x');
SELECT is((SELECT c -> 'spec_version' FROM ingest.claim_next('w', 60) AS c), '3', 'also when a later one is put in force meanwhile');

SELECT is(test.refusal('SELECT ingest.revoke_agent(gen_random_uuid(), ''x'', ''y'')'), 'WB-2001 404', 'nobody is revoked');
SELECT ingest.revoke_agent(test.id('birch agent'), 'lost laptop', 'kim'), ingest.revoke_agent(test.id('birch agent'), 'again', 'kim');
SELECT results_eq($$SELECT revoked_reason FROM ingest.agent WHERE agent_id = test.id('birch agent')$$, $$VALUES ('lost laptop')$$, 'revoked once, for the first reason');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'agent_revoked' AND actor = 'operator:kim'), 1::bigint, 'and the log says by whom');

SELECT ingest.put_setting('lease_s', '90', 'kim');
SELECT results_eq('SELECT value, updated_by FROM ingest.setting WHERE name = ''lease_s''', $$VALUES ('90'::jsonb, 'operator:kim')$$, 'a setting is set, and by whom');
SELECT is(test.refusal($$SELECT ingest.put_setting('lease_ms', '90', 'x')$$), 'WB-5006 404', 'a setting that is none is refused');
SELECT is(test.refusal($$SELECT ingest.put_setting('lease_s', '"long"', 'x')$$), 'WB-5006 400', 'and a value that it does not take');
SELECT is(test.refusal($$SELECT ingest.set_tenant_state('alder', 'asleep', 'x', 'x')$$), 'WB-5006 400', 'a state that is none is refused');
SELECT is((SELECT array_agg(ingest.set_tenant_state('alder', 'halted', 'bad file', 'kim')) FROM generate_series(1, 2)), ARRAY['halted', 'halted'], 'halting twice');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'tenant_halted'), 1::bigint, 'is one event');

SELECT * FROM finish();
ROLLBACK;
