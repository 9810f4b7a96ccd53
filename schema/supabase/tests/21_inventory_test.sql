-- Goal:   an agent that lost its ledger gets back all that central holds of it, and who it is.
-- Method: files in every state, parts, duplicates, another agent's; compare what is told with the registry; walk the pages.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE TEMP TABLE f AS SELECT 'done' AS name, test.deliver('k1', 'a.csv', 'abc') AS id;
SELECT count(test.step(3)) FROM generate_series(1, 3);
INSERT INTO f SELECT 'copy', (test.open('k1', test.offer('b.csv', 'abc')) #>> '{files,0,job_file_id}')::uuid;
INSERT INTO f SELECT 'refused', (test.open('k2', test.offer('n.csv', 'n', 'nothing')) #>> '{files,0,job_file_id}')::uuid;
INSERT INTO f SELECT 'part', (test.open('k2', test.offer('p.csv', 'p2', 'recipe', jsonb_build_object('original_sha256', test.sha('p'), 'part_number', 2, 'part_count', 3,
  'first_source_row', 101, 'chunk_number', 2, 'chunk_count', 4, 'modified_at', null))) #>> '{files,0,job_file_id}')::uuid;
SELECT test.close('k1');
CREATE TEMP TABLE i AS SELECT public.ingest_inventory() AS a;
CREATE FUNCTION test.told(p_name text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT e FROM i, f, jsonb_array_elements(a -> 'files') AS e WHERE f.name = p_name AND e ->> 'job_file_id' = f.id::text
$$;

SELECT is(test.told('done') - '{seq,opened_at,job_id}'::text[], jsonb_build_object('job_file_id', id, 'job_key', 'k1', 'job_state', 'closed', 'delivery_date', '2026-11-20',
  'delivery_name', 'nightly', 'relative_path', 'a.csv', 'file_tag', 'component', 'spec_version', 1, 'content_sha256', test.sha('abc'), 'original_sha256', test.sha('abc'),
  'part_number', 1, 'part_count', 1, 'first_source_row', 1, 'chunk_number', 1, 'chunk_count', 1, 'size_bytes', 3, 'modified_at', '2026-11-20T23:10:00.500000Z',
  'state', 'processed', 'entity', 'component', 'rows_staged', 3, 'duplicate_of', NULL, 'error', NULL), 'a processed file, with all that its agent knew') FROM f WHERE name = 'done';
SELECT is((test.told('done') ->> 'seq')::bigint, (SELECT max(seq) FROM ingest.job_event AS e JOIN f ON f.id = e.job_file_id WHERE name = 'done' AND to_state IS NOT NULL),
  'its number is its newest move''s: a sync from there says nothing twice');
SELECT is(test.told('done') ->> 'job_id', (SELECT job_id::text FROM ingest.job_file JOIN f ON id = job_file_id WHERE name = 'done'), 'and its job');
SELECT is(test.told('copy') -> 'duplicate_of', jsonb_build_object('job_file_id', id, 'job_key', 'k1', 'relative_path', 'a.csv', 'state', 'processed'),
  'a duplicate names its first copy') FROM f WHERE name = 'done';
SELECT is(test.told('copy') -> 'rows_staged', 'null', 'and has no rows');
SELECT is(test.told('refused') #>> '{error,code}', 'WB-2108', 'a refused file says why');
SELECT is(test.told('refused') -> 'spec_version', 'null', 'though no spec read it');
SELECT is(test.told('part') - ARRAY(SELECT k FROM jsonb_object_keys(test.told('part')) AS k WHERE k !~ 'part|chunk|first|original|modified|state'), jsonb_build_object(
  'part_number', 2, 'part_count', 3, 'chunk_number', 2, 'chunk_count', 4, 'first_source_row', 101, 'original_sha256', test.sha('p'), 'modified_at', NULL,
  'state', 'awaiting_upload', 'job_state', 'open'), 'a part of a chunk says which');
SELECT is((a -> 'agent') - 'file_specs', jsonb_build_object('agent_id', test.id('alder agent'), 'agent_name', 'alder-pc', 'settings', ingest.agent_settings(),
  'tenant', jsonb_build_object('tenant_id', test.id('alder'), 'slug', 'alder', 'display_name', 'Alder Agency', 'time_zone', 'Europe/Berlin')), 'who it is') FROM i;
SELECT is(a #> '{agent,file_specs}', ingest.current_specs(test.id('alder')), 'and its specs') FROM i;
SELECT is(public.ingest_inventory((a ->> 'after')::bigint), jsonb_build_object('files', '[]'::jsonb, 'after', a -> 'after', 'more', false, 'cursor', a -> 'cursor'),
  'the page after the last is empty, and tells nothing of the agent') FROM i;
SELECT is(test.refusal('SELECT public.ingest_inventory(-1)'), 'WB-2101 400', 'after is not negative');

-- what was retired is refused, whatever it had
SELECT ingest.retire_file(id, 'wrong year', 'kim') FROM f WHERE name = 'done';
UPDATE i SET a = public.ingest_inventory();
SELECT is(test.told('done') ->> 'state' || ' ' || (test.told('done') #>> '{error,code}') || coalesce(test.told('done') ->> 'rows_staged', ''), 'refused WB-2117', 'a retired file is told as refused');

-- parts that central cut are not told; other agents' files are not, but those of revoked ones are
INSERT INTO ingest.job_file (tenant_id, job_id, delivery_date, delivery_name, agent_id, opened_seq, file_tag, entity, file_spec_version, relative_path, content_sha256,
  original_sha256, size_bytes, part_number, part_count, state, last_event, split_of, bucket, object_path)
SELECT tenant_id, job_id, delivery_date, delivery_name, agent_id, 9999, file_tag, entity, file_spec_version, relative_path, content_sha256, original_sha256, 1, 1, 2,
  'received', 'split_off', job_file_id, 'waybill-exports', 'x' FROM ingest.job_file JOIN f ON id = job_file_id WHERE name = 'done';
SELECT is(jsonb_array_length(public.ingest_inventory() -> 'files'), 4, 'parts that central cut are its own');
SELECT public.ingest_enroll(ingest.create_enrolment_code('alder', 600, 'x'), 'second', test.sha('second token'), '{}');
SELECT test.as_agent('second token');
SELECT is(jsonb_array_length(public.ingest_inventory() -> 'files'), 0, 'another living agent''s files are not told');
SELECT ingest.revoke_agent(test.id('alder agent'), 'replaced', 'x');
SELECT is(jsonb_array_length(public.ingest_inventory() -> 'files'), 4, 'a revoked one''s are');
SELECT test.as_agent('birch token');
SELECT is(public.ingest_inventory() #> '{files}', '[]', 'another agency''s never');

-- pages: every file once, in order, though other agents' files lie between
UPDATE ingest.agent SET revoked_at = NULL, revoked_reason = NULL WHERE agent_id = test.id('alder agent');
CREATE FUNCTION test.many(p_token text, p_from int) RETURNS int LANGUAGE sql AS $$
  SELECT test.as_agent(p_token);
  SELECT jsonb_array_length(public.ingest_open_job(replace('many' || p_token || p_from, ' ', '-'), '{"date": "2026-11-20", "name": "n"}',
    (SELECT jsonb_agg(test.offer(p_token || i, p_token || i)) FROM generate_series(p_from, p_from + 399) AS i)) -> 'files')
$$;
SELECT test.many(t, n) FROM unnest(ARRAY[1, 401, 801]) AS n, unnest(ARRAY['alder token', 'second token']) AS t;
SELECT test.as_agent('second token');
CREATE TEMP TABLE walk AS
  WITH RECURSIVE page AS (
    SELECT 1 AS n, public.ingest_inventory(0) AS a
    UNION ALL SELECT n + 1, public.ingest_inventory((a ->> 'after')::bigint) FROM page WHERE (a ->> 'more')::boolean)
  SELECT n, a FROM page;
SELECT is((SELECT array_agg(jsonb_array_length(a -> 'files') ORDER BY n) FROM walk), '{500,500,200}', 'three pages');
SELECT is((SELECT array_agg(e ->> 'relative_path' ORDER BY n, p) FROM walk, jsonb_array_elements(a -> 'files') WITH ORDINALITY AS x (e, p)),
  (SELECT array_agg('second token' || i ORDER BY i) FROM generate_series(1, 1200) AS i), 'with each of its files once, in order');
SELECT is((SELECT array_agg(a ? 'agent' ORDER BY n) FROM walk), '{t,f,f}', 'the first tells who it is');

SELECT * FROM finish();
ROLLBACK;
