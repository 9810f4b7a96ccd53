-- Goal:   an agent that asks with its cursor hears of every change of its files once, in order, and of nothing else.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE TEMP TABLE f AS SELECT test.deliver('k1', 'a.csv', 'abc') AS id;
SELECT test.step(3), test.step(3);
CREATE TEMP TABLE s AS SELECT public.ingest_sync(0, '{"queue": 1}', jsonb_build_object('seq', 7, 'hash', test.sha('head 7'))) AS a;
SELECT is((SELECT jsonb_agg(c -> 'state') FROM s, jsonb_array_elements(a -> 'changes') AS c), '["awaiting_upload", "received", "verified", "staged"]',
  'all moves since the beginning, in order');
SELECT is((a #> '{changes,3}') - '{seq,at}'::text[], jsonb_build_object('job_file_id', id, 'job_key', 'k1', 'relative_path', 'a.csv', 'content_sha256', test.sha('abc'),
  'part_number', 1, 'state', 'staged', 'entity', 'component', 'rows_staged', 3, 'error', NULL), 'a change says which file, and what became of it') FROM s, f;
SELECT is((a ->> 'cursor')::bigint, (SELECT last_seq FROM ingest.tenant_clock WHERE tenant_id = test.id('alder')), 'the cursor is the tenant''s clock') FROM s;
SELECT is(a -> 'more', 'false', 'there is no more') FROM s;
SELECT is(a -> 'commands', '[]', 'and no command') FROM s;
SELECT is(jsonb_array_length(a #> '{file_specs,specs}'), 6, 'an agent that tells no digest gets the specs') FROM s;
SELECT is(public.ingest_sync(0, specs_digest => a #>> '{file_specs,digest}') -> 'file_specs', 'null', 'one that has them gets none') FROM s;
SELECT is(ingest.put_file_spec('alder', '{"file_tag": "party", "entity": "party", "columns": [], "delimiter": ";"}', 'x'), 2, 'a spec changes');
SELECT is((SELECT v -> 'version' FROM s, jsonb_array_elements(public.ingest_sync(0, specs_digest => a #>> '{file_specs,digest}') #> '{file_specs,specs}') AS v
  WHERE v ->> 'file_tag' = 'party'), '2', 'then it gets them anew');
SELECT is(public.ingest_sync((a ->> 'cursor')::bigint) -> 'changes', '[]', 'with the cursor: nothing new') FROM s;
SELECT test.step();
SELECT is((SELECT jsonb_agg(c -> 'state') FROM s, jsonb_array_elements(public.ingest_sync((a ->> 'cursor')::bigint) -> 'changes') AS c), '["processed"]', 'then what happened since');
SELECT is(public.ingest_sync(999999) -> 'changes', public.ingest_sync(0) -> 'changes', 'a cursor ahead of central (restored from a backup) starts again');
SELECT is(test.refusal('SELECT public.ingest_sync(-1)'), 'WB-2101 400', 'a cursor is not negative');
SELECT is(test.refusal('SELECT public.ingest_sync(0, ''[]'')'), 'WB-2101 400', 'health is an object');
SELECT is(test.refusal(format('SELECT public.ingest_sync(0, %L)', json_build_object('x', repeat('y', 17000)))), 'WB-2101 400', 'health has a limit');
SELECT is((SELECT health FROM ingest.agent WHERE agent_id = test.id('alder agent')), '{}', 'health is what was said last');
SELECT ok((SELECT last_seen_at > clock_timestamp() - interval '1 minute' FROM ingest.agent WHERE agent_id = test.id('alder agent')), 'and when');

-- what it does not hear of
SELECT test.as_agent('birch token');
SELECT is(public.ingest_sync(0) -> 'changes', '[]', 'another agency hears nothing of it');
SELECT is(public.ingest_inventory(0) -> 'files', '[]', 'nor is it in its inventory');
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 60, 'x'), 'second', test.sha('second token')) IS NOT NULL AS enrolled;
SELECT test.as_agent('second token');
SELECT is(public.ingest_sync(0) -> 'changes', '[]', 'nor does another agent of the agency');
SELECT is(public.ingest_inventory(0) -> 'files', '[]', 'nor has it what another living agent carries in its inventory');
SELECT ingest.revoke_agent(test.id('alder agent'), 'stolen', 'x');
SELECT is(jsonb_array_length(public.ingest_sync(0) -> 'changes'), 5, 'when an agent is revoked, the others hear of its files');
SELECT is(public.ingest_inventory(0) #>> '{files,0,relative_path}', 'a.csv', 'and have them in their inventory');

-- refusals travel with code and place
SELECT test.deliver('s1', 'bad.csv', 'bad bytes');
SELECT is(c ->> 'step', 'verify', 'the new file is first') FROM (SELECT ingest.claim_next('w', 60) AS c) AS q;
SELECT is(ingest.refuse_file(l.tenant_id, l.fence, l.job_file_id, '{"code": "WB-3005", "message": "ragged", "row": 7, "line": 9, "column": "Qty", "value": "4711", "url": "https://x"}'),
  'refused', 'a file is refused') FROM ingest.lease AS l WHERE l.holder = 'w';
SELECT is((SELECT c -> 'error' FROM jsonb_array_elements(public.ingest_sync(0) -> 'changes') AS c WHERE c ->> 'state' = 'refused'),
  '{"code": "WB-3005", "message": "ragged", "row": 7, "line": 9, "column": "Qty"}', 'the agent hears code and place, and no value');

-- ledger heads
SELECT is((SELECT count(*) FROM ingest.ledger_anchor WHERE agent_id = test.id('alder agent')), 1::bigint, 'a ledger head is anchored');
CREATE FUNCTION test.head(p_seq bigint, p_text text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM public.ingest_sync(0, '{}', jsonb_build_object('seq', p_seq, 'hash', test.sha(p_text)));
  RETURN count(*) FROM ingest.job_event WHERE event = 'ledger_diverged';
END
$$;
SELECT is(test.head(5, 'five'), 0::bigint, 'a head');
SELECT is(test.head(5, 'five'), 0::bigint, 'told again');
SELECT is(test.head(9, 'nine'), 0::bigint, 'a later one');
SELECT is(test.head(9, 'nine, altered'), 1::bigint, 'another hash for the same number is divergence');
SELECT is(test.head(8, 'eight'), 2::bigint, 'a ledger that went back is divergence');
SELECT is(test.head(8, 'eight'), 2::bigint, 'told once');
SELECT is(test.refusal('SELECT public.ingest_sync(0, ''{}'', ''{"seq": 1}'')'), 'WB-2101 400', 'a head has a hash');
SELECT is(test.refusal('SELECT public.ingest_sync(0, ''{}'', ''{"seq": 1, "hash": "xyz"}'')'), 'WB-2101 400', 'which is SHA-256 in hex');
SELECT is(test.refusal('SELECT public.ingest_sync(0, ''{}'', ''{}'')'), 'taken', 'an agent with an empty ledger tells none');

-- pages of 500, and an inventory that rebuilds everything
SELECT jsonb_array_length(public.ingest_open_job('many', '{"date": "2026-11-20", "name": "n"}',
  (SELECT jsonb_agg(test.offer(n || '/' || i || '.csv', n || ' ' || i)) FROM generate_series(1, 300) AS i)) -> 'files') FROM generate_series(1, 2) AS n;
CREATE TEMP TABLE page AS SELECT public.ingest_sync(0) AS one;
ALTER TABLE page ADD two jsonb;
UPDATE page SET two = public.ingest_sync((one ->> 'cursor')::bigint);
SELECT is(jsonb_array_length(one -> 'changes'), 500, 'a page has 500 changes') FROM page;
SELECT is(one -> 'more', 'true', 'and says that there is more') FROM page;
SELECT is(one -> 'cursor', one #> '{changes,499,seq}', 'its cursor is its last change') FROM page;
SELECT is(two -> 'more', 'false', 'the second page is the last') FROM page;
SELECT is((SELECT count(DISTINCT c -> 'seq') FROM page, LATERAL (SELECT jsonb_array_elements(one -> 'changes') UNION ALL SELECT jsonb_array_elements(two -> 'changes')) AS q (c)),
  (SELECT count(*) FROM ingest.job_event WHERE tenant_id = test.id('alder') AND to_state IS NOT NULL), 'no change is missed or told twice');
UPDATE page SET one = public.ingest_inventory(0);
UPDATE page SET two = public.ingest_inventory((one ->> 'after')::bigint);
SELECT is(jsonb_array_length(one -> 'files') + jsonb_array_length(two -> 'files'), 602, 'the inventory has every file') FROM page;
SELECT is(one -> 'more', 'true', 'page one has more') FROM page;
SELECT is(two -> 'more', 'false', 'page two has not') FROM page;
SELECT is((two ->> 'cursor')::bigint, (SELECT last_seq FROM ingest.tenant_clock WHERE tenant_id = test.id('alder')), 'and tells from where to sync on') FROM page;

-- the log itself
SELECT is((SELECT count(*) FROM ingest.job_event WHERE tenant_id = test.id('alder')), (SELECT max(seq) FROM ingest.job_event WHERE tenant_id = test.id('alder')),
  'events have no gap');
SELECT is_empty($$SELECT f.job_file_id FROM ingest.job_file AS f WHERE f.state IS DISTINCT FROM (
  SELECT e.to_state FROM ingest.job_event AS e WHERE e.job_file_id = f.job_file_id AND e.to_state IS NOT NULL ORDER BY e.seq DESC LIMIT 1)$$,
  'every file''s state is where its last event led');

SELECT * FROM finish();
ROLLBACK;
