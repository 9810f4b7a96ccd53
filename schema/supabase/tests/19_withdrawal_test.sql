-- Goal:   a file whose bytes will not come is awaited no longer, halts nobody, and comes back when it is offered again.
-- Method: register files and parts as an agent does, withdraw them in every state, offer them again.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.withdraw(p_ids uuid[], p_reason text DEFAULT 'changed') RETURNS jsonb LANGUAGE sql AS $$
  SELECT public.ingest_withdraw_files(to_jsonb(ARRAY(SELECT jsonb_build_object('job_file_id', i, 'reason', p_reason) FROM unnest(p_ids) AS i))) -> 'files'
$$;
CREATE FUNCTION test.told(p_answer jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(coalesce(e ->> 'state', '-') || coalesce(' ' || (e #>> '{problem,code}'), ''), ', ' ORDER BY n) FROM jsonb_array_elements(p_answer) WITH ORDINALITY AS x (e, n)
$$;
CREATE FUNCTION test.file(p_id uuid) RETURNS text LANGUAGE sql AS $$
  SELECT f.state || coalesce(' ' || f.error_code, '') FROM ingest.job_file AS f WHERE f.job_file_id = p_id
$$;
CREATE FUNCTION test.id_of(p_answer jsonb) RETURNS uuid LANGUAGE sql AS $$ SELECT (p_answer #>> '{files,0,job_file_id}')::uuid $$;
-- on_refusal halt: a withdrawal must not.
SELECT ingest.put_file_spec('alder', '{"file_tag": "recipe", "entity": "recipe", "columns": []}', 'x');

-- one file
CREATE TEMP TABLE a AS SELECT test.id_of(o) AS id, o #>> '{files,0,upload,path}' AS path FROM test.open('k', test.offer('a.csv', 'a', 'recipe')) AS o;
SELECT is(test.told(test.withdraw(ARRAY[id, id])), 'refused WB-2115, refused WB-2115', 'an awaited file is withdrawn') FROM a;
SELECT is(test.told(test.withdraw(ARRAY[id], 'removed')), 'refused WB-2115', 'twice is once') FROM a;
SELECT is((SELECT string_agg(event, ',' ORDER BY seq) FROM ingest.job_event JOIN a ON job_file_id = id), 'opened,refused', 'with one event');
SELECT matches((SELECT error ->> 'message' FROM ingest.job_file JOIN a ON job_file_id = id), 'changed at the agency', 'that says why');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'it halts nobody');
SELECT is_empty('SELECT FROM ingest.alert', 'and alerts nobody');
SELECT is((public.ingest_renew_uploads(ARRAY[id])) #>> '{files,0,upload}', NULL, 'it gets no target') FROM a;
SELECT is((public.ingest_sync()) #>> '{changes,-1,error,code}', 'WB-2115', 'the agent hears of it');
SELECT is(test.refusal(format('SELECT ingest.retry_file(%L, ''x'', ''kim'')', id)), 'WB-5006 409', 'nobody retries what has no bytes') FROM a;
SELECT test.store(id, 1) FROM a;
SELECT is(ingest.note_arrivals(), 0, 'what arrives late at its path is not taken');
SELECT is(test.confirm(id) ->> 'state', 'refused', 'nor confirmed') FROM a;
CREATE TEMP TABLE again AS SELECT test.open('k', test.offer('a.csv', 'a', 'recipe')) AS o;
SELECT is(test.id_of(o), id, 'offered again in its job it is the same file') FROM again, a;
SELECT is(o #>> '{files,0,outcome}', 'upload', 'awaited again') FROM again;
SELECT isnt(o #>> '{files,0,upload,path}', path, 'at another path: what lies at the old one may be anything') FROM again, a;
SELECT is((SELECT e.details ->> 'dropped_path' FROM ingest.job_event AS e JOIN a ON e.job_file_id = id ORDER BY seq DESC LIMIT 1), path, 'the old one is on record') FROM a;
SELECT is(test.told(test.withdraw(ARRAY[id], 'removed')), 'refused WB-2115', 'it may be withdrawn again') FROM a;
SELECT matches((SELECT error ->> 'message' FROM ingest.job_file JOIN a ON job_file_id = id), 'removed at the agency', 'for another reason');
SELECT isnt(test.id_of(o), id, 'offered in another job it is a new file') FROM a, test.open('k2', test.offer('a.csv', 'a', 'recipe')) AS o;
SELECT is(ingest.skip_file(id, 'gone', 'kim') ->> 'files', '1', 'a withdrawn file may be set aside') FROM a;
SELECT is(test.open('k', test.offer('a.csv', 'a', 'recipe')) #>> '{files,0,outcome}', 'refused', 'and then stays refused, offered or not');

-- a job of withdrawn files is over when it is closed
SELECT is(test.told(test.withdraw(ARRAY(SELECT job_file_id FROM ingest.job_file AS f JOIN ingest.job AS j USING (job_id) WHERE job_key = 'k2'))), 'refused WB-2115', 'withdrawn');
SELECT is(test.close('k2'), 'complete', 'nothing is waited for');

-- what is not awaited, what is not known, what is another's
CREATE TEMP TABLE b AS SELECT test.deliver('k3', 'b.csv', 'bb') AS id;
SELECT is(test.told(test.withdraw(ARRAY[id, id])), 'received, received', 'what arrived is answered as it stands') FROM b;
SELECT is((SELECT count(*) FROM ingest.job_event JOIN b ON job_file_id = id WHERE event = 'withdrawn_late'), 1::bigint, 'and noted once');
SELECT is(test.step(), 'verify', 'its bytes are judged');
SELECT is(test.file(id), 'verified', 'and good') FROM b;
SELECT is(test.told(test.withdraw(ARRAY[id, gen_random_uuid()])), 'verified, - WB-2104', 'an id that is none is told so') FROM b;
SELECT test.as_agent('birch token');
SELECT is(test.told(test.withdraw(ARRAY[b.id, a.id])), '- WB-2104, - WB-2104', 'another agency''s files are not there') FROM a, b;
SELECT test.as_agent('alder token');
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'x'), 'second', test.sha('second token'), '{}');
CREATE TEMP TABLE c AS SELECT test.id_of(test.open('k4', test.offer('c.csv', 'c'))) AS id;
SELECT test.as_agent('second token');
SELECT is(test.told(test.withdraw(ARRAY[id])), '- WB-2104', 'what another living agent carries is not touched') FROM c;
SELECT is(test.file(id), 'awaiting_upload', 'indeed') FROM c;
SELECT ingest.revoke_agent(test.id('alder agent'), 'gone', 'x');
SELECT is(test.told(test.withdraw(ARRAY[id])), 'refused WB-2115', 'a revoked agent''s file is everybody''s') FROM c;
UPDATE ingest.agent SET revoked_at = NULL, revoked_reason = NULL WHERE agent_id = test.id('alder agent');
SELECT test.as_agent('alder token');
SELECT is(test.refusal(format('SELECT public.ingest_withdraw_files(%L)', f)), 'WB-2101 400', 'malformed: ' || f) FROM unnest(ARRAY['{}', 'null', '[{}]', '["x"]',
  '[{"job_file_id": "x", "reason": "changed"}]', '[{"job_file_id": "00000000-0000-0000-0000-000000000000"}]',
  '[{"job_file_id": "00000000-0000-0000-0000-000000000000", "reason": "other"}]']) AS f;

-- it arrived, was withdrawn, and its bytes turn out wrong: it is not asked for again
SELECT count(test.step()) FROM generate_series(1, 9);
CREATE TEMP TABLE w AS SELECT test.deliver('k5', 'w.csv', 'w', 'recipe') AS id;
SELECT test.withdraw(ARRAY[id]) FROM w;
CREATE FUNCTION test.bad_verify() RETURNS text LANGUAGE sql AS $$
  SELECT ingest.finish_verify((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, test.sha('other'), 1) FROM ingest.claim_next('w', 60) AS c WHERE c ->> 'step' = 'verify'
$$;
SELECT is(test.bad_verify(), 'refused', 'wrong bytes of a withdrawn file end it');
SELECT is(test.file(id), 'refused WB-2115', 'as withdrawn') FROM w;
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'and halt nobody');
SELECT is(test.open('k5', test.offer('w.csv', 'w', 'recipe')) #>> '{files,0,outcome}', 'upload', 'offered again, it is awaited');
SELECT test.store(id, 1), test.confirm(id), test.withdraw(ARRAY[id]) FROM w;
SELECT is(test.open('k5', test.offer('w.csv', 'w', 'recipe')) #>> '{files,0,outcome}', 'known', 'withdrawn after it arrived, then offered again');
SELECT is(test.bad_verify(), 'awaiting_upload', 'wrong bytes are asked for again') FROM w;

-- parts
CREATE FUNCTION test.part(p_original text, p_number int, p_count int DEFAULT 3) RETURNS jsonb LANGUAGE sql AS $$
  SELECT test.offer(p_original, p_original || p_number, 'component', jsonb_build_object('original_sha256', test.sha(p_original), 'part_number', p_number,
    'part_count', p_count, 'first_source_row', (p_number - 1) * 100 + 1))
$$;
CREATE TEMP TABLE p AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('p', test.part('p.csv', 1), test.part('p.csv', 2), test.part('p.csv', 3)) -> 'files') WITH ORDINALITY AS x (e, n);
SELECT test.store(id, 6), test.confirm(id) FROM p WHERE n = 1;
SELECT is(test.told(test.withdraw(ARRAY(SELECT id FROM p WHERE n = 2))), 'refused WB-2115', 'a part is withdrawn');
SELECT is((SELECT string_agg(test.file(id), ', ' ORDER BY n) FROM p), 'refused WB-2114, refused WB-2115, refused WB-2114', 'and its fellows with it');
SELECT is(test.told(test.withdraw(ARRAY(SELECT id FROM p ORDER BY n))), 'refused WB-2114, refused WB-2115, refused WB-2114', 'withdrawing them too changes nothing');
SELECT is((SELECT string_agg(e ->> 'outcome', ',' ORDER BY n) FROM jsonb_array_elements(test.open('p', test.part('p.csv', 1), test.part('p.csv', 2), test.part('p.csv', 3)) -> 'files') WITH ORDINALITY AS x (e, n)),
  'known,upload,upload', 'offered again, what arrived is there and the rest is awaited');
SELECT test.store(id, 6), test.confirm(id) FROM p WHERE n > 1;
SELECT count(test.step()) FROM generate_series(1, 30);
SELECT is((SELECT string_agg(test.file(id), ', ' ORDER BY n) FROM p), 'processed, processed, processed', 'and the file is staged');

-- the same file on its way under another name is not hurt
CREATE TEMP TABLE q AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('q', test.part('q.csv', 1, 2), test.part('q.csv', 2, 2)) -> 'files') WITH ORDINALITY AS x (e, n);
CREATE TEMP TABLE q2 AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('q2', test.part('q.csv', 1, 2) || '{"relative_path": "copy.csv"}', test.part('q.csv', 2, 2) || '{"relative_path": "copy.csv"}') -> 'files') WITH ORDINALITY AS x (e, n);
SELECT test.withdraw(ARRAY(SELECT id FROM q2 WHERE n = 2));
SELECT is((SELECT string_agg(test.file(id), ', ' ORDER BY n) FROM q), 'awaiting_upload, awaiting_upload', 'the first copy goes on');
SELECT is((SELECT string_agg(test.file(id), ', ' ORDER BY n) FROM q2), 'awaiting_upload, refused WB-2115', 'its agent withdraws the other part itself, if it must');

-- a part refused for its content stays refused with its fellows, withdrawn or not
CREATE TEMP TABLE r AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('r', test.part('r.csv', 1, 2), test.part('r.csv', 2, 2)) -> 'files') WITH ORDINALITY AS x (e, n);
SELECT test.store(id, 6), test.confirm(id) FROM r;
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT is((SELECT string_agg(test.file(id), ', ' ORDER BY n) FROM r), 'refused WB-3004, refused WB-2114', 'refused');
SELECT is((SELECT string_agg(e ->> 'outcome', ',') FROM jsonb_array_elements(test.open('r', test.part('r.csv', 1, 2), test.part('r.csv', 2, 2)) -> 'files') AS e), 'refused,refused', 'offered again it stays so');

-- a batch
CREATE TEMP TABLE many AS SELECT (e ->> 'job_file_id')::uuid AS id FROM (SELECT public.ingest_open_job('many', '{"date": "2026-11-20", "name": "nightly"}',
  (SELECT jsonb_agg(test.offer('m' || i, 'm' || i)) FROM generate_series(1, 500) AS i)) AS o) AS x, jsonb_array_elements(o -> 'files') AS e;
SELECT is(test.refusal($$SELECT test.withdraw(ARRAY(SELECT id FROM many) || gen_random_uuid())$$), 'WB-2107 413', 'more than 500 are too many');
SELECT is((SELECT count(*) FROM jsonb_array_elements(test.withdraw(ARRAY(SELECT id FROM many))) AS e WHERE e #>> '{problem,code}' = 'WB-2115'), 500::bigint, '500 go at once');
SELECT is((SELECT last_seq FROM ingest.tenant_clock WHERE tenant_id = test.id('alder')), (SELECT count(*) FROM ingest.job_event WHERE tenant_id = test.id('alder')), 'and the log has no gap');

SELECT * FROM finish();
ROLLBACK;
