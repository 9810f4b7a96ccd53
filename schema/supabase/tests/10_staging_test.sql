-- Goal:   what is in staging came through a finished load of a verified file, row for row of its tenant;
--         from each row one query tells its story.
-- Method: SET CONSTRAINTS IMMEDIATE asks at once what a commit would ask.
BEGIN;
\ir support/world.psql
SELECT no_plan();
GRANT USAGE ON SCHEMA test TO service_role;

CREATE TEMP TABLE f AS SELECT test.deliver('k1', 'nightly/recipe lines.csv', 'bytes', 'recipe_line') AS id;
SELECT test.as_agent('birch token');
CREATE TEMP TABLE b AS SELECT test.deliver('kb', 'b.csv', 'birch bytes', 'recipe_line') AS id;
SELECT test.step(), test.step();
GRANT SELECT ON f, b TO service_role;
CREATE FUNCTION test.claim(p_slug text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  c jsonb;
BEGIN
  LOOP
    c := ingest.claim_next('w', 60);
    EXIT WHEN c IS NULL OR c ->> 'tenant' = p_slug;
  END LOOP;
  RETURN c;
END
$$;
CREATE TEMP TABLE c AS SELECT test.claim('alder') AS c;
GRANT SELECT ON c TO service_role;
SELECT is(c ->> 'step', 'stage', 'a verified file is to be staged') FROM c;

SET LOCAL ROLE service_role;
-- rows, as COPY would add them: numbers from..to, for the claim with some of it replaced
CREATE FUNCTION pg_temp.add(p_from integer, p_to integer, p_change jsonb DEFAULT '{}', p_entity text DEFAULT 'recipe_line') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  x jsonb;
BEGIN
  SELECT c.c || p_change INTO x FROM c;
  EXECUTE format('INSERT INTO staging.%I SELECT $1, $2, $3, i, ''R-1'' || chr(31) || i, jsonb_build_object(''line_no'', i) FROM generate_series($4, $5) AS i', p_entity)
    USING (x ->> 'tenant_id')::uuid, (x ->> 'job_id')::uuid, (x ->> 'job_file_id')::uuid, p_from, p_to;
END
$$;
CREATE FUNCTION pg_temp.finish(p_rows integer, p_sha text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT ingest.finish_stage((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, p_rows,
    coalesce(p_sha, c ->> 'content_sha256'), '{"rows": 3, "findings": []}') FROM c
$$;
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.finish(2)$$), 'WB-5003 500', 'more rows than announced: rolled back');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.finish(4)$$), 'WB-5003 500', 'fewer rows than announced: rolled back');
SELECT is(test.refusal($$SELECT pg_temp.finish(3)$$), 'WB-5003 500', 'no rows at all: refused');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.finish(3, test.sha('other'))$$), 'WB-4003 409', 'bytes that were read are not those of the ledger: rolled back');
SELECT is(test.refusal(format($$SELECT pg_temp.add(1, 3), pg_temp.add(4, 4, '{"tenant_id": "%s"}'), pg_temp.finish(4)$$, test.id('birch'))), 'WB-2004 403',
  'a row of another tenant among a file''s rows: rolled back');
SELECT is(test.refusal(format($$SELECT pg_temp.add(1, 3), pg_temp.add(4, 4, '{"job_id": "%s"}'), pg_temp.finish(4)$$, gen_random_uuid())), 'WB-2004 403',
  'a row of another job: rolled back');
SELECT is(test.refusal(format($$SELECT pg_temp.add(1, 3), pg_temp.add(1, 1, '{"tenant_id": "%s", "job_file_id": "%s"}'), pg_temp.finish(3)$$, test.id('birch'), b.id)), 'WB-2004 403',
  'a row slipped in for another agency''s file: rolled back') FROM b;
SELECT is(test.refusal(format($$SELECT pg_temp.add(1, 3), pg_temp.add(1, 1, '{"job_file_id": "%s"}'), pg_temp.finish(3)$$, gen_random_uuid())), 'WB-2004 403',
  'a row of no file at all: rolled back');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3, '{}', 'recipe'), pg_temp.finish(3)$$), 'WB-5003 500', 'rows in another entity''s table: refused');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.add(1, 1)$$), '23505', 'a source row twice: refused at once');
SELECT is(test.refusal($$SELECT pg_temp.add(0, 3)$$), '23514', 'rows are counted from one');
SELECT is(test.refusal(format('INSERT INTO staging.party VALUES (%L, %L, %L, 1, %L, ''{}'')', test.id('alder'), f.id, f.id, repeat('k', 1001))), '23514', 'a natural key is at most 1000 bytes') FROM f;
SELECT is(test.refusal(format('INSERT INTO staging.party VALUES (%L, %L, %L, 1, NULL, ''[]'')', test.id('alder'), f.id, f.id)), '23514', 'a payload is an object') FROM f;

-- nothing is committed that nobody finished
CREATE FUNCTION pg_temp.commit() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; END $$;
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.commit()$$), 'WB-2004 403', 'rows that nobody finished cannot be committed');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.finish(3), pg_temp.add(4, 4), pg_temp.commit()$$), 'WB-2004 403', 'nor rows added after the finish');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 3), pg_temp.add(1, 1, '{}', 'party'), pg_temp.finish(3), pg_temp.commit()$$), 'WB-2004 403', 'nor rows in another table beside a finished load');
SELECT is(test.refusal($$SELECT pg_temp.add(1, 2), pg_temp.add(3, 3), pg_temp.finish(3), pg_temp.commit()$$), 'taken', 'a file may come in several statements');
SELECT is((SELECT state FROM ingest.job_file, f WHERE job_file_id = f.id), 'staged', 'then it is staged');
SELECT is((SELECT rows_staged FROM ingest.job_file, f WHERE job_file_id = f.id), 3::bigint, 'with its rows counted');
SELECT is(test.refusal($$SELECT pg_temp.finish(3)$$), 'WB-5002 409', 'once');
SELECT is(test.refusal($$SELECT pg_temp.add(4, 4), pg_temp.commit()$$), 'WB-2004 403', 'a staged file takes no more rows');
SELECT is(test.refusal('UPDATE staging.recipe_line SET payload = ''{}'''), '42501', 'the worker''s role changes no row');
SELECT is(test.refusal('DELETE FROM staging.recipe_line'), '42501', 'nor removes one');
SELECT is(test.refusal('INSERT INTO staging.open_load VALUES (pg_current_xact_id(), ''party'', 0)'), '42501', 'nor opens or closes loads by hand');
SELECT is(test.refusal('DELETE FROM staging.open_load'), '42501', 'by no means');
RESET ROLE;
SELECT is_empty('SELECT * FROM staging.open_load', 'no load stays open');

-- a file without rows
SELECT test.as_agent('alder token');
SELECT test.deliver('k2', 'only a header.csv', 'a,b', 'party');
SELECT ok('verify' = ANY (ARRAY(SELECT test.step(0) FROM generate_series(1, 12))), 'a file with a header only goes its way');
SELECT is((SELECT rows_staged || state FROM ingest.job_file WHERE relative_path = 'only a header.csv'), '0processed', 'with no rows');

-- lineage: from a row to everything, in one query
SELECT is(to_jsonb(l) - '{job_id,object_path,received_at,verified_at,staged_at,state}'::text[], jsonb_build_object(
    'entity', 'recipe_line', 'natural_key', 'R-1' || chr(31) || '2', 'payload', '{"line_no": 2}'::jsonb, 'tenant', 'alder', 'job_key', 'k1',
    'delivery_date', '2026-11-20', 'job_file_id', f.id, 'relative_path', 'nightly/recipe lines.csv', 'source_row', 2, 'content_sha256', test.sha('bytes'),
    'original_sha256', test.sha('bytes'), 'part_number', 1, 'part_count', 1, 'bucket', 'waybill-exports', 'agent', 'alder-pc', 'file_tag', 'recipe_line',
    'file_spec_version', 1, 'worker', 'worker:w'), 'a row tells agency, job, file, SHA-256, source row, agent and worker') FROM f, staging.lineage(f.id, 2) AS l;
SELECT ok(l.received_at <= l.verified_at AND l.verified_at <= l.staged_at, 'and when it was received, verified and staged') FROM f, staging.lineage(f.id, 2) AS l;
SELECT is_empty($$SELECT l.* FROM f, staging.lineage(f.id, 4) AS l$$, 'a row that is not there has no story');
SELECT is_empty($$SELECT r.entity, r.job_file_id, r.source_row FROM staging.any_row AS r LEFT JOIN staging.provenance AS p
  ON p.job_file_id = r.job_file_id AND p.tenant_id = r.tenant_id AND p.job_id = r.job_id AND p.entity = r.entity WHERE p.job_file_id IS NULL$$,
  'every staged row belongs to a file of its tenant, job and entity');
SELECT is_empty($$SELECT p.job_file_id FROM staging.provenance AS p
  WHERE coalesce(p.rows_staged, 0) <> (SELECT count(*) FROM staging.any_row AS r WHERE r.job_file_id = p.job_file_id)$$, 'every file has the rows it says');

SELECT * FROM finish();
ROLLBACK;
