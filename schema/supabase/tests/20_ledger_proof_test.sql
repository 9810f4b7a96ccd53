-- Goal:   of two ledgers that say they are one, at most one goes on, and central says so before either delivers more.
-- Method: sync as an agent does, with the heads of a true, a cloned, a restored and a lost ledger.
BEGIN;
\ir support/world.psql
SELECT no_plan();

-- A head is 'n' or 'n text': the hash is of its text.
CREATE FUNCTION test.head(p_head text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT CASE WHEN p_head IS NOT NULL THEN jsonb_build_object('seq', split_part(p_head, ' ', 1)::bigint, 'hash', test.sha(p_head)) END
$$;
CREATE FUNCTION test.prove(p_ledger text, p_head text, p_anchored text DEFAULT NULL, p_key text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v jsonb := public.ingest_sync(0, '{}', test.head(p_head) || jsonb_build_object('ledger_id', p_ledger, 'anchored', test.head(p_anchored), 'public_key', p_key));
BEGIN
  RETURN coalesce(v #>> '{ledger_problem,code}', 'good') || CASE WHEN v -> 'changes' = '[]' THEN ', no changes' ELSE '' END;
END
$$;
CREATE FUNCTION test.known() RETURNS text LANGUAGE sql AS $$
  SELECT a.ledger_id || ' ' || coalesce(a.ledger_seq::text, '-') || CASE WHEN a.ledger_refused_at IS NULL THEN '' ELSE ' refused' END
    FROM ingest.agent AS a WHERE a.agent_id = test.id('alder agent')
$$;
CREATE FUNCTION test.happened() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(e.event, ',' ORDER BY e.seq) FROM ingest.job_event AS e WHERE e.tenant_id = test.id('alder') AND e.event ~ 'ledger|key'
$$;
CREATE FUNCTION test.accept() RETURNS void LANGUAGE sql AS $$ SELECT ingest.accept_ledger(test.id('alder agent'), 'restored on purpose', 'kim') $$;
SELECT test.open('k', test.offer('a.csv', 'a'));

-- one true ledger
SELECT is(test.prove('L1', '3'), 'good', 'the first head is taken');
SELECT is(test.prove('L1', '3'), 'good', 'told again, for its answer was lost');
SELECT is(test.prove('L1', '5', '3'), 'good', 'then one that goes on from it');
SELECT is(test.prove('L1', '5', '3'), 'good', 'told again');
SELECT is(test.prove('L1', '5', '5'), 'good', 'nothing happened since');
SELECT is(test.known(), 'L1 5', 'it is the newest');
SELECT is((SELECT array_agg(ledger_seq ORDER BY ledger_seq) FROM ingest.ledger_anchor WHERE ledger_id = 'L1' AND NOT is_divergent), '{3,5}', 'each head is anchored once');
SELECT is(test.happened(), NULL, 'which is nothing to tell');
SELECT is(public.ingest_sync() -> 'ledger_problem', 'null', 'a sync without head says nothing of it');
SELECT is(test.refusal(format('SELECT public.ingest_sync(0, ''{}'', %L)', h)), 'WB-2101 400', 'malformed: ' || h) FROM unnest(ARRAY[
  '{"ledger_id": "L1"}', test.head('5')::text::jsonb || '{"ledger_id": "a b"}', test.head('5') || '{"ledger_id": "L1", "anchored": {}}',
  test.head('5') || '{"ledger_id": "L1", "anchored": {"seq": 1, "hash": "x"}}', test.head('5') || '{"ledger_id": "L1", "public_key": "x"}',
  test.head('5') || '{"ledger_id": "L1", "seq": -1}']::text[]) AS h;

-- what is not it: each from the same beginning
CREATE FUNCTION test.try(p_ledger text, p_head text, p_anchored text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  BEGIN
    v := test.prove(p_ledger, p_head, p_anchored) || '; ' || test.known();
    RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = v;
  EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
    RETURN SQLERRM;
  END;
END
$$;
SELECT is(test.try('L1', '6', '5'), 'good; L1 6', 'the true one');
SELECT is(test.try('L1', '6', '3'), 'WB-2007, no changes; L1 5 refused', 'a copy that was made at head 3');
SELECT is(test.try('L1', '9', '3'), 'WB-2007, no changes; L1 5 refused', 'however much it did since');
SELECT is(test.try('L1', '4', '3'), 'WB-2007, no changes; L1 5 refused', 'a state restored from head 3');
SELECT is(test.try('L1', '3', NULL), 'WB-2007, no changes; L1 5 refused', 'an old head told again');
SELECT is(test.try('L1', '6', NULL), 'WB-2007, no changes; L1 5 refused', 'one that knows of no anchor');
SELECT is(test.try('L1', '5 other', '3'), 'WB-2007, no changes; L1 5 refused', 'another hash for the number');
SELECT is(test.try('L1', '5 other', '5'), 'WB-2007, no changes; L1 5 refused', 'though it names the anchor');
SELECT is(test.try('L1', '4', '5'), 'WB-2007, no changes; L1 5 refused', 'a ledger shorter than its anchor');
SELECT is(test.try('L1', '6', '5 other'), 'WB-2007, no changes; L1 5 refused', 'an anchor of another history');
SELECT is(test.try('L2', '1', NULL), 'good; L2 1', 'a new ledger');
SELECT is(test.try('L2', '1', '5'), 'WB-2007, no changes; L1 5 refused', 'a new name on an old history');

-- a call that a line delivers late, after a later one
CREATE FUNCTION test.try_late(p_head text, p_anchored text, p_clock_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  BEGIN
    PERFORM public.ingest_sync(0, '{"clock_ms": 1000}', test.head('6') || jsonb_build_object('ledger_id', 'L1', 'anchored', test.head('5')));
    v := public.ingest_sync(0, jsonb_build_object('clock_ms', p_clock_ms),
                            test.head(p_head) || jsonb_build_object('ledger_id', 'L1', 'anchored', test.head(p_anchored))) #>> '{ledger_problem,code}';
    RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = coalesce(v, 'good') || '; ' || test.known() || '; '
      || (SELECT a.health ->> 'clock_ms' FROM ingest.agent AS a WHERE a.agent_id = test.id('alder agent'));
  EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
    RETURN SQLERRM;
  END;
END
$$;
SELECT is(test.try_late('5', '3', 999), 'good; L1 6; 1000', 'an accepted head that was sent before the newest moves nothing');
SELECT is(test.try_late('5', '3', 1001), 'WB-2007; L1 6 refused; 1001', 'sent after it, it is a state that was restored');
SELECT is(test.try_late('7 clone', '5', 999), 'WB-2007; L1 6 refused; 999', 'a head that was never accepted is a copy''s, whatever its clock');
SELECT is(test.try_late('6', '5', 999), 'good; L1 6; 999', 'the newest head told again may come from a clock that was put back');

-- a clone: whoever is first goes on, the other is refused, and with it all
SELECT is(test.prove('L1', '8', '5'), 'good', 'one of two copies');
SELECT is(test.prove('L1', '7 clone', '5'), 'WB-2007, no changes', 'the other');
SELECT is(test.happened(), 'ledger_diverged', 'is an event');
SELECT is((SELECT kind || ' ' || code FROM ingest.alert), 'ledger_diverged WB-2007', 'and an alert');
SELECT is((SELECT count(*) FROM ingest.ledger_anchor WHERE is_divergent), 1::bigint, 'its head is kept as divergent');
SELECT is(test.refusal($$SELECT test.prove('L1', '9', '8')$$), 'WB-2007 403', 'from then on both are refused');
SELECT is(test.refusal(format('SELECT public.%s', c)), 'WB-2007 403', 'in every call: ' || c) FROM unnest(ARRAY['ingest_sync()', 'ingest_inventory()',
  'ingest_open_job(''k'', ''{}'')', 'ingest_renew_uploads(''{}'')', 'ingest_confirm_uploads(''[]'')', 'ingest_withdraw_files(''[]'')', 'ingest_close_job(''k'', ''x'')']) AS c;
SELECT is((SELECT count(*) FROM ingest.alert), 1::bigint, 'one alert is enough');
SELECT test.as_agent('birch token');
SELECT is(test.refusal('SELECT public.ingest_sync()'), 'taken', 'other agents go on');
SELECT test.as_agent('alder token');

-- a person decides
SELECT is(test.refusal(format('SELECT ingest.accept_ledger(%L, '''', ''kim'')', test.id('alder agent'))), 'WB-5006 400', 'with a reason');
SELECT is(test.refusal('SELECT ingest.accept_ledger(gen_random_uuid(), ''x'', ''kim'')'), 'WB-2001 404', 'about an agent there is');
SELECT test.accept();
SELECT is(test.known(), 'L1 -', 'no head is known now');
SELECT is(test.prove('L1', '4 restored', '3'), 'good', 'the next one counts, whatever it is');
SELECT is(test.prove('L1', '6 restored', '4 restored'), 'good', 'and goes on');
SELECT is(test.prove('L1', '9', '8'), 'WB-2007, no changes', 'the other copy is now the wrong one');
SELECT test.accept();
SELECT is(test.prove('L1', '9', '8'), 'good', 'unless it is accepted');
SELECT is(test.happened(), 'ledger_diverged,ledger_accepted,ledger_diverged,ledger_accepted', 'all of it is on record');
SELECT is((SELECT details ->> 'reason' || ' by ' || actor FROM ingest.job_event WHERE event = 'ledger_accepted' LIMIT 1), 'restored on purpose by operator:kim', 'with reason and name');

-- a lost ledger
SELECT is(test.prove('L2', '2'), 'good', 'a ledger that was lost and begun anew');
SELECT is(test.known(), 'L2 2', 'takes its place');
SELECT is((SELECT details ->> 'replaced' FROM ingest.job_event WHERE event = 'ledger_begun'), 'L1', 'which is an event');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'ledger_replaced'), 1::bigint, 'and an alert');
SELECT is(test.try('L1', '1', NULL), 'WB-2007, no changes; L2 2 refused', 'the old one does not come back as a new one');
SELECT is(test.prove('L1', '10', '9'), 'WB-2007, no changes', 'nor as itself');
SELECT test.accept();
SELECT is(test.prove('L1', '10', '9'), 'good', 'but by a person''s word');
SELECT is(test.prove('L2', '3', '2'), 'WB-2007, no changes', 'then the new one does not');
SELECT test.accept();
SELECT ingest.revoke_agent(test.id('alder agent'), 'gone', 'x');
SELECT is(test.refusal('SELECT test.accept()'), 'WB-5006 409', 'nobody accepts the ledger of a revoked agent');
UPDATE ingest.agent SET revoked_at = NULL, revoked_reason = NULL WHERE agent_id = test.id('alder agent');

-- keys
CREATE FUNCTION test.key(p_text text) RETURNS text LANGUAGE sql AS $$ SELECT E'-----BEGIN PUBLIC KEY-----\n' || encode(sha256(p_text::bytea), 'base64') || E'\n-----END PUBLIC KEY-----\n' $$;
SELECT is(test.prove('L3', '1', NULL, test.key('one')), 'good', 'a key is told');
SELECT is(test.prove('L3', '2', '1', test.key('one')), 'good', 'and again');
SELECT is((SELECT public_key FROM ingest.agent WHERE agent_id = test.id('alder agent')), test.key('one'), 'it is kept');
SELECT is(test.prove('L3', '3', '2', test.key('two')), 'good', 'another one');
SELECT is(test.prove('L3', '4', '3', test.key('two')), 'good', 'told twice');
SELECT is((SELECT public_key FROM ingest.agent WHERE agent_id = test.id('alder agent')), test.key('one'), 'does not replace it');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'agent_key_changed'), 1::bigint, 'and is told to people once');
SELECT is(test.prove('L3', '5', '4', test.key('three')), 'good', 'a third');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'agent_key_changed'), 2::bigint, 'too');
SELECT test.accept();
SELECT is(test.prove('L3', '6', '5', test.key('three')), 'good', 'a person accepted it');
SELECT is((SELECT public_key FROM ingest.agent WHERE agent_id = test.id('alder agent')), test.key('three'), 'so it counts');
SELECT is((SELECT details ->> 'public_key' FROM ingest.job_event WHERE event = 'ledger_accepted' ORDER BY seq DESC LIMIT 1), test.key('one'), 'and the first is in the record');

-- an agent that proves nothing yet
SELECT test.as_agent('birch token');
SELECT is((public.ingest_sync(0, '{}', test.head('7') || '{"ledger_id": "", "anchored": null, "public_key": ""}')) -> 'ledger_problem', 'null', 'it is not refused');
SELECT is((public.ingest_sync(0, '{}', test.head('5'))) -> 'ledger_problem', 'null', 'though it went back');
SELECT is((SELECT count(*) FROM ingest.alert AS a WHERE a.tenant_id = test.id('birch') AND kind = 'ledger_diverged'), 1::bigint, 'which is told');
SELECT is(test.prove('B1', '6'), 'good, no changes', 'until it proves');
SELECT is(test.refusal($$UPDATE ingest.ledger_anchor SET is_divergent = false$$), 'WB-2110 409', 'anchors are never changed');

SELECT * FROM finish();
ROLLBACK;
