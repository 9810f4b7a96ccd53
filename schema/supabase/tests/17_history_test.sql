-- Goal:   history is loaded in its order, ahead of nightly files or behind them as told; loaded again, only what is new counts.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();
SELECT test.plan('alder');

-- ahead: nightly files wait until history is done
SELECT test.bring('2026-11-20', 'c.csv', 'component'), test.bring('2026-11-20', 'r.csv', 'recipe'), test.bring('2026-11-20', 'l.csv', 'recipe_line');
SELECT test.bring(d::date, 'history of ' || d || '.csv', 'component', '{}', '{"kind": "history", "precedence": "ahead"}') FROM unnest(ARRAY['2025-01-02', '2025-01-01']) AS d;
SELECT is(test.work(), ARRAY['verify history of 2025-01-01.csv', 'stage history of 2025-01-01.csv', 'verify history of 2025-01-02.csv', 'stage history of 2025-01-02.csv',
  'verify c.csv', 'verify r.csv', 'verify l.csv', 'archive history of 2025-01-01.csv'], 'history goes ahead, oldest first; nightly files are verified and wait');
SELECT is(test.waits_for(), 'history: job-2025-01-02history, job-2025-01-01history', 'for the history jobs, by name');
SELECT test.pass('10 days');
SELECT is(test.work(), '{}', 'as long as it takes');
SELECT is(test.refusal($$SELECT ingest.close_job('alder', 'none', 'agent gone', 'kim')$$), 'WB-2102 404', 'no job of this key');
SELECT is(ingest.close_job('alder', 'job-2025-01-01history', 'agent gone', 'kim'), 'complete', 'an operator closes a job whose agent is gone');
SELECT is((SELECT actor FROM ingest.job_event WHERE event = 'job_closed'), 'operator:kim', 'by name');
SELECT test.close('job-2025-01-02history');
SELECT is((test.work())[1:4], ARRAY['archive history of 2025-01-02.csv', 'stage c.csv', 'stage r.csv', 'stage l.csv'], 'and go on when it is done');

-- behind: history runs when no nightly file is due; it is older than what is processed, so it must be allowed
SELECT test.bring('2024-01-01', 'old.csv', 'component', '{}', '{"kind": "history"}');
SELECT test.work();
SELECT is((SELECT error_code FROM ingest.job_file WHERE relative_path = 'old.csv'), 'WB-2113', 'history older than the newest of its tag is refused');
SELECT test.bring('2024-01-02', 'old2.csv', 'component', '{}', '{"kind": "history", "allow_older": true}');
SELECT test.bring('2026-12-01', 'c2.csv', 'component'), test.bring('2026-12-01', 'r2.csv', 'recipe'), test.bring('2026-12-01', 'l2.csv', 'recipe_line');
SELECT is((SELECT array_agg(w ORDER BY n) FROM unnest(test.work()) WITH ORDINALITY AS x (w, n) WHERE w NOT LIKE 'archive%'), ARRAY['verify c2.csv', 'stage c2.csv', 'verify r2.csv', 'stage r2.csv',
  'verify l2.csv', 'stage l2.csv', 'verify old2.csv', 'stage old2.csv'], 'allowed, it runs behind the nightly files');
SELECT is(test.refusal($$SELECT public.ingest_open_job('k', '{"date": "2024-01-01", "name": "n", "kind": "weekly"}')$$), 'WB-2101 400', 'a delivery is nightly or history');
SELECT is(test.refusal($$SELECT public.ingest_open_job('k', '{"date": "2024-01-01", "name": "n", "kind": "history", "precedence": "between"}')$$), 'WB-2101 400', 'ahead or behind');
SELECT is(test.refusal($$SELECT public.ingest_open_job('k', '{"date": "2024-01-01", "name": "n", "allow_older": 1}')$$), 'WB-2101 400', 'allow_older is a boolean');
SELECT is(test.refusal($$SELECT public.ingest_open_job('job-2024-01-02history', '{"date": "2024-01-02", "name": "nightly"}')$$), 'WB-2101 400', 'a job does not change its kind');

-- the dump again, later
CREATE TEMP TABLE first AS SELECT test.bring('2026-12-02', 'party dump.csv', 'party', '{}', '{"kind": "history"}') AS id;
SELECT is((SELECT c -> 'skip_known_rows' FROM ingest.claim_next('w', 60) AS c), 'false', 'a first load skips nothing');
SELECT test.pass('61 seconds');
SELECT test.work();
SELECT test.bring('2026-12-09', 'party dump again.csv', 'party', '{}', '{"kind": "history"}');
SELECT is(test.next(), 'verify party dump again.csv', 'the dump again');
CREATE TEMP TABLE c AS SELECT ingest.claim_next('w', 60) AS c;
SELECT is((SELECT c - '{tenant,tenant_id,fence}'::text[] @> '{"step": "stage", "skip_known_rows": true, "delivery_kind": "history"}' FROM c), true, 'its claim says to skip what is known');
INSERT INTO staging.party SELECT (c ->> 'tenant_id')::uuid, (c ->> 'job_id')::uuid, (c ->> 'job_file_id')::uuid, 3, 'key3', '{}' FROM c;
SELECT is(ingest.finish_stage((c ->> 'tenant_id')::uuid, (c ->> 'fence')::bigint, (c ->> 'job_file_id')::uuid, 1, c ->> 'content_sha256', '{"rows_skipped": 2}'), 'staged', 'one row is new') FROM c;
SELECT is((SELECT rows_staged || ' new, ' || rows_skipped || ' known' FROM ingest.job_file WHERE relative_path = 'party dump again.csv'), '1 new, 2 known', 'and what was skipped is said');
SELECT is((SELECT details FROM ingest.job_event WHERE event = 'staged' ORDER BY seq DESC LIMIT 1), '{"rows_staged": 1, "rows_skipped": 2}', 'in the log too');

SELECT * FROM finish();
ROLLBACK;
