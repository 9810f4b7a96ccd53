-- Goal:   a set of parts or chunks is staged whole or not at all; what central splits keeps its source rows.
-- Method: time is stepped by hand; parts are registered as agents and the worker do.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();

CREATE FUNCTION test.part(p_original text, p_number int, p_count int, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('original_sha256', test.sha(p_original), 'part_number', p_number, 'part_count', p_count,
    'first_source_row', (p_number - 1) * 100 + 1) || p_more
$$;
-- Part n of a file p.csv, its content told apart by name.
CREATE FUNCTION test.bring_part(p_date date, p_path text, p_number int, p_count int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := public.ingest_open_job('parts-' || p_date, jsonb_build_object('date', p_date, 'name', 'nightly'),
    jsonb_build_array(test.offer(p_path, p_path || p_number || '/' || p_count, 'component', test.part(p_path, p_number, p_count)))) #>> '{files,0,job_file_id}';
BEGIN
  IF test.state(v_id) = 'awaiting_upload' THEN
    PERFORM test.store(v_id, octet_length(p_path || p_number || '/' || p_count)), test.confirm(v_id);
  END IF;
  RETURN v_id;
END
$$;
CREATE FUNCTION test.fate(p_path text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(part_number || '/' || part_count || ' ' || state || coalesce(' ' || error_code, ''), ', ' ORDER BY opened_seq) FROM ingest.job_file
   WHERE relative_path = p_path AND tenant_id = test.id('alder')
$$;

CREATE FUNCTION test.work_but_archive(p_rows int DEFAULT 2) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(w ORDER BY n) FROM unnest(test.work(p_rows)) WITH ORDINALITY AS x (w, n) WHERE w NOT LIKE 'archive %'
$$;

-- parts that agents cut
SELECT test.bring_part('2026-11-20', 'a.csv', 2, 3), test.bring_part('2026-11-20', 'a.csv', 1, 3);
SELECT is(test.work(), ARRAY['verify a.csv 1', 'verify a.csv 2'], 'parts are verified, but not staged while one is missing');
SELECT is(test.waits_for(), 'set: part 3 of 3', 'the wait says which');
SELECT is(public.ingest_open_job('whole', '{"date": "2026-11-20", "name": "nightly"}', jsonb_build_array(test.offer('a.csv', 'a.csv'))) #>> '{files,0,error,code}',
  'WB-2112', 'the same file in another number of parts is refused while the set is not whole');
SELECT is(test.fate('a.csv'), '2/3 refused WB-2112, 1/3 refused WB-2112, 1/1 refused WB-2112', 'and the unstaged set with it');
SELECT test.bring_part('2026-11-20', 'b.csv', 1, 2), test.bring_part('2026-11-20', 'b.csv', 2, 2);
SELECT is(test.work(), ARRAY['verify b.csv 1', 'verify b.csv 2', 'stage b.csv 1', 'stage b.csv 2'], 'a whole set is staged in order');
SELECT is(public.ingest_open_job('whole', '{"date": "2026-11-20", "name": "nightly"}', jsonb_build_array(test.offer('b.csv', 'b.csv'))) #>> '{files,0,outcome}',
  'duplicate', 'the same file unsplit is then a duplicate');
SELECT is((public.ingest_open_job('parts-2026-11-20', '{"date": "2026-11-20", "name": "nightly"}', jsonb_build_array(test.offer('b.csv', 'b1/3', 'component', test.part('b.csv', 1, 3))))) #>> '{files,0,outcome}',
  'duplicate', 'and so is another cut of it');
SELECT is((public.ingest_open_job('x', '{"date": "2026-11-20", "name": "nightly"}', jsonb_build_array(test.offer('b2.csv', 'b1/2', 'component', test.part('b.csv', 1, 2))))) #>> '{files,0,outcome}',
  'duplicate', 'the same part under another name too');

-- a part that never comes
SELECT test.bring_part('2026-11-21', 'c.csv', 1, 2);
SELECT test.work();
SELECT test.close('parts-2026-11-21');
SELECT test.pass('299 seconds');
SELECT is(ingest.sweep(), 0, 'a closed job''s set waits a while');
SELECT test.pass('1 second');
SELECT is(ingest.sweep(), 1, 'and is then given up');
SELECT is(test.fate('c.csv'), '1/2 refused WB-2111', 'what is there of it is refused');
SELECT is((SELECT error ->> 'message' FROM ingest.job_file WHERE relative_path = 'c.csv'), 'the set is not whole: missing part 2 of 2', 'naming what is missing');
SELECT is((SELECT count(*) FROM staging.component AS s JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'c.csv'), 0::bigint, 'nothing of it is staged');

-- a part that is announced may take its time over a slow line, until its upload token is no good any more
SELECT test.plan('birch'), test.as_agent('birch token');
SELECT test.at('2026-11-30T12:00Z');
SELECT test.bring_part('2026-11-21', 'slow.csv', 1, 2);
SELECT test.open('x', test.offer('y.csv', 'y'));
SELECT public.ingest_open_job('parts-2026-11-21', '{"date": "2026-11-21", "name": "nightly"}', jsonb_build_array(test.offer('slow.csv', 'slow.csv2/2', 'component', test.part('slow.csv', 2, 2))));
SELECT test.work();
SELECT test.pass('2 hours');
SELECT test.work();
SELECT is(test.waits_for(), 'set: part 2 of 2', 'after two hours it is waited for');
SELECT test.pass('5 minutes');
SELECT test.work();
SELECT is((SELECT string_agg(state || coalesce(error_code, ''), ',' ORDER BY part_number) FROM ingest.job_file WHERE relative_path = 'slow.csv'), 'refusedWB-2111,refusedWB-2111', 'then the set is given up');
SELECT test.as_agent('alder token'), test.at('2026-11-20T21:00Z');

-- another cut of a file that was announced but never sent takes its place
CREATE TEMP TABLE cut AS SELECT test.open('cut', test.offer('cut.csv', 'cut1/2', 'component', test.part('cut', 1, 2))) AS a;
SELECT is(test.open('cut', test.offer('cut.csv', 'cut1/3', 'component', test.part('cut', 1, 3))) #>> '{files,0,outcome}', 'upload', 'a new cut is awaited');
SELECT is(test.fate('cut.csv'), '1/2 refused WB-2112, 1/3 awaiting_upload', 'and the old one is no longer');
SELECT is(test.open('cut', test.offer('cut.csv', 'cut')) #>> '{files,0,outcome}', 'upload', 'so it goes with the file as a whole');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'which halts nobody');

-- one bad part refuses its file
SELECT test.bring_part('2026-11-22', 'd.csv', 1, 2), test.bring_part('2026-11-22', 'd.csv', 2, 2);
SELECT is(test.next(), 'verify d.csv 1', 'verified');
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3002", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.fate('d.csv'), '1/2 refused WB-2114, 2/2 refused WB-3002', 'the other parts are refused as part of a refused file');
SELECT is(ingest.retry_file((SELECT job_file_id FROM ingest.job_file WHERE relative_path = 'd.csv' AND part_number = 1), 'spec mended', 'kim') -> 'files', '2', 'a part is retried with its set');
SELECT ok(test.work() @> ARRAY['stage d.csv 1', 'stage d.csv 2'], 'and staged');

-- chunks that the partner delivers
SELECT test.bring('2026-11-23', 'e_1.csv', 'recipe', '{"chunk_number": 1, "chunk_count": 2}');
SELECT is(test.work(), ARRAY['verify e_1.csv'], 'a chunk waits');
SELECT is(test.waits_for(), 'set: chunk 2 of 2', 'for the other');
SELECT test.bring('2026-11-23', 'e_2.csv', 'recipe', '{"chunk_number": 2, "chunk_count": 2}');
SELECT is(test.work_but_archive(), ARRAY['verify e_2.csv', 'stage e_1.csv', 'stage e_2.csv'], 'then both are staged in order');
SELECT test.bring('2026-11-24', 'f_1.csv', 'recipe', '{"chunk_number": 1, "chunk_count": 2}'), test.bring('2026-11-24', 'f_2.csv', 'recipe', '{"chunk_number": 2, "chunk_count": 3}');
SELECT test.work();
SELECT is((SELECT array_agg(DISTINCT state || error_code) FROM ingest.job_file WHERE relative_path LIKE 'f\__.csv'), ARRAY['refusedWB-2112'], 'chunks of different totals are refused together');
SELECT test.bring('2026-11-23', 'g_1.csv', 'uom_conversion', '{"chunk_number": 1, "chunk_count": 3}'), test.bring('2026-11-23', 'g_2.csv', 'uom_conversion', '{"chunk_number": 2, "chunk_count": 3}');
SELECT test.work(), test.close('job-2026-11-23');
SELECT test.pass('5 minutes');
SELECT test.work();
SELECT is((SELECT array_agg(DISTINCT state || error_code) FROM ingest.job_file WHERE relative_path LIKE 'g\__.csv'), ARRAY['refusedWB-2111'], 'a set of chunks that is not whole in time is given up');
SELECT is(public.ingest_open_job('late', '{"date": "2026-11-23", "name": "nightly"}', jsonb_build_array(test.offer('g_3.csv', 'g_3.csv', 'uom_conversion', '{"chunk_number": 3, "chunk_count": 3}'))) #>> '{files,0,outcome}', 'upload', 'the last one comes');
SELECT test.store(job_file_id, size_bytes), test.confirm(job_file_id) FROM ingest.job_file WHERE relative_path = 'g_3.csv';
SELECT is(ingest.retry_file(job_file_id, 'the last one came', 'kim') -> 'files', '2', 'a chunk is retried with the others that were given up') FROM ingest.job_file WHERE relative_path = 'g_1.csv';
SELECT is(test.work_but_archive(), ARRAY['verify g_1.csv', 'verify g_2.csv', 'verify g_3.csv', 'stage g_1.csv', 'stage g_2.csv', 'stage g_3.csv'], 'and the set is staged');
SELECT is(test.refusal(format('SELECT test.open(''bad'', test.offer(''x.csv'', ''x'', ''component'', %L))', m)), 'WB-2101 400', m) FROM unnest(ARRAY[
  '{"chunk_number": 3, "chunk_count": 2}', '{"chunk_count": 1000000000000}', '{"part_count": 1000000000000}', '{"chunk_number": 0, "chunk_count": 2}', '{"chunk_count": "2"}']) AS m;
SELECT is(test.refusal(format('SELECT test.open(''bad'', test.offer(%L, ''x''))', p)), 'WB-2101 400', 'no path: ' || p) FROM unnest(ARRAY[
  '..\x.csv', 'a\..\x.csv', '\\server\x.csv', 'C:\x.csv', 'c:x.csv', '../x.csv', '/etc/x.csv', 'a//b.csv']) AS p;

-- what arrives unsplit is split by central
SELECT ingest.put_file_spec('alder', '{"file_tag": "party", "entity": "party", "columns": [], "on_refusal": "quarantine", "split_rows": 3}', 'kim');
CREATE TEMP TABLE big AS SELECT test.bring('2026-11-25', 'small', 'party') AS small, test.bring('2026-11-25', 'a big file.csv', 'party') AS id;
SELECT is(test.work_but_archive(), ARRAY['verify small', 'stage small', 'verify a big file.csv', 'split a big file.csv', 'stage a big file.csv'],
  'a file that may hold too many rows is looked at; one that fits is staged as it is');
CREATE FUNCTION test.split(p_parts jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  c jsonb := ingest.claim_next('w', 60);
  v jsonb;
BEGIN
  IF c ->> 'step' <> 'split' THEN RETURN c ->> 'step'; END IF;
  FOR v IN SELECT * FROM jsonb_array_elements(p_parts) LOOP
    INSERT INTO storage.objects (bucket_id, name, metadata) VALUES (c ->> 'bucket', ingest.part_path(c ->> 'object_path', (v ->> 'part_number')::int),
      jsonb_build_object('eTag', '"x"', 'size', (v ->> 'size_bytes')::int)) ON CONFLICT DO NOTHING;
  END LOOP;
  RETURN ingest.finish_split((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, p_parts);
END
$$;
CREATE FUNCTION test.parts(p_name text, p_count int) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_agg(jsonb_build_object('part_number', n, 'size_bytes', 10, 'content_sha256', test.sha(p_name || n), 'first_source_row', n * 3 - 2) ORDER BY n)
    FROM generate_series(1, p_count) AS n
$$;
SELECT test.bring('2026-11-26', 'a huge file.csv', 'party');
SELECT is(test.next(), 'verify a huge file.csv', 'verified');
SELECT is(test.refusal(format('SELECT test.split(%L)', p)), 'WB-2101 400', 'no parts: ' || p) FROM unnest(ARRAY['[]', '[{"part_number": 2}]',
  jsonb_set(test.parts('x', 2), '{1,first_source_row}', '1')::text, jsonb_set(test.parts('x', 2), '{0,first_source_row}', '2')::text,
  jsonb_set(test.parts('x', 2), '{1,part_number}', '1')::text, jsonb_set(test.parts('x', 2), '{0,content_sha256}', '"x"')::text]) AS p;
SELECT test.pass('61 seconds');
SELECT is(test.split(test.parts('huge', 3)), 'split', 'a file of three parts is split');
SELECT is((SELECT array_agg(f.object_path ~ 'unprocessed_[^/]*_raw_party-part0000[123]\.csv$' ORDER BY f.part_number) FROM ingest.job_file AS f WHERE f.relative_path = 'a huge file.csv' AND f.split_of IS NOT NULL),
  ARRAY[true, true, true], 'the parts lie beside it, their numbers in their names');
SELECT is((SELECT string_agg(DISTINCT e ->> 'state', ',') FROM jsonb_array_elements(public.ingest_inventory() -> 'files') AS e WHERE e ->> 'relative_path' = 'a huge file.csv'),
  'verified', 'the agent hears of one file, verified');
SELECT is(test.work_but_archive(3), ARRAY['verify a huge file.csv 1', 'verify a huge file.csv 2', 'verify a huge file.csv 3', 'stage a huge file.csv 1',
  'stage a huge file.csv 2', 'stage a huge file.csv 3'], 'the parts are verified, then staged in order');
SELECT is((SELECT state || ' ' || rows_staged FROM ingest.job_file WHERE relative_path = 'a huge file.csv' AND split_of IS NULL), 'processed 9', 'the file is processed with its last part, and counts their rows');
SELECT is(test.close('job-2026-11-26'), 'closed', 'when the job is closed');
SELECT is((SELECT count(*) FROM unnest(test.work()) AS w WHERE w LIKE 'archive a huge%'), 4::bigint, 'file and parts are archived');
SELECT is((SELECT array_agg(DISTINCT e ->> 'state') FROM jsonb_array_elements(public.ingest_sync() -> 'changes') AS e WHERE e ->> 'relative_path' = 'a huge file.csv'),
  ARRAY['archived', 'awaiting_upload', 'processed', 'received', 'verified'], 'the agent hears nothing of parts');
SELECT is((SELECT count(*) FROM jsonb_array_elements(public.ingest_sync() -> 'changes') AS e WHERE e ->> 'relative_path' = 'a huge file.csv' AND e ->> 'state' = 'archived'), 1::bigint, 'and of each state once');
SELECT is((public.ingest_open_job('again', '{"date": "2026-11-27", "name": "nightly"}', jsonb_build_array(test.offer('again.csv', 'a huge file.csv', 'party')))) #>> '{files,0,outcome}',
  'duplicate', 'the same bytes again are a duplicate');

-- a part of a split file is refused: the whole is; retried, it is not cut again
SELECT test.bring('2026-11-28', 'bad huge file.csv', 'party');
SELECT is(test.next() || ', ' || test.split(test.parts('bad', 3)), 'verify bad huge file.csv, split', 'split');
SELECT test.next(), test.next(), test.next(), test.next(4), test.next();
SELECT is(ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m", "row": 5}'), 'refused', 'part 2 is bad') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.fate('bad huge file.csv'), '1/1 refused WB-3004, 1/3 retired WB-2114, 2/3 refused WB-3004, 3/3 refused WB-2114', 'the file and its unstaged parts are refused, the staged one is taken back');
SELECT is(ingest.retry_file((SELECT job_file_id FROM ingest.job_file WHERE relative_path = 'bad huge file.csv' AND split_of IS NULL), 'spec mended', 'kim') ->> 'state', 'split', 'retried');
SELECT is(test.work_but_archive(), ARRAY['verify bad huge file.csv 1', 'verify bad huge file.csv 2', 'verify bad huge file.csv 3',
  'stage bad huge file.csv 1', 'stage bad huge file.csv 2', 'stage bad huge file.csv 3'], 'its parts go on');
SELECT is((SELECT state || ' ' || rows_staged FROM ingest.job_file WHERE relative_path = 'bad huge file.csv' AND split_of IS NULL), 'processed 6', 'and the file is processed');

-- a split that fails makes no loop: it is tried with pauses, or halts the agency
SELECT test.bring('2026-11-28', 'cannot be cut.csv', 'party');
SELECT is(test.next(), 'verify cannot be cut.csv', 'verified');
CREATE FUNCTION test.fail_split(p_transient boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  c jsonb := ingest.claim_next('w', 60);
BEGIN
  PERFORM ingest.fail_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-4004", "message": "m"}', p_transient);
  RETURN (c ->> 'step') || ' ' || (c ->> 'attempt');
END
$$;
SELECT is(test.fail_split(true), 'split 1', 'cutting fails for now');
SELECT is((SELECT count(*) FROM unnest(test.work()) AS w WHERE w LIKE '%cannot be cut%'), 0::bigint, 'it is not tried again at once');
SELECT test.pass('5 seconds');
SELECT is(test.fail_split(false), 'split 2', 'cutting fails for good');
SELECT is(test.work(), '{}', 'the agency halts');
SELECT is(ingest.resume_tenant('alder', 'disk replaced', 'kim'), 'active', 'resumed');
SELECT is(test.split(test.parts('cut', 2)), 'split', 'it is cut');
SELECT is((SELECT count(*) FROM ingest.job_file WHERE relative_path = 'cannot be cut.csv' AND split_of IS NOT NULL), 2::bigint, 'once');
SELECT test.work();

-- its rows can be retired, all of them or none
SELECT is((SELECT count(*) FROM staging.party AS s JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'bad huge file.csv'), 6::bigint, 'six rows');
SELECT is(ingest.retire_file((SELECT job_file_id FROM ingest.job_file WHERE relative_path = 'bad huge file.csv' AND part_number = 2), 'wrong year', 'kim'),
  '{"rows": 6, "files": 4, "state": "retired"}', 'retiring a part retires the file') ;
SELECT is((SELECT count(*) FROM staging.party AS s JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'bad huge file.csv'), 0::bigint, 'its rows are gone');
SELECT isnt_empty('SELECT * FROM staging.party', 'and no others');
SELECT is(test.refusal('DELETE FROM staging.party'), 'WB-2110 409', 'in the same transaction no other row can be removed');
SELECT is((SELECT count(*) FROM staging.retirement), 0::bigint, 'no retirement stays open');
INSERT INTO staging.retirement SELECT pg_current_xact_id(), job_file_id FROM ingest.job_file WHERE relative_path = 'bad huge file.csv' AND part_number = 2;
SELECT is(test.refusal('DELETE FROM staging.party'), 'WB-2110 409', 'even an open retirement lets go of its own file''s rows only');
SELECT is(test.refusal(format('SELECT ingest.retire_file(%L, ''x'', ''kim'')', job_file_id)), 'WB-5006 409', 'what is retired is not retired again')
  FROM ingest.job_file WHERE relative_path = 'bad huge file.csv' AND split_of IS NULL;
SELECT is((public.ingest_open_job('once-more', '{"date": "2026-11-28", "name": "nightly"}', jsonb_build_array(test.offer('bad huge file.csv', 'bad huge file.csv', 'party')))) #>> '{files,0,outcome}',
  'upload', 'the same content may come again');

-- a part that is not stored any more: the file is cut again; the same parts are found, a changed one takes its path
SELECT test.bring('2026-11-28', 'cut again.csv', 'party');
SELECT is(test.next() || ', ' || test.split(test.parts('again', 3)), 'verify cut again.csv, split', 'split');
SELECT test.next();
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3004", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.fate('cut again.csv'), '1/1 refused WB-3004, 1/3 refused WB-2114, 2/3 refused WB-3004, 3/3 refused WB-2114', 'refused');
UPDATE storage.objects AS o SET metadata = '{}' FROM ingest.job_file AS f WHERE f.relative_path = 'cut again.csv' AND f.split_of IS NOT NULL AND f.part_number = 3 AND o.name = f.object_path;
SELECT is(ingest.retry_file(job_file_id, 'stored object lost', 'kim') ->> 'state', 'received', 'with a stored part missing the whole file is read again') FROM ingest.job_file
 WHERE relative_path = 'cut again.csv' AND split_of IS NULL;
SELECT is(test.next(), 'verify cut again.csv', 'verified again');
UPDATE storage.objects AS o SET metadata = '{"eTag": "x", "size": 10}' WHERE metadata = '{}';
SELECT is(test.split(jsonb_set(test.parts('again', 3), '{2,content_sha256}', to_jsonb(test.sha('other')))), 'split', 'and cut again');
SELECT is(test.fate('cut again.csv'), '1/1 split, 1/3 received, 2/3 received, 3/3 refused WB-2114, 3/3 received', 'the same parts go on, the changed one is a new one');
SELECT is((SELECT count(DISTINCT object_path) FROM ingest.job_file WHERE relative_path = 'cut again.csv'), 4::bigint, 'at the path of the one it replaces');
SELECT test.work();
SELECT is((SELECT state || rows_staged FROM ingest.job_file WHERE relative_path = 'cut again.csv' AND split_of IS NULL), 'processed6', 'and all is staged');

-- a refused file's bytes are eligible again when a newer spec may read them
CREATE TEMP TABLE s AS SELECT test.bring('2026-11-29', 'spec.csv', 'variant') AS id;
SELECT test.next();
SELECT ingest.refuse_file((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, '{"code": "WB-3003", "message": "m"}') FROM ingest.claim_next('w', 60) AS c;
SELECT is(test.bring('2026-11-29', 'spec.csv', 'variant'), id, 'offered again') FROM s;
SELECT is(test.state(id), 'refused', 'it stays refused') FROM s;
SELECT ingest.put_file_spec('alder', '{"file_tag": "variant", "entity": "party", "columns": [], "on_refusal": "quarantine", "note": "mended"}', 'kim');
SELECT is(test.bring('2026-11-29', 'spec.csv', 'variant'), id, 'under a newer spec') FROM s;
SELECT is((SELECT state || file_spec_version || entity FROM ingest.job_file JOIN s ON id = job_file_id), 'received2party', 'it is received again, to be read by that');
SELECT is(ingest.withdraw_file_spec('alder', 'variant', 'kim'), 3, 'a withdrawn spec');
SELECT is(test.open('w', test.offer('w.csv', 'w', 'variant')) #>> '{files,0,error,code}', 'WB-2108', 'takes no files');
SELECT is((SELECT count(*) FROM jsonb_array_elements(ingest.current_specs(test.id('alder')) -> 'specs') AS e WHERE e ->> 'file_tag' = 'variant'), 0::bigint, 'and is told to no agent');
SELECT ok(test.work() @> ARRAY['stage spec.csv'], 'what is under way goes on');
SELECT is(ingest.put_file_spec('alder', '{"file_tag": "variant", "entity": "party", "columns": [], "on_refusal": "quarantine", "note": "mended"}', 'kim'), 4, 'and it may come back');

-- two versions of one file share a part's bytes: each is a set of its own, staged one after the other
CREATE FUNCTION test.version_part(p_original text, p_content text, p_number int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := public.ingest_open_job('versions', '{"date": "2026-11-30", "name": "nightly"}', jsonb_build_array(
    test.offer('twice.csv', p_content, 'component', test.part(p_original, p_number, 2)))) #>> '{files,0,job_file_id}';
BEGIN
  IF test.state(v_id) = 'awaiting_upload' THEN
    PERFORM test.store(v_id, octet_length(p_content)), test.confirm(v_id);
  END IF;
  RETURN v_id;
END
$$;
CREATE TEMP TABLE twice AS SELECT test.version_part('v1', 'same', 1) AS v1p1, test.version_part('v2', 'same', 1) AS v2p1,
  test.version_part('v2', 'new!', 2) AS v2p2, test.version_part('v1', 'old!', 2) AS v1p2;
SELECT is((SELECT count(DISTINCT id) FROM twice, unnest(ARRAY[v1p1, v1p2, v2p1, v2p2]) AS id), 4::bigint, 'equal bytes of two versions are two files');
SELECT is(test.version_part('v2', 'same', 1), v2p1, 'and each is found again') FROM twice;
SELECT test.work();
SELECT is((SELECT array_agg(e.job_file_id ORDER BY e.seq) FROM ingest.job_event AS e JOIN ingest.job_file AS f USING (job_file_id)
            WHERE e.event = 'staged' AND f.relative_path = 'twice.csv'), ARRAY[v1p1, v1p2, v2p1, v2p2],
  'all of the first version is staged before the second') FROM twice;
SELECT is(ingest.retire_file(v1p2, 'wrong', 'kim') ->> 'rows', '4', 'a retired version') FROM twice;
SELECT isnt(test.version_part('v1', 'same', 1), v1p1, 'may come again, in the same job') FROM twice;
SELECT throws_like(format('SELECT ingest.retry_file(%L, %L, %L)', v1p2, 'again', 'kim'), '%part is retired%', 'but is not retried') FROM twice;

SELECT * FROM finish();
ROLLBACK;
