-- Goal:   one step at a time per agency, many agencies side by side; only the latest claim can end a step.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.finish(c jsonb, p_sha text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT ingest.finish_verify((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid,
    coalesce(p_sha, c ->> 'content_sha256'), (c ->> 'size_bytes')::bigint)
$$;
CREATE FUNCTION test.finish_refusal(c jsonb) RETURNS text LANGUAGE sql AS $$ SELECT test.refusal(format('SELECT test.finish(%L)', c)) $$;
CREATE FUNCTION test.call(p_format text, c jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT test.refusal('SELECT ' || format(p_format, c ->> 'tenant_id', c ->> 'fence', c ->> 'job_file_id'))
$$;

SELECT is(ingest.claim_next('w1', 60), NULL, 'nothing to do: no claim');
SELECT is(test.refusal(format('SELECT ingest.claim_next(%L, %s)', w, s)), 'WB-2101 400', format('no claim for "%s" of %s s', w, s))
  FROM (VALUES ('', 60), (' ', 60), (NULL, 60), ('w', 0), ('w', -1), ('w', 100000)) AS v (w, s);
CREATE TEMP TABLE f AS SELECT test.deliver('k1', 'x/one.csv', 'one') AS one, test.deliver('k1', 'two.csv', 'two') AS two;
SELECT test.as_agent('birch token');
CREATE TEMP TABLE b AS SELECT test.deliver('kb', 'b.csv', 'b') AS id;

-- two claims
CREATE TEMP TABLE claimed AS SELECT ingest.claim_next(w, 60) AS c FROM unnest(ARRAY['w1', 'w2', 'w3']) AS w;
SELECT set_eq($$SELECT c ->> 'tenant' FROM claimed$$, ARRAY['alder', 'birch', NULL],
  'two workers get two agencies; a third gets nothing, though alder has another file: one at a time');
CREATE TEMP TABLE c1 AS SELECT c FROM claimed WHERE c ->> 'tenant' = 'alder';
CREATE TEMP TABLE c2 AS SELECT c FROM claimed WHERE c ->> 'tenant' = 'birch';
SELECT results_eq('SELECT jsonb_object_keys(c) FROM c1 ORDER BY 1', $$SELECT unnest(ARRAY['attempt', 'bucket', 'content_sha256', 'delivery_kind', 'entity', 'fence', 'file_tag',
  'first_source_row', 'job_file_id', 'job_id', 'job_key', 'object_path', 'original_sha256',
  'part_count', 'part_number', 'relative_path', 'size_bytes', 'skip_known_rows', 'spec', 'spec_version', 'split_of', 'step', 'target_path',
  'tenant', 'tenant_id']) AS k ORDER BY 1$$, 'a claim says all that the step needs');
SELECT is(c - '{tenant_id,fence,job_id,bucket,object_path,spec}'::text[], jsonb_build_object('tenant', 'alder', 'step', 'verify', 'job_key', 'k1', 'job_file_id', one,
  'target_path', NULL, 'content_sha256', test.sha('one'), 'original_sha256', test.sha('one'), 'split_of', NULL, 'delivery_kind', 'nightly', 'skip_known_rows', false, 'size_bytes', 3, 'file_tag', 'component', 'entity', 'component', 'relative_path', 'x/one.csv',
  'part_number', 1, 'part_count', 1, 'first_source_row', 1, 'spec_version', 1, 'attempt', 1), 'the oldest file first') FROM c1, f;

-- fence
SELECT is(test.finish_refusal(c || '{"fence": 99}'), 'WB-5002 409', 'a wrong fence is refused') FROM c1;
SELECT is(test.finish_refusal(c || jsonb_build_object('job_file_id', two)), 'WB-5002 409', 'so is another file') FROM c1, f;
SELECT is(test.finish_refusal(c1.c || jsonb_build_object('tenant_id', c2.c -> 'tenant_id')), 'WB-5002 409', 'so is another agency''s lease') FROM c1, c2;
SELECT is(test.finish_refusal(c || jsonb_build_object('tenant_id', gen_random_uuid())), 'WB-5002 409', 'so is an agency that is none') FROM c1;
SELECT is(test.call('ingest.finish_stage(%L, %L, %L, 0, ''x'')', c), 'WB-2105 500', 'a lease to verify does not stage') FROM c1;
SELECT is(test.call('ingest.finish_move(%L, %L, %L, ''x'')', c), 'WB-2105 500', 'nor move') FROM c1;
SELECT is(test.state(one), 'received', 'and nothing has changed') FROM f;
SELECT ok(ingest.heartbeat((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, 120), 'a heartbeat prolongs the lease') FROM c1;
SELECT cmp_ok((SELECT expires_at FROM ingest.lease WHERE tenant_id = test.id('alder')), '>', clock_timestamp() + interval '100 seconds', 'as long as asked');
SELECT ok(NOT ingest.heartbeat((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint + 1, 120), 'with another fence it does not') FROM c1;

-- takeover
SELECT test.lapse_lease('alder');
CREATE TEMP TABLE c3 AS SELECT ingest.claim_next('w3', 60) AS c;
SELECT is(c3.c -> 'job_file_id', c1.c -> 'job_file_id', 'a lapsed lease is taken over') FROM c1, c3;
SELECT is((c3.c ->> 'fence')::bigint, (c1.c ->> 'fence')::bigint + 1, 'with a higher fence') FROM c1, c3;
SELECT is(c3.c -> 'attempt', '2', 'as the second attempt') FROM c3;
SELECT is(test.finish_refusal(c), 'WB-5002 409', 'the late worker''s result is refused') FROM c1;
SELECT ok(NOT ingest.heartbeat((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, 60), 'and its heartbeat tells it') FROM c1;
SELECT is((SELECT details - 'worker' FROM ingest.job_event WHERE event = 'lease_expired' AND details ->> 'worker' IN ('w1', 'w2')),
  '{"step": "verify", "attempt": 1}', 'the log says whose lease ran out');
SELECT is(test.finish(c), 'verified', 'the new holder''s result counts') FROM c3;
SELECT is(test.finish_refusal(c), 'WB-5002 409', 'once') FROM c3;
SELECT ok(NOT ingest.heartbeat((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, 60), 'a lease given back does not come back') FROM c3;
SELECT is((SELECT actor FROM ingest.job_event AS e, f WHERE e.job_file_id = f.one AND event = 'hash_matched'), 'worker:w3', 'and the log says who did it');
SELECT test.lapse_lease('birch');
SELECT is(test.finish(c), 'verified', 'a lapsed lease that nobody took over still counts: the fence is the latest') FROM c2;

-- order: each file is verified, staged and renamed before the next; what is over is archived
SELECT is((SELECT c ->> 'step' FROM ingest.claim_next('w1', 60) AS c WHERE c ->> 'tenant' IN ('alder', 'birch')) IN ('verify', 'stage'), true, 'work goes on');
SELECT test.lapse_lease('alder'), test.lapse_lease('birch');
SELECT ingest.set_tenant_state('birch', 'halted', 'looking into it', 'x');
SELECT results_eq($$SELECT test.step(4) FROM generate_series(1, 6)$$,
  $$VALUES ('stage'), ('rename'), ('verify'), ('stage'), ('rename'), (NULL)$$, 'one file after the other is staged and renamed; birch waits');
SELECT test.as_agent('alder token');
SELECT is(test.close('k1'), 'closed', 'when the job is closed');
SELECT results_eq('SELECT test.step() FROM generate_series(1, 3)', $$VALUES ('archive'), ('archive'), (NULL)$$, 'its files are archived');
SELECT is(test.state(id), 'verified', 'a halted agency''s file stays') FROM b;
SELECT ingest.set_tenant_state('birch', 'active', NULL, 'x');
SELECT is(test.step(), 'stage', 'until it is active again');
SELECT results_eq('SELECT test.step() FROM generate_series(1, 2)', $$VALUES ('rename'), (NULL)$$, 'and goes on');
SELECT results_eq($$SELECT relative_path, state, rows_staged, staged_by FROM ingest.job_file, f WHERE job_file_id IN (one, two) ORDER BY 1$$,
  $$VALUES ('two.csv', 'archived', 4::bigint, 'worker:tester'), ('x/one.csv', 'archived', 4::bigint, 'worker:tester')$$, 'alder''s files have gone all the way');
SELECT matches((SELECT object_path FROM ingest.job_file, f WHERE job_file_id = two),
  '^archive/alder/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9a-f-]{36}/processed_[^/]*_raw_component\.csv$', 'into the archive');
SELECT results_eq($$SELECT kind, content, content_sha256 FROM ingest.artifact, f WHERE job_file_id = f.one$$,
  $$VALUES ('validation_report', '{"findings": []}'::jsonb, test.sha('{"findings": []}'))$$, 'with a validation report');
SELECT test.as_agent('alder token');
SELECT is(public.ingest_open_job('older', '{"date": "2026-11-19", "name": "nightly"}', jsonb_build_array(test.offer('old.csv', 'old'))) ->> 'state', 'open', 'an older delivery');
SELECT test.deliver('newer', 'new.csv', 'new');
SELECT test.store(job_file_id, size_bytes) FROM ingest.job_file WHERE relative_path = 'old.csv';
SELECT is(ingest.note_arrivals(), 1, 'that arrives later');
SELECT is(ingest.claim_next('w', 60) ->> 'relative_path', 'old.csv', 'is taken first, because its date is earlier');
SELECT test.lapse_lease('alder');

-- hashes that differ
CREATE TEMP TABLE m AS SELECT ingest.claim_next('w', 60) AS c;
SELECT ingest.put_setting('max_uploads', '2', 'x');
SELECT is(test.finish(c, test.sha('altered')), 'awaiting_upload', 'bytes that differ are awaited again') FROM m;
SELECT isnt((SELECT object_path FROM ingest.job_file WHERE relative_path = 'old.csv'), c ->> 'object_path', 'at a new path') FROM m;
SELECT is((SELECT e -> 'error' ->> 'code' FROM jsonb_array_elements(public.ingest_sync(0) -> 'changes') AS e WHERE e ->> 'relative_path' = 'old.csv' ORDER BY e -> 'seq' DESC LIMIT 1),
  'WB-4003', 'and the agent hears why');
SELECT test.store(job_file_id, size_bytes), test.confirm(job_file_id) FROM ingest.job_file WHERE relative_path = 'old.csv';
SELECT is(test.finish(c, test.sha('altered again')), 'refused', 'after max_uploads the file is refused') FROM (SELECT ingest.claim_next('w', 60) AS c) AS q;
SELECT is((SELECT error_code FROM ingest.job_file WHERE relative_path = 'old.csv'), 'WB-4003', 'for its content');
SELECT is(test.finish(c || '{"size_bytes": 4}'), 'awaiting_upload', 'a size that differs counts like a hash that differs') FROM
  (SELECT ingest.claim_next('w', 60) AS c) AS q;

-- failures
SELECT test.deliver('fails', 'fails.csv', 'fails');
CREATE FUNCTION test.fail(p_transient boolean) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
  c jsonb;
  v interval;
BEGIN
  c := ingest.claim_next('w', 60);
  v := date_trunc('second', ingest.fail_step((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid,
    '{"code": "WB-4004", "message": "storage did not answer"}', p_transient) - clock_timestamp() + interval '900 milliseconds');  -- the machine may be busy
  IF ingest.claim_next('w', 60) IS NOT NULL THEN
    RAISE EXCEPTION 'the failed step is due at once';
  END IF;
  UPDATE ingest.job_file SET next_attempt_at = clock_timestamp() WHERE job_file_id = (c ->> 'job_file_id')::uuid;
  RETURN v;
END
$$;
UPDATE ingest.job_file SET next_attempt_at = 'infinity' WHERE state IN ('verified', 'staged', 'processed');
SELECT results_eq('SELECT test.fail(true) FROM generate_series(1, 9)', $$SELECT unnest(ARRAY['5 s', '10 s', '20 s', '40 s', '80 s', '160 s', '320 s', '640 s', '900 s']::interval[])$$,
  'a failed step is tried again after growing pauses, at most every 15 minutes');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'step_exhausted' AND code = 'WB-4004'), 1::bigint, 'after max_attempts a person is told, once');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'and the agency is not halted');
SELECT is((SELECT details ->> 'is_exhausted' FROM ingest.job_event WHERE event = 'step_failed' ORDER BY seq DESC LIMIT 1), 'true', 'which the log says');
SELECT is((SELECT error_code || state FROM ingest.job_file WHERE relative_path = 'fails.csv'), 'WB-4004received', 'the file keeps its state and shows the problem');
SELECT is(test.step(), 'verify', 'when it works at last');
SELECT is((SELECT attempt_count::text || coalesce(error_code, '-') FROM ingest.job_file WHERE relative_path = 'fails.csv'), '0-', 'count and problem are gone');
SELECT is(test.fail(false), '0 s', 'a permanent failure is not tried again by itself');
SELECT matches((SELECT state || ': ' || state_reason FROM ingest.tenant WHERE slug = 'alder'), '^halted: WB-4004: .*fails\.csv', 'but halts the agency, naming file and code');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'tenant_halted'), 1::bigint, 'and tells a person');
SELECT is(ingest.resume_tenant('alder', 'storage mended', 'kim'), 'active', 'who lets it go on');
SELECT is(test.call('ingest.fail_step(%L, %L, %L, ''{"message": "no code"}'', true)', c), 'WB-2101 400', 'a failure has a code') FROM (SELECT ingest.claim_next('w', 60) AS c) AS q;

-- a file that kills its workers must not hold up the agency for ever
SELECT test.deliver('next', 'next.csv', 'next');
UPDATE ingest.job_file SET next_attempt_at = clock_timestamp() WHERE relative_path = 'fails.csv';
CREATE FUNCTION test.crash() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text := ingest.claim_next('w', 60) ->> 'relative_path';
BEGIN
  PERFORM test.lapse_lease('alder');
  RETURN v;
END
$$;
SELECT is((SELECT array_agg(DISTINCT p) FROM (SELECT test.crash() AS p FROM generate_series(1, 12)) AS q WHERE p IS NOT NULL), ARRAY['fails.csv', 'next.csv'],
  'after max_attempts lost leases another file has its turn');

SELECT * FROM finish();
ROLLBACK;
