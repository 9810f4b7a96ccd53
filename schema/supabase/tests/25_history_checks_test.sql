-- Goal:   what only staging can say of a file is said rightly: usual row counts, known and repeated keys, unknown references.
-- Method: files of known rows in a row of nights; the functions are asked in mid-staging, as the worker asks them.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();
SET LOCAL statement_timeout = '60s';

-- Does what is due until a file is to be staged; its claim, or null.
CREATE FUNCTION test.claim() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  c jsonb;
BEGIN
  FOR i IN 1 .. 20 LOOP
    c := ingest.claim_next('w', 60);
    EXIT WHEN c IS NULL OR c ->> 'step' = 'stage';
    PERFORM ingest.release_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid);
    UPDATE ingest.lease SET claimed_at = NULL WHERE tenant_id = (c ->> 'tenant_id')::uuid;
    PERFORM test.step();
  END LOOP;
  RETURN c;
END
$$;
-- The file that is to be staged next waits once more.
CREATE FUNCTION test.prepare() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  c jsonb := test.claim();
BEGIN
  IF c IS NOT NULL THEN
    PERFORM ingest.release_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid);
  END IF;
  RETURN c ->> 'job_file_id';
END
$$;
-- Registers a file of a date with this content and verifies it; its id.
CREATE FUNCTION test.verified(p_date date, p_path text, p_tag text, p_more jsonb DEFAULT '{}', p_delivery jsonb DEFAULT '{}') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := test.bring(p_date, p_path, p_tag, p_more, p_delivery);
BEGIN
  PERFORM test.prepare();
  RETURN v_id;
END
$$;
-- Adds rows for a file: [[source_row, natural_key, payload], ...]
CREATE FUNCTION test.add(p_id uuid, p_rows jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  f ingest.job_file;
BEGIN
  SELECT * INTO STRICT f FROM ingest.job_file WHERE job_file_id = p_id;
  EXECUTE format('INSERT INTO staging.%I SELECT $1, $2, $3, (e ->> 0)::bigint, e ->> 1, coalesce(e -> 2, ''{}'') FROM jsonb_array_elements($4) AS e', f.entity)
    USING f.tenant_id, f.job_id, f.job_file_id, p_rows;
END
$$;
-- Ends the staging of the file that is next.
CREATE FUNCTION test.finish(p_rows bigint, p_report jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT ingest.finish_stage((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, p_rows, c ->> 'content_sha256', p_report)
    FROM test.claim() AS c WHERE c IS NOT NULL
$$;
CREATE FUNCTION test.stage(p_date date, p_path text, p_tag text, p_rows jsonb, p_report jsonb DEFAULT '{}') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := test.verified(p_date, p_path, p_tag);
BEGIN
  PERFORM test.add(v_id, p_rows);
  IF test.finish(jsonb_array_length(p_rows), p_report) IS DISTINCT FROM 'staged' THEN
    RAISE 'not staged: %', p_path;
  END IF;
  RETURN v_id;
END
$$;
CREATE FUNCTION test.keys(VARIADIC p_keys text[]) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_agg(jsonb_build_array(k.position, k.key) ORDER BY k.position) FROM unnest(p_keys) WITH ORDINALITY AS k (key, position)
$$;
-- Asks with a snapshot of its own, so that it sees what its argument did.
CREATE FUNCTION test.usual(p_id uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN ingest.usual_row_count(p_id);
END
$$;
CREATE FUNCTION test.us() RETURNS text LANGUAGE sql AS $$ SELECT chr(31) $$;

-- usual row counts: as many as the reports say, of the last seven nights
SELECT test.at('2026-11-01T20:00Z');
CREATE TEMP TABLE night AS
  SELECT n, test.stage('2026-11-01'::date + n, 'night ' || n || '.csv', 'party', test.keys('p' || n), jsonb_build_object('rows', 100 * n)) AS id
    FROM generate_series(1, 2) AS n;
CREATE TEMP TABLE own AS SELECT test.verified('2026-11-20', 'own.csv', 'party') AS id;
SELECT is(ingest.usual_row_count(id), '{"files": 2, "median": 150, "other_rows": 0}', 'two nights') FROM own;
SELECT is(ingest.usual_row_count(id), '{"files": 1, "median": 100, "other_rows": 0}', 'a night counts what came before it') FROM night WHERE n = 2;
SELECT test.add(id, test.keys('own')), test.finish(1) FROM own;
INSERT INTO night SELECT n, test.stage('2026-11-20'::date + n, 'night ' || n || '.csv', 'party', test.keys('p' || n), jsonb_build_object('rows', 100 * n)) FROM generate_series(3, 12) AS n;
CREATE TEMP TABLE late AS SELECT test.verified('2026-12-03', 'late.csv', 'party') AS id;
SELECT is(ingest.usual_row_count(id), '{"files": 7, "median": 900, "other_rows": 0}', 'the last seven of more') FROM late;
SELECT is(ingest.retire_file(id, 'wrong export', 'kim') ->> 'state', 'retired', 'one of them is retired') FROM night WHERE n = 12;
SELECT is(ingest.usual_row_count(id), '{"files": 7, "median": 800, "other_rows": 0}', 'and counts no more') FROM late;
SELECT is(ingest.usual_row_count(id), '{"files": 3, "median": 100, "other_rows": 0}', 'a later night is none of an earlier one''s past') FROM night WHERE n = 3;
CREATE TEMP TABLE past AS SELECT test.verified('2026-12-01', 'past.csv', 'party', '{}', '{"kind": "history", "allow_older": true, "precedence": "ahead"}') AS id;
SELECT test.add(id, test.keys('h')), test.finish(1, '{"rows": 5000}') FROM past;
SELECT is(ingest.usual_row_count(id), '{"files": 7, "median": 800, "other_rows": 0}', 'history is none of its') FROM late;
SELECT test.close('job-2026-12-01history');
SELECT test.prepare();
SELECT test.add(id, test.keys('l1', 'l2')), test.finish(2) FROM late;
SELECT is((SELECT test.usual(test.verified('2026-12-04', 'no report.csv', 'party'))), '{"files": 7, "median": 800, "other_rows": 0}', 'a report without a count leaves the rows that were staged');
SELECT is((SELECT test.usual(test.bring('2026-12-05', 'h.csv', 'party', '{}', '{"kind": "history"}'))), '{"files": 0, "median": null, "other_rows": 0}', 'history is not compared');
SELECT is((SELECT test.usual(test.bring('2026-12-05', 'c.csv', 'party', '{"chunk_number": 1, "chunk_count": 2}'))), '{"files": 0, "median": null, "other_rows": 0}', 'nor is one of a set of chunks');
SELECT is((SELECT test.usual(test.bring('2026-12-05', 'p.csv', 'party', jsonb_build_object('original_sha256', test.sha('p'), 'part_number', 1, 'part_count', 2)))), NULL, 'nor a part while others are missing');
SELECT count(ingest.skip_file(job_file_id, 'not of this test', 'kim')) FROM ingest.job_file WHERE state IN ('received', 'verified', 'awaiting_upload') AND part_number = 1;

-- known keys
SELECT test.stage('2027-01-01', 'c1.csv', 'component', test.keys('a', 'b', NULL));
SELECT test.stage('2027-01-03', 'c3.csv', 'component', test.keys('z'));
CREATE TEMP TABLE c4 AS SELECT test.verified('2027-01-04', 'c4.csv', 'component') AS id;
SELECT test.add(id, test.keys('n', 'b', NULL, 'z', 'n', 'a')) FROM c4;
SELECT is(ingest.known_keys(id), '{"rows": 3, "first_rows": [2, 4, 6]}', 'keys of other files are known; the file''s own and null are not') FROM c4;
SELECT test.finish(6);
CREATE TEMP TABLE c2 AS SELECT test.verified('2027-01-05', 'c5.csv', 'component') AS id;
SELECT test.add(id, (SELECT jsonb_agg(jsonb_build_array(i, 'k' || i)) FROM generate_series(1, 9) AS i)), test.finish(9) FROM c2;
CREATE TEMP TABLE many AS SELECT test.verified('2027-01-05', 'c6.csv', 'component') AS id;
SELECT test.add(id, (SELECT jsonb_agg(jsonb_build_array(10 - i, 'k' || i)) FROM generate_series(1, 9) AS i)) FROM many;
SELECT is(ingest.known_keys(id), '{"rows": 9, "first_rows": [1, 2, 3, 4, 5]}', 'of the same date, too; the first five rows are told') FROM many;
SELECT test.finish(9);
SELECT is(ingest.retire_file(id, 'gone', 'kim') ->> 'rows', '9', 'the first is retired') FROM c2;
SELECT is(ingest.known_keys(id), '{"rows": 0, "first_rows": []}', 'and knows nothing any more') FROM many;
CREATE TEMP TABLE older AS SELECT test.verified('2026-12-31', 'c0.csv', 'component', '{}', '{"kind": "history", "allow_older": true}') AS id;
SELECT test.add(id, test.keys('a', 'z')) FROM older;
SELECT is(ingest.known_keys(id), '{"rows": 0, "first_rows": []}', 'what a later date brought was not there before') FROM older;
SELECT test.finish(2);
SELECT test.as_agent('birch token');
CREATE TEMP TABLE birch AS SELECT test.verified('2027-01-09', 'b.csv', 'component') AS id;
SELECT test.add(id, test.keys('a', 'b')) FROM birch;
SELECT is(ingest.known_keys(id), '{"rows": 0, "first_rows": []}', 'one agency''s keys say nothing of another''s') FROM birch;
SELECT is(ingest.unknown_references(id, 'component', '{n}') -> 'rows', '0', 'a payload without the key refers to nothing') FROM birch;
SELECT test.finish(2);
SELECT test.as_agent('alder token');

-- repeated keys over the parts of one original
CREATE FUNCTION test.part(p_number integer) RETURNS uuid LANGUAGE sql AS $$
  SELECT test.bring('2027-02-01', 'parts.csv ' || p_number, 'recipe', jsonb_build_object('relative_path', 'parts.csv', 'original_sha256', test.sha('parts'),
    'part_number', p_number, 'part_count', 3, 'first_source_row', (p_number - 1) * 10 + 1))
$$;
CREATE TEMP TABLE part AS SELECT n, test.part(n) AS id FROM generate_series(1, 3) AS n;
SELECT is(test.prepare(), id, 'the first part is first') FROM part WHERE n = 1;
SELECT is((SELECT array_agg(test.state(id)) FROM part), '{verified,verified,verified}', 'three parts are verified');
SELECT test.add(id, '[[1, "x"], [2, "y"], [3, null]]') FROM part WHERE n = 1;
SELECT is(ingest.repeated_keys(id, 0), NULL, 'the first part is not judged alone') FROM part WHERE n = 1;
SELECT is(ingest.unknown_references(id, 'recipe', '{n}'), NULL, 'nor are its references to its own entity') FROM part WHERE n = 1;
SELECT is(ingest.unknown_references(id, 'party', '{n}') -> 'rows', '0', 'those to another entity are') FROM part WHERE n = 1;
SELECT is(ingest.usual_row_count(id), NULL, 'nor its row count') FROM part WHERE n = 1;
SELECT test.finish(3, '{"rows": 5}'), test.prepare();
SELECT test.add(id, '[[11, "v", {"n": "w"}], [12, "x"], [13, null]]') FROM part WHERE n = 2;
SELECT is(ingest.repeated_keys(id, 0), NULL, 'nor the second') FROM part WHERE n = 2;
SELECT test.finish(3), test.prepare();
SELECT test.add(id, '[[21, "w"], [22, "w"], [23, "y", {"n": "none"}], [24, "x"]]') FROM part WHERE n = 3;
SELECT is(ingest.repeated_keys(id, 0), '{"rows": 3, "first_rows": [12, 23, 24]}', 'with the last part all are: rows whose key another part had before') FROM part WHERE n = 3;
SELECT is(ingest.repeated_keys(id, 22), '{"rows": 4, "first_rows": [12, 22, 23, 24]}', 'and those that the reader could not compare') FROM part WHERE n = 3;
SELECT is(ingest.unknown_references(id, 'recipe', '{n}'), '{"rows": 1, "keys": 1, "first_rows": [23]}', 'rows of any part may be referred to from any other') FROM part WHERE n = 3;
SELECT is(ingest.known_keys(id) -> 'rows', '0', 'the other parts of a file are no other file') FROM part WHERE n = 3;
SELECT is(ingest.usual_row_count(id), '{"files": 0, "median": null, "other_rows": 8}', 'with the last part the rows of the others are told, as their reports say or as they are staged') FROM part WHERE n = 3;
SELECT test.finish(4), test.prepare();
CREATE TEMP TABLE whole AS SELECT test.verified('2027-02-02', 'whole.csv', 'recipe') AS id;
SELECT is(ingest.usual_row_count(id), '{"files": 1, "median": 12, "other_rows": 0}', 'what came in parts counts once, with all its rows') FROM whole;
SELECT test.add(id, '[[1, "q"], [2, "q"], [3, "q"], [4, "x"]]') FROM whole;
SELECT is(ingest.repeated_keys(id, 0), '{"rows": 0, "first_rows": []}', 'of a whole file the reader has compared all') FROM whole;
SELECT is(ingest.repeated_keys(id, 3), '{"rows": 1, "first_rows": [3]}', 'up to its limit') FROM whole;
SELECT test.finish(4), test.prepare();

-- references
SELECT test.stage('2027-03-01', 'variants.csv', 'variant', jsonb_build_array('[1, "R-1"]'::jsonb, '[2, "R 2"]'::jsonb, jsonb_build_array(3, '7' || test.us() || '2026-11-20'), '[4, "12.50"]'::jsonb, '[5, "true"]'::jsonb,
  jsonb_build_array(6, test.us() || 'x')));
CREATE TEMP TABLE line AS SELECT test.verified('2027-03-01', 'lines.csv', 'recipe_line') AS id;
SELECT test.add(id, '[[1, null, {"r": "R-1", "no": 7, "day": "2026-11-20", "price": 12.50, "ok": true}], [2, null, {"r": "R-9", "no": 7, "day": null, "price": 12.5, "ok": false}],
  [3, null, {"r": "R-9", "no": 8, "day": "2026-11-20"}], [4, null, {"r": "R 2"}], [5, null, {"r": "r-1"}], [6, null, {"r": null, "no": null, "day": "x"}]]') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{r}'), '{"rows": 3, "keys": 2, "first_rows": [2, 5]}', 'texts are compared exactly; each unknown key is named by its first row') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{no,day}'), '{"rows": 1, "keys": 1, "first_rows": [3]}', 'two columns are one key; a row that lacks one refers to nothing') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{day,no}') -> 'rows', '2', 'their order counts') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{price}'), '{"rows": 1, "keys": 1, "first_rows": [2]}', 'a number is its digits') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{ok}'), '{"rows": 1, "keys": 1, "first_rows": [2]}', 'a truth value its word') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', '{none}'), '{"rows": 0, "keys": 0, "first_rows": []}', 'a key that no row has refers to nothing') FROM line;
SELECT is(ingest.unknown_references(id, 'uom_conversion', '{r}') -> 'rows', '5', 'where nothing is staged everything is unknown') FROM line;
SELECT is(test.refusal(format('SELECT ingest.unknown_references(%L, ''job_file'', ''{r}'')', id)), 'WB-2101 400', 'an entity that is none') FROM line;
SELECT is(test.refusal(format('SELECT ingest.unknown_references(%L, ''variant'', ''{}'')', id)), 'WB-2101 400', 'no key') FROM line;
SELECT is(ingest.unknown_references(id, 'variant', ARRAY['r'' || (SELECT 1/0) || ''']) -> 'rows', '0', 'a key is a name, whatever stands in it') FROM line;

SELECT test.finish(6);
SELECT test.as_agent('birch token');
CREATE TEMP TABLE other AS SELECT test.verified('2027-03-01', 'birch lines.csv', 'recipe_line') AS id;
SELECT test.add(id, '[[1, null, {"r": "R-1"}]]') FROM other;
SELECT is(ingest.unknown_references(id, 'variant', '{r}') -> 'rows', '1', 'another agency''s rows are not there to be referred to') FROM other;

-- the plans do not depend on what the planner knows
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'ingest'::regnamespace
  AND p.proname IN ('usual_row_count', 'known_keys', 'repeated_keys', 'unknown_references') AND NOT (p.proconfig @> ARRAY['enable_seqscan=off', 'jit=off'])$$,
  'the checks walk by index, also before the first ANALYZE');

SELECT * FROM finish();
ROLLBACK;
