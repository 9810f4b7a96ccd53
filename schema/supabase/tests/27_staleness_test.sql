-- Goal:   a tag that does not come is told of once, with the reason that central can see; a file ends it, and silence later is told again.
-- Method: time is stepped by hand; agents sync or fall silent.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();

CREATE FUNCTION test.publish(p_hours integer, p_more jsonb DEFAULT '{}') RETURNS integer LANGUAGE sql AS $$
  SELECT ingest.put_file_spec('alder', jsonb_build_object('file_tag', 'party', 'entity', 'party', 'columns', '[]'::jsonb, 'stale_after_hours', p_hours) || p_more, 'kim')
$$;
CREATE FUNCTION test.told() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM ingest.alert WHERE kind = 'file_stale' $$;
CREATE FUNCTION test.last() RETURNS text LANGUAGE sql AS $$ SELECT message FROM ingest.alert WHERE kind = 'file_stale' ORDER BY alert_id DESC LIMIT 1 $$;
CREATE FUNCTION test.cause() RETURNS text LANGUAGE sql AS $$ SELECT details ->> 'cause' FROM ingest.alert WHERE kind = 'file_stale' ORDER BY alert_id DESC LIMIT 1 $$;
CREATE FUNCTION test.stale() RETURNS jsonb LANGUAGE sql AS $$ SELECT e -> 'stale' FROM jsonb_array_elements(ingest.tenant_report()) AS e WHERE e ->> 'tenant' = 'alder' $$;

SELECT test.at(now());  -- specs are published by the real clock
SELECT test.publish(24);
SELECT is(ingest.sweep(), 0, 'a limit that has just been set is kept');
SELECT test.pass('23 hours 59 minutes');
SELECT is(ingest.sweep(), 0, 'a minute before');
SELECT test.publish(24, '{"description": "reworded"}');
ALTER TABLE ingest.file_spec DISABLE TRIGGER USER;  -- a version that was published later, for once
UPDATE ingest.file_spec SET created_at = ingest.clock() WHERE file_tag = 'party' AND spec ->> 'description' = 'reworded';
SELECT test.pass('1 minute');
SELECT is(ingest.sweep(), 1, 'a file that never came: the limit counts from its first publication');
SELECT is(ingest.sweep(), 0, 'once');
SELECT is(test.last(), format('alder: no file party has come since %s, more than 24 hours; agent down: it was never heard of', ingest.iso(now())), 'with tag, time and cause in words');
SELECT is((SELECT details - 'since' FROM ingest.alert WHERE kind = 'file_stale'), '{"file_tag": "party", "hours": 24, "cause": "agent_down", "agent_last_seen_at": null}', 'and as facts');
SELECT is(test.stale() #>> '{0,file_tag}', 'party', 'the report of agencies shows it');
SELECT is(test.events('file_stale'), 1::bigint, 'the log says so');

-- a file ends it; the next silence is another
SELECT test.deliver('k1', 'a.csv', 'a', 'party');
SELECT is(ingest.sweep(), 1, 'a file comes');
SELECT is(test.stale(), '[]', 'and nothing is stale any more');
SELECT is(test.events('file_not_stale'), 1::bigint, 'which the log says, too');
SELECT is(test.told(), 1::bigint, 'without an alert');
SELECT test.pass('20 hours');
SELECT public.ingest_sync();
SELECT test.deliver('k2', 'b.csv', 'b', 'component');
SELECT test.pass('4 hours');
SELECT public.ingest_sync();
SELECT is(ingest.sweep(), 1, 'a day later, with files of other tags meanwhile');
SELECT is(test.told(), 2::bigint, 'it is told again');
SELECT is(test.cause(), 'no_export', 'the agent is at work: nothing was exported');
SELECT matches(test.last(), format('no export: the agent is at work, it was heard of at %s$', ingest.iso(ingest.clock())), 'in words');

-- the agent is down
SELECT test.deliver('k3', 'c.csv', 'c', 'party');
SELECT is(ingest.sweep(), 1, 'cleared');
SELECT test.pass('23 hours 45 minutes');
SELECT public.ingest_sync();
SELECT test.pass('15 minutes');
SELECT is(ingest.sweep(), 1, 'an agent that was heard of 15 minutes ago');
SELECT is(test.cause(), 'agent_down', 'is down');
SELECT matches(test.last(), 'agent down: it was last heard of at ', 'since when is told');
SELECT is(ingest.sweep(), 0, 'once');
SELECT public.ingest_sync();
SELECT is(ingest.sweep(), 0, 'an agent that comes back is no file');

-- two agents: the one that carried the last file counts, as long as it is not revoked
SELECT test.deliver('k4', 'd.csv', 'd', 'party');
SELECT ingest.sweep();
INSERT INTO test.id SELECT 'second agent', (public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'tester'), 'second-pc', test.sha('second token'), '{}') ->> 'agent_id')::uuid;
SELECT test.pass('24 hours');
SELECT test.as_agent('second token');
SELECT public.ingest_sync();
SELECT ingest.sweep();
SELECT is(test.cause(), 'agent_down', 'another agent''s life says nothing of the one that carries the tag');
SELECT is((ingest.why_silent(test.id('alder'))).cause, 'no_export', 'of the agency it does');
SELECT ingest.revoke_agent(test.id('alder agent'), 'replaced', 'kim');
SELECT is((ingest.why_silent(test.id('alder'), test.id('alder agent'))).cause, 'no_export', 'a revoked agent carries nothing any more');
UPDATE ingest.agent SET ledger_refused_at = ingest.clock(), ledger_refused_reason = 'a copy' WHERE agent_name = 'second-pc';
SELECT test.pass('1 hour');
SELECT is((ingest.why_silent(test.id('alder'))).cause, 'agent_refused', 'one whose ledger is refused is not down');
SELECT ingest.revoke_agent(test.id('second agent'), 'gone', 'kim');
SELECT is((ingest.why_silent(test.id('alder'))).words, 'no agent is enrolled', 'none is left');

-- the limit goes, or the tag
SELECT is(test.stale() #>> '{0,file_tag}', 'party', 'it is stale still');
SELECT test.publish(0);
SELECT is(ingest.sweep(), 1, 'without a limit nothing is');
SELECT is(test.stale(), '[]', 'any more');
SELECT test.publish(24);
SELECT is(ingest.sweep(), 1, 'with it, it is again');
SELECT ingest.withdraw_file_spec('alder', 'party', 'kim');
SELECT is(ingest.sweep(), 1, 'a withdrawn tag');
SELECT is(ingest.sweep(), 0, 'is not awaited');
SELECT ingest.set_tenant_state('alder', 'halted', 'x', 'kim'), test.publish(24);
SELECT is(ingest.sweep(), 1, 'a halted agency''s files are awaited');
SELECT ingest.set_tenant_state('alder', 'closed', 'x', 'kim');
SELECT is(ingest.sweep(), 0, 'a closed one''s are not looked at');
SELECT is_empty($$SELECT FROM ingest.alert WHERE tenant_id <> test.id('alder')$$, 'nobody else is concerned');

-- history is no sign of life
SELECT test.as_agent('birch token');
SELECT ingest.put_file_spec('birch', '{"file_tag": "party", "entity": "party", "columns": [], "stale_after_hours": 24}', 'kim');
SELECT test.pass('25 hours');
SELECT test.bring('2024-01-01', 'old.csv', 'party', '{}', '{"kind": "history"}');
SELECT is(ingest.sweep(), 1, 'history does not end the silence of the nights');

SELECT * FROM finish();
ROLLBACK;
