-- Goal:   of a file of which a part is refused nothing stays in staging, and a retry brings all of it back, once.
-- Method: parts that an agent cut; the last is refused while the others are staged, renamed or archived; then retried.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.part(p_original text, p_number int, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
  SELECT test.offer(p_original, p_original || p_number, 'component', jsonb_build_object('original_sha256', test.sha(p_original), 'part_number', p_number,
    'part_count', 3, 'first_source_row', (p_number - 1) * 100 + 1) || p_more)
$$;
CREATE FUNCTION test.fate(p_path text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(f.state || coalesce(' ' || f.error_code, '') || coalesce(' ' || f.rows_staged, ''), ', ' ORDER BY f.opened_seq) FROM ingest.job_file AS f WHERE f.relative_path = p_path
$$;
CREATE FUNCTION test.rows(p_path text) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM staging.component AS s JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = p_path
$$;
CREATE FUNCTION test.refuse_next(p_step text) RETURNS text LANGUAGE sql AS $$
  SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m", "row": 5}')
    FROM ingest.claim_next('w', 60) AS c WHERE c ->> 'step' = p_step
$$;
CREATE TEMP TABLE p AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('p', test.part('p.csv', 1), test.part('p.csv', 2), test.part('p.csv', 3)) -> 'files') WITH ORDINALITY AS x (e, n);
SELECT test.store(id, 6), test.confirm(id) FROM p;
SELECT test.deliver('p', 'other.csv', 'other');
SELECT count(test.step()) FROM generate_series(1, 7);  -- three are verified, two staged and renamed
SELECT is(test.fate('p.csv'), 'processed 2, processed 2, verified', 'two of three parts are staged');
SELECT is(test.refuse_next('stage'), 'refused', 'the last is bad');
SELECT is(test.fate('p.csv'), 'retired WB-2114 2, retired WB-2114 2, refused WB-3004', 'the others are taken back');
SELECT is(test.rows('p.csv'), 0::bigint, 'nothing of the file stays in staging');
SELECT is((SELECT array_agg(details ->> 'rows' ORDER BY seq) FROM ingest.job_event WHERE event = 'retired'), '{2,2}', 'the log says how many rows left');
SELECT is((SELECT string_agg(e ->> 'state' || ' ' || (e #>> '{error,code}'), ',' ORDER BY (e ->> 'seq')::int) FROM jsonb_array_elements(public.ingest_sync() -> 'changes') AS e
  WHERE e ->> 'state' = 'refused'), 'refused WB-3004,refused WB-2114,refused WB-2114', 'the agent hears of each');
SELECT is((SELECT string_agg(e ->> 'outcome' || ' ' || (e ->> 'job_file_id' = p.id::text), ',' ORDER BY p.n) FROM p,
  jsonb_array_elements(test.open('p', test.part('p.csv', 1), test.part('p.csv', 2), test.part('p.csv', 3)) -> 'files') WITH ORDINALITY AS x (e, n) WHERE x.n = p.n),
  'refused true,refused true,refused true', 'offered again it stays refused: nothing is sent twice for nothing');

-- retried
CREATE TEMP TABLE paths AS SELECT f.job_file_id, f.object_path FROM ingest.job_file AS f JOIN p ON id = job_file_id;
SELECT is(ingest.retry_file(id, 'spec mended', 'kim') ->> 'files', '3', 'a retry takes all three') FROM p WHERE n = 3;
SELECT is(test.fate('p.csv'), 'received, received, received', 'none has rows');
SELECT is_empty('SELECT FROM ingest.job_file AS f JOIN paths USING (job_file_id) WHERE f.object_path <> paths.object_path', 'each is read where it lies');
SELECT count(test.step()) FROM generate_series(1, 30);
SELECT is(test.fate('p.csv'), 'processed 2, processed 2, processed 2', 'and all is staged');
SELECT is(test.rows('p.csv'), 6::bigint, 'once');
SELECT is(test.close('p'), 'closed', 'when the job is over');
SELECT count(test.step()) FROM generate_series(1, 9);
SELECT is(test.fate('p.csv'), 'archived 2, archived 2, archived 2', 'the parts are archived');
SELECT is_empty($$SELECT FROM ingest.job_file AS f JOIN p ON id = job_file_id WHERE f.object_path !~ '^archive/alder/'
  OR NOT EXISTS (SELECT FROM storage.objects AS o WHERE o.name = f.object_path)$$, 'each with its object');

-- a copy of the same file whose own part goes wrong hurts nobody
CREATE TEMP TABLE late AS SELECT f.* FROM ingest.job_file AS f JOIN p ON id = job_file_id WHERE n = 1;
SELECT ingest.refuse_siblings(jsonb_populate_record(f, jsonb_build_object('job_file_id', gen_random_uuid())), '{"code": "WB-4003"}', 'x') FROM late AS l JOIN ingest.job_file AS f USING (job_file_id);
SELECT is(test.fate('p.csv'), 'archived 2, archived 2, archived 2', 'while the part is here, its file stays');

-- an object that is gone is asked for again; a retired file by a person's word is not retried
CREATE TEMP TABLE q AS SELECT n, (e ->> 'job_file_id')::uuid AS id FROM jsonb_array_elements(test.open('q', test.part('q.csv', 1), test.part('q.csv', 2), test.part('q.csv', 3)) -> 'files') WITH ORDINALITY AS x (e, n);
SELECT test.store(id, 6), test.confirm(id) FROM q;
SELECT count(test.step()) FROM generate_series(1, 7);
SELECT is(test.refuse_next('stage'), 'refused', 'again the last is bad');
UPDATE storage.objects AS o SET metadata = '{}' FROM ingest.job_file AS f JOIN q ON id = job_file_id WHERE n = 1 AND o.name = f.object_path;
SELECT ingest.retry_file(id, 'spec mended', 'kim') FROM q WHERE n = 1;
SELECT is(test.fate('q.csv'), 'awaiting_upload, received, received', 'what is not stored is awaited');
SELECT test.store(id, 6), test.confirm(id) FROM q WHERE n = 1;
SELECT count(test.step()) FROM generate_series(1, 30);
SELECT is(test.rows('q.csv'), 6::bigint, 'and all is staged once');
SELECT is(ingest.retire_file(id, 'wrong year', 'kim') ->> 'rows', '6', 'retired by a person') FROM q WHERE n = 2;
SELECT is((SELECT DISTINCT error_code FROM ingest.job_file WHERE relative_path = 'q.csv'), 'WB-2117', 'it says so');
SELECT is(test.refusal(format('SELECT ingest.retry_file(%L, ''x'', ''kim'')', id)), 'WB-5006 409', 'and is not retried') FROM q WHERE n = 1;

SELECT * FROM finish();
ROLLBACK;
