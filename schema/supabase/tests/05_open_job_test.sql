-- Goal:   each offered file gets one answer (upload, known, duplicate, refused), the same at every retry.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.without_token(p_answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(p_answer::text, '\?token=[^"]*', '', 'g'), '"expires_at": "[^"]*"', '"expires_at": ""', 'g')::jsonb
$$;
CREATE FUNCTION test.offer_refusal(p_offer jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT test.refusal(format('SELECT test.open(''bad'', %L)', p_offer))
$$;

-- a batch, answered in its order
CREATE TEMP TABLE first AS SELECT test.open('night-1',
  test.offer('recipes/a.csv', 'one'), test.offer('b.csv', 'two', 'unheard_of'), test.offer('c.csv', ''),
  test.offer('d.csv', 'four', 'party'), test.offer('e.csv', 'big', 'component', '{"size_bytes": 5000000001}')) AS a;
SELECT is(a ->> 'job_key', 'night-1', 'the job is named by its key') FROM first;
SELECT is(a ->> 'state', 'open', 'and open') FROM first;
SELECT is((SELECT jsonb_agg(f -> 'index') FROM first, jsonb_array_elements(a -> 'files') AS f), '[0, 1, 2, 3, 4]', 'answers are in the order given');
SELECT is((SELECT jsonb_agg(f -> 'outcome') FROM first, jsonb_array_elements(a -> 'files') AS f),
  '["upload", "refused", "refused", "upload", "refused"]', 'each file has its outcome');
SELECT is(a #>> '{files,1,error,code}', 'WB-2108', 'an unknown tag is refused') FROM first;
SELECT is(a #>> '{files,2,error,code}', 'WB-3001', 'an empty file is refused') FROM first;
SELECT is(a #>> '{files,4,error,code}', 'WB-2109', 'a file above the limit is refused') FROM first;
SELECT is(a #> '{files,1,upload}', 'null', 'a refused file gets no target') FROM first;
SELECT is(a #> '{files,0,duplicate_of}', 'null', 'a new file is of nobody') FROM first;
SELECT results_eq($$SELECT relative_path, state, content_sha256, size_bytes, modified_at, upload_count FROM ingest.job_file
    WHERE tenant_id = test.id('alder') AND relative_path = 'recipes/a.csv'$$,
  $$VALUES ('recipes/a.csv', 'awaiting_upload', test.sha('one'), 3::bigint, '2026-11-20T23:10:00.5Z'::timestamptz, 1)$$,
  'what the agent said is registered');
SELECT is((SELECT delivery_date FROM ingest.job WHERE job_key = 'night-1'), '2026-11-20'::date, 'the date is the agency''s own, unshifted');
SELECT is(test.without_token(test.open('night-1',
  test.offer('recipes/a.csv', 'one'), test.offer('b.csv', 'two', 'unheard_of'), test.offer('c.csv', ''),
  test.offer('d.csv', 'four', 'party'), test.offer('e.csv', 'big', 'component', '{"size_bytes": 5000000001}'))),
  test.without_token(a), 'a retry gets the same answer, with fresh tokens') FROM first;
SELECT is((SELECT count(*) FROM ingest.job_file WHERE tenant_id = test.id('alder')), 5::bigint, 'and registers nothing twice');
SELECT is(jsonb_array_length(test.open('night-1', test.offer('recipes/a.csv', 'one'), test.offer('recipes/a.csv', 'one')) -> 'files'), 2,
  'a file offered twice in a call is answered twice');
SELECT is((SELECT count(*) FROM ingest.job_file WHERE tenant_id = test.id('alder')), 5::bigint, 'with one and the same record');
SELECT is(public.ingest_open_job('night-1', '{"date": "2026-11-20", "name": "nightly"}') ->> 'state', 'open', 'a job may be opened without files');

-- known and duplicate
SELECT test.store((a #>> '{files,0,job_file_id}')::uuid, 3), test.confirm((a #>> '{files,0,job_file_id}')::uuid) FROM first;
SELECT is(test.open('night-1', test.offer('recipes/a.csv', 'one')) #>> '{files,0,outcome}', 'known', 'offered again after arrival: known');
SELECT is(test.open('night-1', test.offer('recipes/a.csv', 'one')) #>> '{files,0,state}', 'received', 'with its state');
SELECT is(test.open('night-2', test.offer('early.csv', 'one')) #>> '{files,0,outcome}', 'upload', 'bytes that nobody has hashed yet make no duplicate');
SELECT ingest.move_file((a #>> '{files,0,job_file_id}')::uuid, 'hash_matched', 'x') FROM first;
CREATE TEMP TABLE again AS SELECT test.open('night-2', test.offer('other/name.csv', 'one')) #> '{files,0}' AS f;
SELECT is(f ->> 'outcome', 'duplicate', 'the same content under another name and job is a duplicate') FROM again;
SELECT is(f -> 'duplicate_of', jsonb_build_object('job_file_id', a #> '{files,0,job_file_id}', 'job_key', 'night-1',
  'relative_path', 'recipes/a.csv', 'state', 'verified'), 'that names the first copy') FROM again, first;
SELECT is(f -> 'upload', 'null', 'and is not sent') FROM again;
SELECT is(test.open('night-2', test.offer('other/name.csv', 'one')) #> '{files,0}', f, 'a retry gets the same answer') FROM again;
SELECT is(test.open('night-2', test.offer('other/name.csv', 'one', 'party')) #>> '{files,0,outcome}', 'duplicate',
  'a retry is known by job, path and content, not by tag');
SELECT is(test.open('night-2', test.offer('third.csv', 'one', 'party')) #>> '{files,0,outcome}', 'upload', 'the same bytes as another kind of file are no duplicate');
SELECT is(test.open('night-2', test.offer('recipes/a.csv', 'one, changed')) #>> '{files,0,outcome}', 'upload', 'the same path with new content is a new version');

-- awaited under an older key
SELECT is(test.open('night-2', test.offer('d.csv', 'four', 'party')) #> '{files,0,job_file_id}', a #> '{files,3,job_file_id}',
  'a version still awaited under another key of this agent is answered, not registered again') FROM first;
SELECT isnt(test.open('night-2', test.offer('d2.csv', 'four', 'party')) #> '{files,0,job_file_id}', a #> '{files,3,job_file_id}',
  'under another path it is a file of its own') FROM first;

-- two agents of one agency
INSERT INTO test.id VALUES ('second', (public.ingest_enroll(ingest.create_enrolment_code('alder', 60, 'x'), 'second', test.sha('second token')) ->> 'agent_id')::uuid);
SELECT test.as_agent('second token');
SELECT is(test.refusal($$SELECT test.open('night-1')$$), 'WB-2004 403', 'another agent''s job key is refused');
SELECT is(test.refusal($$SELECT public.ingest_close_job('night-1', 'x')$$), 'WB-2004 403', 'also to close it');
SELECT isnt(test.open('second-1', test.offer('d.csv', 'four', 'party')) #> '{files,0,job_file_id}', a #> '{files,3,job_file_id}',
  'a version that another living agent has in hand is not taken from it') FROM first;
SELECT ingest.revoke_agent(test.id('alder agent'), 'machine replaced', 'tester');
SELECT is(test.open('second-2', test.offer('recipes/a.csv', 'one, changed')) #>> '{files,0,outcome}', 'upload', 'what a revoked agent left unsent');
SELECT is((SELECT agent_id FROM ingest.job_file WHERE content_sha256 = test.sha('one, changed')), test.id('second'), 'is taken over by the agent that offers it');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'taken_over'), 1::bigint, 'and the log says so');
SELECT isnt(public.ingest_renew_uploads(ARRAY[(a #>> '{files,3,job_file_id}')::uuid]) #> '{files,0,upload}', 'null', 'or by one that asks where to send it') FROM first;
SELECT is((SELECT f.agent_id FROM ingest.job_file AS f, first WHERE f.job_file_id = (a #>> '{files,3,job_file_id}')::uuid), test.id('second'), 'which has it from then on');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'taken_over'), 2::bigint, 'and the log says that too');

-- the other agency
SELECT test.as_agent('birch token');
SELECT is(test.open('night-1', test.offer('recipes/a.csv', 'one')) #>> '{files,0,outcome}', 'upload', 'job keys and contents of one agency mean nothing in another');

-- what is malformed is refused whole, naming place and never value
SELECT is(test.refusal(format('SELECT public.ingest_open_job(%L, %L, %L)', k, d, f)), 'WB-2101 400', 'malformed: ' || why) FROM (VALUES
  ('', '{"date": "2026-11-20", "name": "n"}', '[]', 'empty key'), ('a b', '{"date": "2026-11-20", "name": "n"}', '[]', 'key with a space'),
  (repeat('k', 201), '{"date": "2026-11-20", "name": "n"}', '[]', 'long key'), (NULL, '{"date": "2026-11-20", "name": "n"}', '[]', 'no key'),
  ('k', '{"date": "2026-02-30", "name": "n"}', '[]', 'no such date'), ('k', '{"date": "20.11.2026", "name": "n"}', '[]', 'date of another form'),
  ('k', '{"date": "2026-11-20"}', '[]', 'no name'), ('k', '{}', '[]', 'empty delivery'), ('k', '7', '[]', 'delivery is a number'),
  ('k', NULL, '[]', 'no delivery'), ('k', '{"date": "2026-11-20", "name": "n"}', '{}', 'files is an object'),
  ('k', '{"date": "2026-11-20", "name": "n"}', NULL, 'files is null'), ('k', '{"date": "2026-11-20", "name": "n"}', '[1]', 'a file is a number')
) AS v (k, d, f, why);
SELECT is(test.offer_refusal(test.offer('x.csv', 'x', 'component', more)), 'WB-2101 400', 'malformed: ' || more::text) FROM unnest(ARRAY[
  '{"relative_path": null}', '{"relative_path": ""}', '{"relative_path": "/etc/x"}', '{"relative_path": "../x"}', '{"relative_path": "a/../x"}',
  '{"relative_path": "a//x"}', '{"relative_path": "a/./x"}', '{"relative_path": "a/"}', '{"relative_path": 5}', '{"file_tag": "Component"}',
  '{"file_tag": "a/b"}', '{"file_tag": null}', '{"content_sha256": "abc"}', '{"content_sha256": null}', '{"size_bytes": -1}', '{"size_bytes": "3"}',
  '{"size_bytes": 3.5}', '{"size_bytes": null}', '{"size_bytes": 1e30}', '{"modified_at": "yesterday"}', '{"modified_at": "2026-13-01T00:00:00Z"}',
  '{"modified_at": 5}', '{"part_number": 2}', '{"part_number": 0}', '{"part_count": 0}', '{"part_count": 100000}', '{"first_source_row": 0}',
  '{"first_source_row": 7}', '{"original_sha256": "zz"}'
]::jsonb[]) AS more;
SELECT is(test.offer_refusal(test.offer('x.csv', 'x') || jsonb_build_object('original_sha256', test.sha('y'))), 'WB-2101 400', 'malformed: an unsplit file with another original');
SELECT is(test.offer_refusal(test.offer(repeat('x', 2049), 'x')), 'WB-2101 400', 'malformed: a path of more than 2048 bytes');
SELECT is((SELECT count(*) FROM ingest.job WHERE job_key = 'bad'), 0::bigint, 'nothing of a malformed call is registered');
SELECT unalike(message, '%secret-value%', 'the refusal does not repeat the value') FROM (
  SELECT test.refusal(format('SELECT test.open(''bad'', %L)', test.offer('x.csv', 'x', 'secret-value!'))) AS message) AS m;
SELECT is(test.open('odd', test.offer(p, 'content of ' || p)) #>> '{files,0,outcome}', 'upload', 'a partner''s name may be ' || p) FROM unnest(ARRAY[
  'Größen & Maße 2026.csv', 'a\b.csv', '日本.csv', '...csv', 'a..b/c.csv', 'with "quotes".csv', E'line\nbreak.csv']) AS p;
SELECT is(test.refusal(format('SELECT public.ingest_open_job(''k'', ''{"date": "2026-11-20", "name": "n"}'', %L)',
  (SELECT jsonb_agg(test.offer(i || '.csv', i::text)) FROM generate_series(1, 501) AS i))), 'WB-2107 413', 'one call takes at most 500 files');
SELECT is(jsonb_array_length(public.ingest_open_job('k500', '{"date": "2026-11-20", "name": "n"}',
  (SELECT jsonb_agg(test.offer(i || '.csv', i::text)) FROM generate_series(1, 500) AS i)) -> 'files'), 500, 'and 500 it takes');

-- the key belongs to its delivery, and a closed job takes no more
SELECT is(test.refusal($$SELECT public.ingest_open_job('k500', '{"date": "2026-11-21", "name": "n"}')$$), 'WB-2101 400', 'another date under the same key');
SELECT is(test.refusal($$SELECT public.ingest_open_job('k500', '{"date": "2026-11-20", "name": "m"}')$$), 'WB-2101 400', 'another name under the same key');
SELECT is(public.ingest_close_job('night-1', 'set complete') ->> 'state', 'closed', 'a job with files under way is closed');
SELECT is(public.ingest_close_job('night-1', 'set complete') ->> 'state', 'closed', 'closed again: the same answer');
SELECT is(test.refusal($$SELECT test.open('night-1', test.offer('late.csv', 'late'))$$), 'WB-2103 409', 'a closed job takes no more files');
SELECT is(test.refusal($$SELECT public.ingest_close_job('never', 'x')$$), 'WB-2102 404', 'an unknown key cannot be closed');
SELECT is(test.refusal($$SELECT public.ingest_close_job('k500', '')$$), 'WB-2101 400', 'closing needs a reason');
SELECT is(test.open('empty-job') ->> 'state', 'open', 'a job without files');
SELECT is(public.ingest_close_job('empty-job', 'deadline passed') ->> 'state', 'complete', 'is complete when it closes');

-- parts of a split file
SELECT is(test.open('parts', test.offer('h.csv', 'p1', 'component', p || '{"part_number": 1}'), test.offer('h.csv', 'p2', 'component', p || '{"part_number": 2, "first_source_row": 11}')) ->> 'state',
  'open', 'two parts of one file') FROM (SELECT jsonb_build_object('original_sha256', test.sha('p1p2'), 'part_count', 2) AS p) AS q;
SELECT results_eq($$SELECT part_number, first_source_row, original_sha256 FROM ingest.job_file WHERE relative_path = 'h.csv' ORDER BY 1$$,
  $$VALUES (1, 1::bigint, test.sha('p1p2')), (2, 11::bigint, test.sha('p1p2'))$$, 'each knows its number, its first row and the original');

SELECT * FROM finish();
ROLLBACK;
