-- Goal:   the next step is the right one, files wait for what they depend on, and nothing waits for ever.
-- Method: time is stepped by hand; each block is one case as direct ingest meets it.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();
SELECT is(test.plan('alder'), 1, 'alder has a plan');
SELECT is(test.plan('alder'), 1, 'the same plan again is the same version');

-- ordering: date, rank, tag, time; not the order of arrival
SELECT test.bring('2026-11-20', 'l.csv', 'recipe_line'), test.bring('2026-11-20', 'v.csv', 'variant'),
       test.bring('2026-11-20', 'r.csv', 'recipe'), test.bring('2026-11-20', 'c.csv', 'component'), test.bring('2026-11-20', 'p.csv', 'party');
SELECT is(test.work(), ARRAY['verify c.csv', 'stage c.csv', 'verify p.csv', 'stage p.csv', 'verify r.csv', 'stage r.csv', 'verify l.csv', 'stage l.csv',
  'verify v.csv', 'stage v.csv', 'archive l.csv', 'archive v.csv', 'archive r.csv', 'archive c.csv', 'archive p.csv'],
  'files are staged in the order of the plan, and archived when the delivery is complete');
SELECT is(test.events('waiting'), 0::bigint, 'nothing had to wait');

-- wait or run; one pending wait; told once
SELECT test.bring('2026-11-21', 'l2.csv', 'recipe_line'), test.bring('2026-11-21', 'r2.csv', 'recipe');
SELECT is(test.work(), ARRAY['verify r2.csv', 'verify l2.csv'], 'a recipe waits for components; what else came is verified meanwhile');
SELECT is(test.waits_for(), 'files: component', 'and one wait says for what');
SELECT test.pass('2 minutes');
SELECT is(test.work(), '{}', 'it waits on');
SELECT is(test.events('waiting'), 1::bigint, 'which is told once');
SELECT is((SELECT count(*) FROM ingest.pending_wait), 1::bigint, 'there is one pending wait');
SELECT test.bring('2026-11-21', 'c2.csv', 'component');
SELECT is(test.work(), ARRAY['verify c2.csv', 'stage c2.csv', 'stage r2.csv', 'stage l2.csv', 'archive l2.csv', 'archive r2.csv', 'archive c2.csv'],
  'when it comes, all run in order');
SELECT is(test.waits_for(), NULL, 'and no wait is left');

-- never waiting for a file that never comes
SELECT test.bring('2026-11-22', 'l3.csv', 'recipe_line');
SELECT is(test.work(), ARRAY['verify l3.csv'], 'a line waits');
SELECT is(test.waits_for(), 'files: component, recipe', 'for both');
SELECT test.pass('299 seconds');
SELECT is(test.work(), '{}', 'until wait_s');
SELECT test.pass('1 second');
SELECT is(test.work(), ARRAY['stage l3.csv'], 'and then runs without them');
SELECT is((SELECT details FROM ingest.job_event WHERE event = 'ran_without'), '{"missing": ["component", "recipe"]}', 'which the log says');
SELECT is(test.delivery('2026-11-22'), 'open component,recipe', 'the delivery is still open: they may come');

SELECT test.pass('2 days');
-- a later delivery overtakes: what is over is archived, an older file is refused
SELECT test.bring('2026-11-23', 'c4.csv', 'component'), test.bring('2026-11-23', 'r4.csv', 'recipe'), test.bring('2026-11-23', 'l4.csv', 'recipe_line');
SELECT ok(test.work() @> ARRAY['stage l4.csv', 'archive l3.csv'], 'a later delivery''s staged file lets the earlier one''s be archived');
CREATE TEMP TABLE old AS SELECT test.bring('2026-11-22', 'c3.csv', 'component') AS id;
SELECT is(test.work(), ARRAY['verify c3.csv'], 'a file older than the newest of its tag');
SELECT is((SELECT state || error_code FROM ingest.job_file, old WHERE job_file_id = id), 'refusedWB-2113', 'is refused');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'and halts nobody');
SELECT is(ingest.retry_file(id, 'needed for the record', 'kim', '{"allow_older": true}') ->> 'state', 'received', 'unless an operator wants it') FROM old;
SELECT is((test.work())[1:2], ARRAY['verify c3.csv', 'stage c3.csv'], 'then it is staged');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'file_refused' AND code = 'WB-2113'), 1::bigint, 'and somebody hears of the refusal');
SELECT test.bring('2126-11-23', 'slip.csv', 'component');
SELECT ok(test.work() @> ARRAY['stage slip.csv'], 'a file dated far ahead by a slip is staged');
SELECT ok(test.bring('2026-11-23', 'c9.csv', 'component') IS NOT NULL, 'a file of tonight comes');
SELECT ok(test.work() @> ARRAY['stage c9.csv'], 'and is not shut out by it');
SELECT is(test.bring('2026-11-22', 'r3.csv', 'recipe', '{}', '{"allow_older": true}') IS NOT NULL, true, 'a job opened without allow_older');
SELECT is(test.work(), ARRAY['verify r3.csv'], 'does not get it by asking later');

-- the agent's call is lost: the object is found all the same
SELECT test.open('lost', test.offer('lost.csv', 'lost', 'variant'));
SELECT test.store(job_file_id, size_bytes) FROM ingest.job_file WHERE relative_path = 'lost.csv';
SELECT is(test.work(), '{}', 'an upload that nobody confirmed is not worked on');
SELECT is(ingest.note_arrivals(), 1, 'until central looks itself');
SELECT ok(test.work() @> ARRAY['verify lost.csv'], 'then it is');

-- one file of a tenant at a time; the finishing step is not taken twice
SELECT test.bring('2026-11-24', 'c5.csv', 'component'), test.bring('2026-11-24', 'r5.csv', 'recipe');
CREATE TEMP TABLE c AS SELECT ingest.claim_next('w1', 60) AS c;
SELECT is(ingest.claim_next('w2', 60), NULL, 'a second worker gets nothing while a step is under way');
SELECT is(test.refusal(format('SELECT ingest.finish_verify(%L, %s, %L, %L, 6)', c ->> 'tenant_id', (c ->> 'fence')::int - 1, c ->> 'job_file_id', c ->> 'content_sha256')),
  'WB-5002 409', 'an earlier fence finishes nothing') FROM c;
SELECT lives_ok(format('SELECT ingest.release_step(%L, %s, %L)', c ->> 'tenant_id', c ->> 'fence', c ->> 'job_file_id'), 'a step is given back') FROM c;
SELECT is((SELECT attempt_count FROM ingest.job_file WHERE relative_path = 'c5.csv'), 0, 'and not counted');
SELECT is(ingest.claim_next('w2', 60) ->> 'relative_path', 'c5.csv', 'the same step is next');
SELECT test.pass('61 seconds');
SELECT is(ingest.claim_next('w3', 60) ->> 'relative_path', 'c5.csv', 'and again after its worker vanished');
SELECT test.pass('61 seconds');
SELECT is((test.work())[1:4], ARRAY['verify c5.csv', 'stage c5.csv', 'verify r5.csv', 'stage r5.csv'], 'nothing is lost by it');

-- a failing step holds the order, and other arrivals are verified meanwhile
SELECT test.bring('2026-11-25', 'c6.csv', 'component'), test.bring('2026-11-25', 'r6.csv', 'recipe');
SELECT is(test.next(), 'verify c6.csv', 'verified');
SELECT is(ingest.fail_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-4004", "message": "m"}', true)
  - ingest.clock(), '5 seconds', 'staging fails') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.work(), ARRAY['verify r6.csv'], 'nothing is staged past it');
SELECT test.pass('5 seconds');
SELECT ok(test.work() @> ARRAY['stage c6.csv', 'stage r6.csv'], 'then it goes on by itself');

-- a refused file does not come back with the next upload, and a halt stops the agency alone
SELECT ingest.put_file_spec('alder', '{"file_tag": "component", "entity": "component", "columns": [], "on_refusal": "halt"}', 'kim');
SELECT test.bring('2026-11-26', 'bad.csv', 'component'), test.bring('2026-11-26', 'r7.csv', 'recipe');
SELECT is(test.next(), 'verify bad.csv', 'verified');
SELECT is(ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3002", "message": "a quote is not closed", "row": 7}'),
  'refused', 'content that is no good') FROM ingest.claim_next('w', 60) AS c;
SELECT is((SELECT state || ' ' || state_reason FROM ingest.tenant WHERE slug = 'alder'), 'halted WB-3002: a quote is not closed (bad.csv)', 'halts the agency by its spec''s word');
SELECT is((SELECT kind || ' ' || code || ' ' || (details ->> 'file_tag') FROM ingest.alert ORDER BY alert_id DESC LIMIT 1), 'tenant_halted WB-3002 component', 'and raises an alert');
SELECT test.bring('2026-11-26', 'c7.csv', 'component');
SELECT is(test.work(), '{}', 'the next upload starts nothing');
SELECT test.as_agent('birch token');
SELECT test.bring('2026-11-26', 'other.csv', 'component');
SELECT is(test.work(), ARRAY['verify other.csv', 'stage other.csv'], 'another agency goes on');
SELECT test.as_agent('alder token');
SELECT is(ingest.skip_file((SELECT job_file_id FROM ingest.job_file WHERE relative_path = 'bad.csv'), 'known bad export', 'kim') ->> 'state', 'refused', 'skipping the file');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'lets the agency go on');
SELECT ok(test.work() @> ARRAY['stage c7.csv', 'stage r7.csv'], 'without it');
SELECT is((SELECT actor || ' ' || (details ->> 'reason') FROM ingest.job_event WHERE event = 'skipped'), 'operator:kim known bad export', 'and the log says who and why');
SELECT is(test.refusal(format('SELECT ingest.skip_file(%L, %L, %L)', job_file_id, r, a)), 'WB-5006 400', 'no decision without reason and name')
  FROM ingest.job_file, (VALUES ('', 'kim'), (' ', 'kim'), ('r', ''), ('see https://x', 'kim'), (NULL, 'kim')) AS v (r, a) WHERE relative_path = 'bad.csv';

-- a partner's file that is called processed_x.csv is just a file
SELECT test.bring('2026-11-27', 'processed_2026-11-20T00_00_00_000000_raw_component.csv', 'component');
SELECT is((test.work())[2], 'stage processed_2026-11-20T00_00_00_000000_raw_component.csv', 'a file that is called processed_ is staged like any other');

SELECT * FROM finish();
ROLLBACK;
