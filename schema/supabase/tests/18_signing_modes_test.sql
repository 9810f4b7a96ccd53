-- Goal:   each file gets the target for its size and the signer of the day; Storage signs what is reserved and nothing else.
-- Method: offer small and large files in both modes; insert as anon what the Storage API inserts when it is asked to sign.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.target(p_path text, p_size bigint) RETURNS jsonb LANGUAGE sql AS $$
  SELECT test.open('k', test.offer(p_path, p_path, 'component', jsonb_build_object('size_bytes', p_size))) #> '{files,0,upload}'
$$;
CREATE FUNCTION test.keys(p_object jsonb) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(p_object) AS k $$;
-- What Storage does, in a transaction that it rolls back, to learn whether it may sign.
CREATE FUNCTION test.sign(p_path text, p_role text DEFAULT 'anon', p_bucket text DEFAULT 'waybill-exports') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', p_role);
  BEGIN
    v := test.refusal(format('INSERT INTO storage.objects (bucket_id, name) VALUES (%L, %L)', p_bucket, p_path));
    IF v = 'taken' THEN RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO1'; END IF;
  EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
    NULL;
  END;
  RESET ROLE;
  RETURN v;
END
$$;

-- mode database
CREATE TEMP TABLE d AS SELECT test.target('s.csv', 6291456) AS small, test.target('l.csv', 6291457) AS large;
SELECT is(test.keys(small), 'bucket expires_at method path url', 'database, small: a signed URL and nothing beside') FROM d;
SELECT is(small ->> 'method', 'PUT', 'up to the limit it is PUT') FROM d;
SELECT matches(small ->> 'url', '^/storage/v1/object/upload/sign/waybill-exports/alder/[^?]+\?token=', 'with the token in its URL') FROM d;
SELECT is(test.keys(large), 'bucket expires_at method path token url', 'database, large: the token beside the URL') FROM d;
SELECT is(large ->> 'method' || ' ' || (large ->> 'url'), 'TUS /storage/v1/upload/resumable/sign', 'one byte above it is TUS') FROM d;
SELECT is(convert_from(decode(rpad(translate(split_part(large ->> 'token', '.', 2), '-_', '+/'),
  (length(split_part(large ->> 'token', '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'url',
  large ->> 'bucket' || '/' || (large ->> 'path'), 'bound to its path') FROM d;
SELECT is(test.sign(small ->> 'path'), '42501', 'Storage signs nothing while the database does') FROM d;
SELECT ingest.put_setting('resumable_above_bytes', '100', 'x');
SELECT is(test.target('m.csv', 101) ->> 'method', 'TUS', 'the limit is a setting');
SELECT ingest.put_setting('resumable_above_bytes', '6291456', 'x');

-- mode storage
SELECT ingest.put_setting('signing_mode', '"storage"', 'x');
DO $$ BEGIN PERFORM vault.update_secret(s.id, '') FROM vault.decrypted_secrets AS s WHERE s.name = 'waybill_storage_signing_secret'; END $$;
CREATE TEMP TABLE s AS SELECT test.target('s.csv', 6291456) AS small, test.target('l.csv', 6291457) AS large;
SELECT is(test.keys(small), 'bucket expires_at method path sign_url url', 'storage, small: no token, though Vault holds no secret') FROM s;
SELECT is(small ->> 'url', '/storage/v1/object/upload/sign/waybill-exports/' || (small ->> 'path'), 'the URL waits for its token') FROM s;
SELECT is(small ->> 'sign_url', small ->> 'url', 'and is where Storage signs') FROM s;
SELECT is(test.keys(large), 'bucket expires_at method path sign_url url', 'storage, large: the same') FROM s;
SELECT is(large ->> 'sign_url', '/storage/v1/object/upload/sign/waybill-exports/' || (large ->> 'path'), 'signed by path') FROM s;
SELECT is(large ->> 'url', '/storage/v1/upload/resumable/sign', 'and sent in chunks') FROM s;
SELECT is((SELECT (small ->> 'path', large ->> 'path') FROM s), (SELECT (small ->> 'path', large ->> 'path') FROM d), 'the paths are those that were reserved before');
SELECT is(public.ingest_renew_uploads(ARRAY(SELECT f.job_file_id FROM ingest.job_file AS f, s WHERE f.object_path = s.large ->> 'path')) #>> '{files,0,upload,sign_url}',
  large ->> 'sign_url', 'renewed alike') FROM s;

SELECT is(test.sign(small ->> 'path'), 'taken', 'Storage signs a reserved path for the agent') FROM s;
SELECT is(test.sign(small ->> 'path', 'authenticated'), 'taken', 'whichever key it came with') FROM s;
SELECT is(test.sign(small ->> 'path' || 'x'), '42501', 'no path beside it') FROM s;
SELECT is(test.sign('alder/x.csv'), '42501', 'none of its own making');
INSERT INTO storage.buckets (id, name) VALUES ('other', 'other');
SELECT is(test.sign(small ->> 'path', 'anon', 'other'), '42501', 'nor in another bucket') FROM s;
SELECT test.as_agent('birch token');
SELECT is(test.sign(small ->> 'path'), '42501', 'another agent gains nothing by knowing it') FROM s;
SELECT set_config('request.headers', '{}', true);
SELECT is(test.sign(small ->> 'path'), 'taken', 'where Storage passes no token on, the path is enough') FROM s;
SELECT set_config('request.headers', '', true);
SELECT is(test.sign(small ->> 'path'), 'taken', 'also without any header') FROM s;
SELECT test.as_user(test.id('alder user'));
SELECT is(test.sign(small ->> 'path', 'authenticated'), '42501', 'a person of the agency sees the path and may not send to it') FROM s;
SELECT set_config('request.jwt.claims', '', true), test.as_agent('alder token');

CREATE TEMP TABLE f AS SELECT f.job_file_id AS id FROM ingest.job_file AS f, s WHERE f.object_path = s.small ->> 'path';
SAVEPOINT here;
UPDATE ingest.tenant SET state = 'closed' WHERE slug = 'alder';
SELECT is(test.sign(small ->> 'path'), '42501', 'not for a closed agency') FROM s;
ROLLBACK TO here;
SELECT ingest.set_tenant_state('alder', 'halted', 'x', 'x');
SELECT is(test.sign(small ->> 'path'), 'taken', 'for a halted one: it still receives') FROM s;
ROLLBACK TO here;
SELECT ingest.revoke_agent(test.id('alder agent'), 'gone', 'x');
SELECT is(test.sign(small ->> 'path'), '42501', 'not for a revoked agent') FROM s;
ROLLBACK TO here;
UPDATE ingest.agent SET ledger_refused_at = now(), ledger_refused_reason = 'x' WHERE agent_id = test.id('alder agent');
SELECT is(test.sign(small ->> 'path'), '42501', 'not for one whose ledger is refused') FROM s;
ROLLBACK TO here;
SELECT test.store(id, 6291456) FROM f;
SELECT is(test.sign(small ->> 'path'), '23505', 'an object that is there says so') FROM s;
SELECT test.confirm(id) FROM f;
SELECT is(test.state(id), 'received', 'it is confirmed') FROM f;
SELECT is(test.sign(small ->> 'path'), '42501', 'and its path is signed no more') FROM s;
SET LOCAL ROLE anon;
SELECT is((SELECT count(*) FROM storage.objects), 0::bigint, 'nobody reads objects by it');
SELECT lives_ok('UPDATE storage.objects SET metadata = NULL', 'and an update');
RESET ROLE;
SELECT isnt_empty('SELECT FROM storage.objects WHERE metadata IS NOT NULL', 'changes none');

SELECT * FROM finish();
ROLLBACK;
