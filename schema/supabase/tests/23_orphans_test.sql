-- Goal:   an object that no file wants is found and removed, once its grace is over; one that may be wanted never is.
-- Method: bring every kind of left object about as agents and workers do; play the worker's removal by hand.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();

-- Storage's rows bear the time of this transaction, so the clock begins there.
SELECT test.at(now());
SELECT set_config('storage.allow_delete_query', 'true', true);
DELETE FROM storage.objects;  -- what other tests had to commit
CREATE FUNCTION test.walk() RETURNS integer LANGUAGE sql AS $$
  UPDATE ingest.orphan_walk SET ended_at = NULL, after_path = '', objects = 0, unknown = 0;
  SELECT ingest.find_orphans()
$$;
CREATE FUNCTION test.put(p_path text, p_size bigint DEFAULT 1) RETURNS void LANGUAGE sql AS $$
  INSERT INTO storage.objects (bucket_id, name, metadata) VALUES ('waybill-exports', p_path, jsonb_build_object('eTag', '"x"', 'size', p_size))
$$;
CREATE FUNCTION test.drop(p_path text) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('storage.allow_delete_query', 'true', true);
  DELETE FROM storage.objects WHERE name = p_path;
  SELECT set_config('storage.allow_delete_query', 'false', true);
$$;
CREATE FUNCTION test.path(p_id uuid) RETURNS text LANGUAGE sql AS $$ SELECT object_path FROM ingest.job_file WHERE job_file_id = p_id $$;
CREATE FUNCTION test.why(p_path text) RETURNS text LANGUAGE sql AS $$ SELECT reason FROM ingest.orphan WHERE object_path = p_path AND removed_at IS NULL $$;
CREATE FUNCTION test.verify(p_content text) RETURNS text LANGUAGE sql AS $$
  SELECT ingest.finish_verify((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, test.sha(p_content), (c ->> 'size_bytes')::bigint)
    FROM ingest.claim_next('w', 60) AS c WHERE c ->> 'step' = 'verify'
$$;
CREATE FUNCTION test.withdraw(p_id uuid) RETURNS text LANGUAGE sql AS $$
  SELECT public.ingest_withdraw_files(jsonb_build_array(jsonb_build_object('job_file_id', p_id, 'reason', 'changed'))) #>> '{files,0,state}'
$$;

-- Sent wrong, asked for again at another path
CREATE TEMP TABLE a AS SELECT test.deliver('k', 'a.csv', 'a') AS id;
CREATE TEMP TABLE a_old AS SELECT test.path(id) AS path FROM a;
SELECT is(test.verify('other'), 'awaiting_upload', 'wrong bytes are asked for again');
SELECT is(test.walk(), 0, 'what was left a moment ago stays');
SELECT test.pass('6 days 23 hours');
SELECT is(test.walk(), 0, 'until its grace is over');
SELECT test.pass('2 hours');
SELECT is(test.walk(), 1, 'then it is found');
SELECT is(test.walk(), 0, 'once');
SELECT is(test.why(path), 'superseded', 'with its reason') FROM a_old;
SELECT is((SELECT details - 'bucket' FROM ingest.job_event WHERE event = 'orphan_found'), jsonb_build_object('path', path, 'size_bytes', 1, 'reason', 'superseded'),
  'and an event, before anything is removed') FROM a_old;
CREATE TEMP TABLE taken AS SELECT ingest.next_orphans() -> 0 AS o;
SELECT is(o ->> 'object_path', path, 'a worker is told what to remove') FROM taken, a_old;
SELECT is(ingest.next_orphans(), '[]', 'and no other worker for a while');
SELECT ok(NOT ingest.finish_orphan((o ->> 'orphan_id')::bigint), 'Storage''s word alone is no proof') FROM taken;
SELECT matches((SELECT last_problem FROM ingest.orphan), 'still there', 'the problem is kept');
SELECT ok(NOT ingest.finish_orphan((o ->> 'orphan_id')::bigint, 'Storage answered 503'), 'a failure is kept') FROM taken;
SELECT is((SELECT last_problem FROM ingest.orphan), 'Storage answered 503', 'with its cause');
SELECT test.pass('31 seconds');
SELECT is(jsonb_array_length(ingest.next_orphans()), 1, 'and is tried again by itself');
SELECT test.drop(path) FROM a_old;
SELECT ok(ingest.finish_orphan((o ->> 'orphan_id')::bigint), 'gone') FROM taken;
SELECT ok(ingest.finish_orphan((o ->> 'orphan_id')::bigint), 'a crash before this was recorded does no harm') FROM taken;
SELECT is((SELECT array_agg(event ORDER BY seq) FROM ingest.job_event WHERE event LIKE 'orphan%'), '{orphan_found,orphan_removed}', 'both are in the log, once');
SELECT test.put(path) FROM a_old;
SELECT is(test.walk(), 1, 'what comes late to a path that was given up is found again');
SELECT test.drop(path) FROM a_old;
SELECT ok(ingest.finish_orphan((o ->> 'orphan_id')::bigint)) FROM (SELECT ingest.next_orphans() -> 0 AS o) AS q;
SELECT test.store(id, 1), test.confirm(id) FROM a;
SELECT is(test.verify('a'), 'verified', 'the file itself is good meanwhile');

-- Withdrawn, and then it came
CREATE TEMP TABLE w AS SELECT (test.open('k', test.offer('w.csv', 'w')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.withdraw(id) FROM w;
SELECT test.store(id, 1) FROM w;
-- The same content twice on its way: the second becomes a duplicate when it is there
CREATE TEMP TABLE d AS SELECT (test.open('k', test.offer('d1.csv', 'd')) #>> '{files,0,job_file_id}')::uuid AS one, (test.open('k', test.offer('d2.csv', 'd')) #>> '{files,0,job_file_id}')::uuid AS two;
SELECT test.store(one, 1), test.confirm(one) FROM d;
SELECT count(test.step()) FROM generate_series(1, 9);
SELECT test.store(two, 1), test.confirm(two) FROM d;
SELECT is(test.state(two), 'duplicate', 'a duplicate with an object') FROM d;
-- Of another size than promised, until no more uploads were granted
SELECT ingest.put_setting('max_uploads', '1', 'x');
CREATE TEMP TABLE s AS SELECT (test.open('k', test.offer('s.csv', 's')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.store(id, 7), test.confirm(id) FROM s;
SELECT is(test.state(id), 'refused', 'a file of another size') FROM s;
-- What is refused for its content may be retried from its object; what is retired is a record of what was staged
CREATE TEMP TABLE r AS SELECT test.deliver('k', 'r.csv', 'r') AS id;
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.state(id), 'refused', 'a file refused for its content') FROM r;
CREATE TEMP TABLE t AS SELECT test.deliver('k', 't.csv', 't') AS id;
SELECT count(test.step()) FROM generate_series(1, 9);
SELECT is(ingest.retire_file(id, 'x', 'kim') ->> 'state', 'retired', 'a file whose rows were taken out') FROM t;
-- Things that the registry does not know
SELECT test.put('by-hand.csv'), test.put('alder/' || gen_random_uuid() || '/' || gen_random_uuid() || '/unprocessed_x_raw_component.csv'),
  test.put('birch/' || gen_random_uuid() || '/notes.csv');
SELECT test.pass('8 days');
SELECT is(test.walk(), 3, 'three of all these are wanted by nobody');
SELECT is(test.why(test.path(id)), 'withdrawn', 'withdrawn') FROM w;
SELECT is(test.why(test.path(two)), 'duplicate', 'duplicate') FROM d;
SELECT is(test.why(test.path(id)), 'wrong_size', 'wrong size') FROM s;
SELECT is((SELECT array_agg(f.state ORDER BY f.state) FROM ingest.orphan AS o JOIN ingest.job_file AS f ON f.bucket = o.bucket AND f.object_path = o.object_path WHERE o.removed_at IS NULL),
  '{duplicate,refused,refused}', 'nothing that a live file names');
SELECT is((SELECT ended_objects || ' ' || ended_unknown FROM ingest.orphan_walk), '10 3', 'what no file explains is counted and left alone');
SELECT is(ingest.orphan_report() #>> '{buckets,0,unknown}', '3', 'and told');
SELECT is((SELECT string_agg(concat_ws(' ', c ->> 'tenant', c ->> 'reason', c ->> 'waiting', c ->> 'removed', c ->> 'removed_bytes'), ', ' ORDER BY c ->> 'reason')
  FROM jsonb_array_elements(ingest.orphan_report('alder') -> 'counts') AS c), 'alder duplicate 1 0 0, alder superseded 0 2 2, alder withdrawn 1 0 0, alder wrong_size 1 0 0', 'so are the orphans');
SELECT is((SELECT array_agg(o ->> 'removed_at' IS NOT NULL ORDER BY n) FROM jsonb_array_elements(ingest.orphan_report() -> 'orphans') WITH ORDINALITY AS x (o, n)),
  '{false,false,false,true,true}', 'those that wait are listed first');
SELECT is(jsonb_array_length(ingest.orphan_report('birch') -> 'orphans'), 0, 'each agency''s alone on request');

-- Refused for its content, and withdrawn at the agency: these may be its only bytes
CREATE TEMP TABLE o AS SELECT test.deliver('k', 'o.csv', 'o') AS id;
SELECT test.withdraw(id) FROM o;
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'the only bytes of a refused file stay');
-- The grace counts from the later of both: the object, and what happened to its file
CREATE TEMP TABLE g AS SELECT (test.open('k', test.offer('g.csv', 'g')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.store(id, 9) FROM g;
SELECT test.pass('8 days');
SELECT test.withdraw(id) FROM g;
SELECT is(test.walk(), 0, 'an old object of which it was just decided stays for its grace');
SELECT test.pass('8 days');
UPDATE storage.objects SET created_at = ingest.clock() - interval '1 day' WHERE name = (SELECT test.path(id) FROM g);
SELECT is(test.walk(), 0, 'so does a new one of a file that was decided on long ago');
SELECT test.pass('8 days');
SELECT is(test.walk(), 1, 'and no longer');

-- A path that is an orphan is never read from again, whatever is stored there
UPDATE storage.objects SET metadata = '{"eTag": "x", "size": 1}' WHERE name = (SELECT test.path(id) FROM s);
CREATE TEMP TABLE s_old AS SELECT test.path(id) AS path FROM s;
SELECT is(ingest.retry_file(id, 'x', 'kim') ->> 'state', 'awaiting_upload', 'a retry asks for it again') FROM s;
SELECT isnt(test.path(id), path, 'at another path') FROM s, s_old;

-- The last copy stays: a duplicate's, when the other is lost; an old one, when the file's own is lost
SELECT ingest.finish_orphan((o ->> 'orphan_id')::bigint) FROM (SELECT test.drop(object_path), orphan_id FROM ingest.orphan WHERE removed_at IS NULL) AS q,
  LATERAL (SELECT jsonb_build_object('orphan_id', q.orphan_id) AS o) AS x;
CREATE TEMP TABLE kept AS SELECT test.path(one) AS one, test.path(two) AS two FROM d;
SELECT test.put(two), test.drop(one) FROM kept;
SELECT test.put(path) FROM a_old;
SELECT test.drop(test.path(id)) FROM a;
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'no last copy is removed');
SELECT test.put(one) FROM kept;
SELECT test.store(id, 1) FROM a;
SELECT test.pass('8 days');
SELECT is(test.walk(), 2, 'with the other copies back they go');

-- A registry that was restored from a backup: objects have moved on, rows have not
SELECT ingest.put_setting('max_uploads', '5', 'x');
CREATE TEMP TABLE m AS SELECT test.deliver('k2', 'm.csv', 'm') AS id;
UPDATE storage.objects SET name = ingest.processed_path(name) WHERE name = (SELECT test.path(id) FROM m);
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'what the log does not know is left alone');
UPDATE storage.objects SET name = (SELECT test.path(id) FROM m) WHERE name = (SELECT ingest.processed_path(test.path(id)) FROM m);
-- On its way from one path to the next
SELECT is(test.step(), 'verify', 'verified');
SELECT is(test.step(), 'stage', 'staged');
UPDATE storage.objects SET name = ingest.processed_path(name) WHERE name = (SELECT test.path(id) FROM m);
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'nor is what a worker is moving');
SELECT test.drop(ingest.processed_path(test.path(id))), test.store(id, 1) FROM m;
SELECT is(test.step(), 'rename', 'renamed');
SELECT test.put(replace(test.path(id), '/processed_', '/unprocessed_')) FROM m;
SELECT test.pass('8 days');
SELECT is(test.walk(), 1, 'an old upload that ended after the file moved on is');
SELECT is((SELECT reason FROM ingest.orphan JOIN m ON job_file_id = id), 'superseded', 'as superseded');

-- A cut: parts are stored before they are registered
SELECT ingest.put_file_spec('alder', '{"file_tag": "recipe", "entity": "recipe", "columns": [], "split_rows": 1, "on_refusal": "quarantine"}', 'x');
CREATE TEMP TABLE c AS SELECT test.deliver('k3', 'c.csv', 'cut me', 'recipe') AS id;
SELECT is(test.verify('cut me'), 'verified', 'a file that is to be cut');
CREATE TEMP TABLE cut AS SELECT n, ingest.part_path(test.path(id), n) AS path FROM c, generate_series(1, 3) AS n;
SELECT test.put(path, 3) FROM cut;
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'parts in the making are not touched');
SELECT is(ingest.finish_split((x ->> 'tenant_id')::uuid, (x ->> 'fence')::bigint, (x ->> 'job_file_id')::uuid, (SELECT jsonb_agg(jsonb_build_object('part_number', n,
  'size_bytes', 3, 'content_sha256', test.sha(n::text), 'first_source_row', n)) FROM generate_series(1, 2) AS n)), 'split', 'this time it is cut in two') FROM ingest.claim_next('w', 60) AS x WHERE x ->> 'step' = 'split';
SELECT test.pass('8 days');
SELECT is(test.walk(), 0, 'a retry may cut it in three again');
SELECT count(test.step()) FROM generate_series(1, 9);
SELECT is((SELECT string_agg(state, ',' ORDER BY opened_seq) FROM ingest.job_file JOIN c ON id IN (job_file_id, split_of)), 'processed,processed,processed', 'it is staged');
UPDATE storage.objects SET name = ingest.processed_path(name) WHERE name = (SELECT ingest.part_path(replace(test.path(id), '/processed_', '/unprocessed_'), 9) FROM c);
SELECT test.pass('8 days');
SELECT test.close('k3');
SELECT count(test.step()) FROM generate_series(1, 9);
SELECT test.pass('8 days');
SELECT is(test.walk(), 1, 'once the file has moved on, the third is wanted by nobody');
SELECT is(test.why(path), 'cut_again', 'as cut again') FROM cut WHERE n = 3;

-- Rounds are bounded, walks have pauses
UPDATE ingest.orphan_walk SET ended_at = NULL, after_path = '';
SELECT is((SELECT array_agg(ingest.find_orphans(4)) FROM generate_series(1, 2)), '{0,0}', 'a round looks at as many objects as it is told');
SELECT is((SELECT objects FROM ingest.orphan_walk), 8::bigint, 'and the next goes on where it ended');
SELECT count(ingest.find_orphans(4)) FROM generate_series(1, 9);
SELECT is((SELECT after_path || ended_objects FROM ingest.orphan_walk), (SELECT count(*)::text FROM storage.objects), 'until all were seen');
CREATE TEMP TABLE walked AS SELECT ended_at FROM ingest.orphan_walk;
SELECT test.pass('14 minutes');
SELECT ingest.find_orphans();
SELECT is((SELECT w.ended_at FROM ingest.orphan_walk AS w), ended_at, 'then there is a pause') FROM walked;
SELECT test.pass('2 minutes');
SELECT ingest.find_orphans();
SELECT ok((SELECT w.ended_at FROM ingest.orphan_walk AS w) > ended_at, 'and it begins again') FROM walked;
SELECT ingest.put_setting('orphan_grace_s', '0', 'x');
SELECT is(test.refusal($$SELECT ingest.put_setting('orphan_grace_s', '-1', 'x')$$), 'WB-5006 400', 'a grace is no negative time');
SELECT is(test.refusal($$SELECT ingest.put_setting('lease_s', '0', 'x')$$), 'WB-5006 400', 'and nothing else may be none');
CREATE TEMP TABLE z AS SELECT (test.open('k9', test.offer('z.csv', 'z')) #>> '{files,0,job_file_id}')::uuid AS id;
SELECT test.withdraw(id) FROM z;
SELECT test.store(id, 1) FROM z;
SELECT is(test.walk(), 1, 'without grace it is found at once');

SELECT * FROM finish();
ROLLBACK;
