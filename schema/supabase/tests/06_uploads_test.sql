-- Goal:   central believes its own eyes: presence and size in storage.objects decide, not what the agent says.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE TEMP TABLE f AS SELECT (test.open('k1', test.offer('a.csv', 'abc')) #>> '{files,0,job_file_id}')::uuid AS id;
CREATE FUNCTION test.path() RETURNS text LANGUAGE sql AS $$ SELECT j.object_path FROM ingest.job_file AS j, f WHERE j.job_file_id = f.id $$;
CREATE FUNCTION test.renew(p_id uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT public.ingest_renew_uploads(ARRAY[p_id]) #> '{files,0}' $$;

-- renew
SELECT is(test.renew(id) ->> 'state', 'awaiting_upload', 'an awaited file is renewed') FROM f;
SELECT is(test.renew(id) #>> '{upload,path}', test.path(), 'for the same path') FROM f;
SELECT is(test.renew(id) -> 'error', 'null', 'without a problem') FROM f;
SELECT is(public.ingest_renew_uploads('{}') -> 'files', '[]', 'nothing to renew is no problem');
SELECT is(test.refusal('SELECT public.ingest_renew_uploads(array_agg(gen_random_uuid())) FROM generate_series(1, 501)'), 'WB-2107 413', 'at most 500 at once');
SELECT is(test.renew(g.id) - 'job_file_id', '{"state": null, "upload": null, "error": {"code": "WB-2104", "message": "no such file is registered here"}}',
  'an unknown id is told beside its id') FROM (SELECT gen_random_uuid() AS id) AS g;
SELECT test.as_agent('birch token');
SELECT is(test.renew(id) - 'job_file_id', '{"state": null, "upload": null, "error": {"code": "WB-2104", "message": "no such file is registered here"}}',
  'and another agency''s id looks the same') FROM f;
SELECT is(test.confirm(id) - 'job_file_id', '{"state": null, "problem": {"code": "WB-2104", "message": "no such file is registered here"}}',
  'nor can another agency confirm it') FROM f;
SELECT is(test.state(id), 'awaiting_upload', 'which changes nothing') FROM f;
SELECT test.as_agent('alder token');

-- confirm: not there
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4001', 'not there: the agent is told') FROM f;
SELECT is(test.state(id), 'awaiting_upload', 'and the file is still awaited') FROM f;
SAVEPOINT probe;
INSERT INTO storage.objects (bucket_id, name, metadata) VALUES ('waybill-exports', test.path(), '{"size": 3}');
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4001', 'a row without eTag is a permission probe, not an object') FROM f;
ROLLBACK TO probe;
INSERT INTO storage.objects (bucket_id, name, metadata) VALUES ('waybill-exports', test.path(), NULL);
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4001', 'a row without metadata is no object either') FROM f;
ROLLBACK TO probe;

-- confirm: wrong size, until the limit
CREATE TEMP TABLE paths (path text UNIQUE);
SELECT ingest.put_setting('max_uploads', '3', 'tester');
INSERT INTO paths SELECT test.path();
SELECT test.store(id, 2) FROM f;
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4002', 'a wrong size is told') FROM f;
INSERT INTO paths SELECT test.path();
SELECT is((SELECT count(*) FROM paths), 2::bigint, 'and the file is awaited at a new path');
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4001', 'where nothing is yet') FROM f;
SELECT test.store(id, 4) FROM f;
SELECT is(test.confirm(id) ->> 'state', 'awaiting_upload', 'too long is wrong as well') FROM f;
INSERT INTO paths SELECT test.path();
SELECT test.store(id, 0) FROM f;
SELECT is(test.confirm(id) ->> 'state', 'refused', 'after max_uploads paths the file is refused') FROM f;
SELECT is((SELECT error_code FROM ingest.job_file, f WHERE job_file_id = f.id), 'WB-4002', 'for its size');
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-4002', 'confirmed again: the same answer') FROM f;
SELECT is(test.renew(id) #>> '{error,code}', 'WB-4002', 'a refused file is not renewed, and says why') FROM f;

-- confirm: as announced
CREATE TEMP TABLE g AS SELECT (test.open('k1', test.offer('b.csv', 'good')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.store(id, 4) FROM g;
SELECT is(test.confirm(id), jsonb_build_object('job_file_id', id, 'state', 'received', 'problem', NULL), 'there, with its size: received') FROM g;
SELECT is(test.confirm(id), jsonb_build_object('job_file_id', id, 'state', 'received', 'problem', NULL), 'a retry gets the same answer') FROM g;
SELECT is((SELECT count(*) FROM ingest.job_event AS e, g WHERE e.job_file_id = g.id AND e.event = 'arrived'), 1::bigint, 'and moves nothing');
SELECT is(test.renew(id) -> 'upload', 'null', 'what has arrived gets no new token') FROM g;
SELECT is(test.refusal(format('SELECT public.ingest_confirm_uploads(%L)', j)), 'WB-2101 400', 'malformed: ' || j) FROM unnest(ARRAY[
  '{}', '[1]', '[{}]', '[{"job_file_id": "x", "size_bytes": 1}]', '[{"job_file_id": "00000000-0000-0000-0000-000000000000"}]', 'null']) AS j;

-- the same content twice, both awaited: the one that arrives after the other is verified is the duplicate
CREATE TEMP TABLE two AS SELECT (a #>> '{files,0,job_file_id}')::uuid AS one, (a #>> '{files,1,job_file_id}')::uuid AS other
  FROM (SELECT test.open('k2', test.offer('x.csv', 'twice'), test.offer('y.csv', 'twice')) AS a) AS q;
SELECT test.store(one, 5), test.store(other, 5) FROM two;
SELECT is(test.confirm(other) ->> 'state', 'received', 'the first to arrive is received') FROM two;
SELECT ingest.move_file(other, 'hash_matched', 'x') FROM two;
SELECT is(test.confirm(one) ->> 'state', 'duplicate', 'the second becomes a duplicate') FROM two;
SELECT is((SELECT duplicate_of FROM ingest.job_file, two WHERE job_file_id = one), other, 'of the first') FROM two;
SELECT is(test.open('k2', test.offer('x.csv', 'twice')) #>> '{files,0,duplicate_of,relative_path}', 'y.csv', 'and is told so when offered again');

-- the agent dies before it can confirm: central notices by itself
CREATE TEMP TABLE h AS SELECT (test.open('k3', test.offer('p.csv', 'alone'), test.offer('q.csv', 'alone'), test.offer('r.csv', 'wrong'), test.offer('s.csv', 'absent')) -> 'files') AS a;
SELECT test.store((a #>> '{0,job_file_id}')::uuid, 5), test.store((a #>> '{1,job_file_id}')::uuid, 5), test.store((a #>> '{2,job_file_id}')::uuid, 4) FROM h;
SELECT is(ingest.note_arrivals(), 2, 'two objects are there with their size');
SELECT is((SELECT jsonb_agg(test.state((e ->> 'job_file_id')::uuid)) FROM h, jsonb_array_elements(a) AS e),
  '["received", "received", "awaiting_upload", "awaiting_upload"]', 'both copies are received, as nobody has hashed either; the others still awaited');
SELECT is(ingest.note_arrivals(), 0, 'a second look finds nothing new');

-- a job is complete when it is closed and all of it is final
SELECT test.as_agent('birch token');
SELECT test.deliver('kb', 'a.csv', 'abc');
SELECT is(public.ingest_close_job('kb', 'set complete') ->> 'state', 'closed', 'closed while a file is under way');
SELECT set_eq($$SELECT test.step() FROM generate_series(1, 60)$$, ARRAY['verify', 'stage', 'rename', 'archive', NULL], 'the worker works all off');
SELECT is((SELECT state FROM ingest.job WHERE job_key = 'kb'), 'complete', 'and then the job is complete');
SELECT is(public.ingest_close_job('kb', 'set complete') ->> 'state', 'complete', 'closing it again says so');

-- of two copies that both arrived, hashing decides
DO $$ BEGIN FOR i IN 1 .. 100 LOOP EXIT WHEN test.step() IS NULL; END LOOP; END $$;
SELECT is((SELECT jsonb_agg(test.state((e ->> 'job_file_id')::uuid)) FROM h, jsonb_array_elements(a) AS e),
  '["processed", "duplicate", "awaiting_upload", "awaiting_upload"]', 'the first to be verified is staged, its copy a duplicate');
SELECT is((SELECT count(*) FROM staging.component, h WHERE job_file_id = (a #>> '{1,job_file_id}')::uuid), 0::bigint, 'of which no row is staged');

-- another living agent of the same agency has no say in a file; a revoked agent's file is everybody's
SELECT test.as_agent('alder token');
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'x'), 'neighbour', test.sha('neighbour token'), '{}');
CREATE TEMP TABLE own AS SELECT (test.open('own', test.offer('own.csv', 'own')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.store(id, 99) FROM own;
SELECT test.as_agent('neighbour token');
SELECT is(public.ingest_renew_uploads(ARRAY[id]) #>> '{files,0,error,code}', 'WB-2104', 'it gets no target for it') FROM own;
SELECT is(test.confirm(id) #>> '{problem,code}', 'WB-2104', 'and cannot confirm it') FROM own;
SELECT is((SELECT upload_count FROM ingest.job_file JOIN own ON job_file_id = id), 1, 'nor use up its uploads');
SELECT ingest.revoke_agent(test.id('alder agent'), 'gone', 'x');
SELECT is(public.ingest_renew_uploads(ARRAY[id]) #>> '{files,0,upload,method}', 'PUT', 'a revoked agent''s it may send') FROM own;

SELECT * FROM finish();
ROLLBACK;
