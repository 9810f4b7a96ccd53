-- Goal:   two callers at the same moment never open a job twice, use a code twice or hold one lease,
--         and events are numbered in the order of their commits.
-- Method: two more sessions through dblink; the first stays in its transaction while the second calls.
--         What they commit cannot be rolled back: an agency of its own, closed at the end.
BEGIN;
SELECT no_plan();
SET LOCAL search_path = public, extensions;

CREATE SCHEMA test;
CREATE FUNCTION test.slug() RETURNS text LANGUAGE sql AS $$ SELECT 'race-' || pg_backend_pid() || '-' || floor(extract(epoch FROM now())) $$;
CREATE FUNCTION test.dsn() RETURNS text LANGUAGE sql AS $$
  SELECT format('dbname=%s user=%s host=%s port=%s', current_database(), session_user,
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))
$$;
SELECT dblink_connect(s, test.dsn()) FROM unnest(ARRAY['one', 'two']) AS s;
CREATE FUNCTION test.ask(p_session text, p_sql text) RETURNS text LANGUAGE sql AS $$ SELECT r FROM dblink(p_session, p_sql) AS d (r text) $$;
CREATE FUNCTION test.answer(p_session text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v text;
BEGIN
  SELECT r INTO v FROM dblink_get_result(p_session, false) AS d (r text);
  PERFORM FROM dblink_get_result(p_session, false) AS d (r text);  -- the end of the result
  RETURN v;
END
$$;
-- Waits (bounded) until the session is stopped by a lock.
CREATE FUNCTION test.is_waiting(p_pid integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. 500 LOOP
    PERFORM pg_stat_clear_snapshot();
    IF EXISTS (SELECT FROM pg_stat_activity WHERE pid = p_pid AND wait_event_type = 'Lock') THEN
      RETURN true;
    END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RETURN false;
END
$$;

SELECT test.ask('one', format('SELECT ingest.create_tenant(%L, %L, %L)', test.slug(), 'Race', 'UTC')) IS NOT NULL AS created;
SELECT test.ask('one', format('SELECT ingest.put_file_spec(%L, %L, %L)', test.slug(), '{"file_tag": "component", "entity": "component", "columns": []}', 'x')) AS version;
SELECT test.ask('one', $$SELECT count(vault.create_secret('pgtap-secret-of-more-than-32-characters', 'waybill_storage_signing_secret')) WHERE NOT EXISTS (
  SELECT FROM vault.decrypted_secrets WHERE name = 'waybill_storage_signing_secret')$$) IS NULL AS secret_was_there;
CREATE TEMP TABLE two AS SELECT test.ask('two', 'SELECT pg_backend_pid()')::int AS pid;
CREATE FUNCTION test.enrol_sql(p_code text, p_secret text) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT public.ingest_enroll(%L, %L, %L) ->> %L', p_code, 'racer', encode(sha256((test.slug() || p_secret)::bytea), 'hex'), 'agent_id')
$$;

-- one code, two machines
CREATE TEMP TABLE made AS SELECT test.ask('one', format('SELECT ingest.create_enrolment_code(%L, 600, %L)', test.slug(), 'x')) AS code;
SELECT dblink_exec('one', 'BEGIN');
SELECT isnt(test.ask('one', test.enrol_sql(code, 'first')), NULL, 'one machine uses the code') FROM made;
SELECT is(dblink_send_query('two', test.enrol_sql(code, 'second')), 1, 'another tries at the same time') FROM made;
SELECT ok(test.is_waiting(pid), 'and waits for the first') FROM two;
SELECT dblink_exec('one', 'COMMIT');
SELECT is(test.answer('two'), NULL, 'it gets no agent');
SELECT is((SELECT count(*) FROM ingest.agent AS a JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = test.slug()), 1::bigint, 'one agent was made');

-- one job key, two calls
SELECT dblink_exec(s, format('SET request.headers = %L', json_build_object('x-agent-token', test.slug() || 'first'))) FROM unnest(ARRAY['one', 'two']) AS s;
CREATE TEMP TABLE call AS SELECT format($$SELECT (public.ingest_open_job('k', '{"date": "2026-11-20", "name": "n"}', %L) #- '{files,0,upload}')::text$$,
  jsonb_build_array(jsonb_build_object('relative_path', 'a.csv', 'file_tag', 'component', 'size_bytes', 4,
    'content_sha256', encode(sha256('race'), 'hex')))) AS sql;
SELECT dblink_exec('one', 'BEGIN');
CREATE TEMP TABLE first AS SELECT test.ask('one', sql) AS answer FROM call;
SELECT is(dblink_send_query('two', sql), 1, 'the same job is opened in two sessions') FROM call;
SELECT ok(test.is_waiting(pid), 'the second waits for the first') FROM two;
SELECT dblink_exec('one', 'COMMIT');
SELECT is(test.answer('two'), answer, 'and gets the same answer') FROM first;
SELECT is((SELECT count(*) FROM ingest.job AS j JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = test.slug()), 1::bigint, 'one job was opened');
SELECT is((SELECT count(*) FROM ingest.job_file AS f JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = test.slug()), 1::bigint, 'with one file');

-- a file is withdrawn while it is confirmed, and confirmed while it is withdrawn: whoever is first counts
CREATE FUNCTION test.one_file(p_name text) RETURNS uuid LANGUAGE sql AS $$
  SELECT (test.ask('one', format($sql$SELECT public.ingest_open_job('k', '{"date": "2026-11-20", "name": "n"}', %L) #>> '{files,0,job_file_id}'$sql$,
    jsonb_build_array(jsonb_build_object('relative_path', p_name, 'file_tag', 'component', 'size_bytes', 4, 'content_sha256', encode(sha256(p_name::bytea), 'hex'))))))::uuid
$$;
CREATE TEMP TABLE race AS SELECT n, test.one_file(n) AS id FROM unnest(ARRAY['w1.csv', 'w2.csv']) AS n;
SELECT dblink_exec('one', format($$INSERT INTO storage.objects (bucket_id, name, metadata) SELECT f.bucket, f.object_path, '{"eTag": "x", "size": 4}'
  FROM ingest.job_file AS f WHERE f.job_file_id = %L$$, id)) FROM race;
CREATE FUNCTION test.call(p_name text, p_rpc text, p_key text, p_value text) RETURNS text LANGUAGE sql AS $$
  SELECT format($sql$SELECT public.%I(%L) #>> '{files,0,state}'$sql$, p_rpc,
    jsonb_build_array(jsonb_build_object('job_file_id', id) || jsonb_build_object(p_key, p_value::jsonb))) FROM race WHERE n = p_name
$$;
SELECT dblink_exec('one', 'BEGIN');
SELECT is(test.ask('one', test.call('w1.csv', 'ingest_confirm_uploads', 'size_bytes', '4')), 'received', 'a file is confirmed');
SELECT is(dblink_send_query('two', test.call('w1.csv', 'ingest_withdraw_files', 'reason', '"changed"')), 1, 'and withdrawn at the same time');
SELECT ok(test.is_waiting(pid), 'which waits') FROM two;
SELECT dblink_exec('one', 'COMMIT');
SELECT is(test.answer('two'), 'received', 'what has arrived stays');
SELECT dblink_exec('one', 'BEGIN');
SELECT is(test.ask('one', test.call('w2.csv', 'ingest_withdraw_files', 'reason', '"changed"')), 'refused', 'another is withdrawn');
SELECT is(dblink_send_query('two', test.call('w2.csv', 'ingest_confirm_uploads', 'size_bytes', '4')), 1, 'and confirmed at the same time');
SELECT ok(test.is_waiting(pid), 'which waits') FROM two;
SELECT dblink_exec('one', 'COMMIT');
SELECT is(test.answer('two'), 'refused', 'and hears that it is awaited no more');

-- one agent revoked while its call waits
SELECT dblink_exec('one', 'BEGIN');
SELECT test.ask('one', format('SELECT ingest.revoke_agent(a.agent_id, %L, %L) IS NULL FROM ingest.agent AS a WHERE a.token_sha256 = %L', 'x', 'y',
  encode(sha256((test.slug() || 'first')::bytea), 'hex'))) IS NOT NULL AS revoked;
SELECT is(dblink_send_query('two', 'SELECT public.ingest_sync()::text'), 1, 'an agent calls while it is being revoked');
SELECT ok(test.is_waiting(pid), 'the call waits') FROM two;
SELECT dblink_exec('one', 'ROLLBACK');
SELECT isnt(test.answer('two'), NULL, 'and is answered when the revocation is undone');

-- two claims at once, and order of events
SELECT dblink_exec('one', format($$INSERT INTO storage.objects (bucket_id, name, metadata) SELECT f.bucket, f.object_path, '{"eTag": "x", "size": 4}'
  FROM ingest.job_file AS f JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = %L AND f.state = 'awaiting_upload'$$, test.slug()));
SELECT cmp_ok(test.ask('one', 'SELECT ingest.note_arrivals()')::int, '>=', 1, 'the file arrives');
SELECT dblink_exec('one', 'BEGIN');
SELECT is(test.ask('one', $$SELECT ingest.claim_next('one', 60) ->> 'tenant'$$), test.slug(), 'one worker claims the agency''s step');
SELECT is(test.ask('two', $$SELECT ingest.claim_next('two', 60) ->> 'tenant'$$), NULL, 'another, at the same time, gets nothing and does not wait');
SELECT is(dblink_send_query('two', 'SELECT public.ingest_sync()::text'), 1, 'a call of the agent');
SELECT ok(test.is_waiting(pid), 'waits for the claim, so that no event is numbered before one that commits earlier') FROM two;
SELECT dblink_exec('one', 'COMMIT');
SELECT isnt(test.answer('two'), NULL, 'and is answered');
SELECT is(test.ask('two', $$SELECT ingest.claim_next('two', 60) ->> 'tenant'$$), NULL, 'the step is still the first worker''s');
SELECT is((SELECT array_agg(e.seq ORDER BY e.at) FROM ingest.job_event AS e JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = test.slug()),
  (SELECT array_agg(e.seq ORDER BY e.seq) FROM ingest.job_event AS e JOIN ingest.tenant AS t USING (tenant_id) WHERE t.slug = test.slug()),
  'events are numbered in the order of time');

SELECT test.ask('one', format('SELECT ingest.set_tenant_state(%L, %L, %L, %L)', test.slug(), 'closed', 'test over', 'x')) AS state;
SELECT dblink_disconnect(s) FROM unnest(ARRAY['one', 'two']) AS s;
SELECT * FROM finish();
ROLLBACK;
