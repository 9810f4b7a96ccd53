-- Goal:   an upload token is what Storage checks: HS256 over header.payload, bound to one path, with an end.
-- Method: take it apart, decode base64url here, compute the HMAC again with the secret from Vault.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.unbase64url(p_text text) RETURNS bytea LANGUAGE sql AS $$
  SELECT decode(rpad(translate(p_text, '-_', '+/'), (length(p_text) + 3) / 4 * 4, '='), 'base64')
$$;
CREATE TEMP TABLE target AS SELECT test.open('k1', test.offer('in/Zutaten Ä.CSV', 'abc')) #> '{files,0,upload}' AS t, NULL::text AS token;
UPDATE target SET token = substring(t ->> 'url' FROM '\?token=(.*)$');
CREATE TEMP TABLE part AS SELECT split_part(token, '.', 1) AS header, split_part(token, '.', 2) AS payload, split_part(token, '.', 3) AS signature FROM target;
CREATE TEMP TABLE claims AS SELECT convert_from(test.unbase64url(payload), 'UTF8')::jsonb AS c FROM part;

SELECT is(array_length(string_to_array(token, '.'), 1), 3, 'a token has three parts') FROM target;
SELECT matches(token, '^[A-Za-z0-9_.-]+$', 'in base64url, without padding or newlines') FROM target;
SELECT is(convert_from(test.unbase64url(header), 'UTF8')::jsonb, '{"alg": "HS256", "typ": "JWT"}', 'its header says HS256') FROM part;
SELECT is(test.unbase64url(signature),
  extensions.hmac(convert_to(header || '.' || payload, 'UTF8'),
    (SELECT convert_to(decrypted_secret, 'UTF8') FROM vault.decrypted_secrets WHERE name = 'waybill_storage_signing_secret'), 'sha256'),
  'its signature is the HMAC-SHA-256 under the secret in Vault') FROM part;
SELECT isnt(test.unbase64url(signature), extensions.hmac(convert_to(header || '.' || payload, 'UTF8'), 'another secret', 'sha256'),
  'and not that of another secret') FROM part;
SELECT is(c ->> 'url', t ->> 'bucket' || '/' || (t ->> 'path'), 'it is bound to bucket and path') FROM claims, target;
SELECT is(c ->> 'scope', 'upload', 'its scope is upload') FROM claims;
SELECT is(c -> 'upsert', 'false', 'it overwrites nothing') FROM claims;
SELECT is((c ->> 'exp')::bigint - (c ->> 'iat')::bigint, 7200::bigint, 'it lives as long as the setting says') FROM claims;
SELECT ok(abs((c ->> 'iat')::bigint - extract(epoch FROM clock_timestamp())) < 60, 'from now on') FROM claims;
SELECT is((SELECT count(*) FROM jsonb_object_keys(c)), 5::bigint, 'and it says nothing else (no nbf)') FROM claims;
SELECT is((t ->> 'expires_at')::timestamptz, to_timestamp((c ->> 'exp')::bigint), 'the answer tells its end') FROM claims, target;
SELECT is(t ->> 'method', 'PUT', 'it is for PUT') FROM target;
SELECT is(split_part(t ->> 'url', '?', 1), '/storage/v1/object/upload/sign/' || (t ->> 'bucket') || '/' || (t ->> 'path'), 'the URL is below the project''s') FROM target;
SELECT matches(t ->> 'path', '^alder/[0-9a-f-]{36}/[0-9a-f-]{36}/unprocessed_[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}_[0-9]{2}_[0-9]{2}_[0-9]{6}_raw_component\.csv$',
  'the path is central''s, ASCII only, whatever the partner''s name') FROM target;

-- extensions and parts
CREATE FUNCTION test.path_of(p_offer jsonb) RETURNS text LANGUAGE sql AS $$ SELECT test.open('k2', p_offer) #>> '{files,0,upload,path}' $$;
SELECT matches(test.path_of(test.offer('x.TSV', 'e1')), '_raw_component\.tsv$', 'an extension is kept in lower case');
SELECT matches(test.path_of(test.offer('x', 'e2')), '_raw_component\.csv$', 'none becomes csv');
SELECT matches(test.path_of(test.offer('x.müll', 'e3')), '_raw_component\.csv$', 'one that is not ASCII becomes csv');
SELECT matches(test.path_of(test.offer('a.b/.csvrc', 'e4')), '_raw_component\.csv$', 'a dot file has no extension');
SELECT matches(test.path_of(test.offer('x.longextension', 'e5')), '_raw_component\.csv$', 'a long one becomes csv');
SELECT matches(test.path_of(test.offer('x.csv', 'e6', 'component', jsonb_build_object('part_number', 3, 'part_count', 12, 'first_source_row', 5001,
  'original_sha256', test.sha('whole')))), '_raw_component-part00003\.csv$', 'a part says which');
SELECT is(ingest.processed_path('alder/j/f/unprocessed_2026_raw_unprocessed_x.csv'), 'alder/j/f/processed_2026_raw_unprocessed_x.csv',
  'only the leading word of the name changes');
SELECT is(ingest.archive_path('alder', '2026-11-21T00:30:00+02', 'alder/j/f/processed_x.csv'), 'archive/alder/2026/11/20/f/processed_x.csv',
  'the archive is by day of processing, in UTC');

-- fresh tokens, same path
SELECT ingest.put_setting('upload_token_ttl_s', '60', 'tester');
SELECT is(test.open('k1', test.offer('in/Zutaten Ä.CSV', 'abc')) #>> '{files,0,upload,path}', t ->> 'path', 'asked again: the same path') FROM target;
SELECT isnt(test.open('k1', test.offer('in/Zutaten Ä.CSV', 'abc')) #>> '{files,0,upload,url}', t ->> 'url', 'with a fresh token') FROM target;

-- no secret, no token, and nothing registered
DO $$ BEGIN PERFORM vault.update_secret(s.id, '') FROM vault.decrypted_secrets AS s WHERE s.name = 'waybill_storage_signing_secret'; END $$;
SELECT is(test.refusal($$SELECT test.open('k3', test.offer('y.csv', 'abcd'))$$), 'WB-2106 503', 'without a secret in Vault central says so');
SELECT is((SELECT count(*) FROM ingest.job WHERE job_key = 'k3'), 0::bigint, 'and registers nothing');

-- no token, and no URL, anywhere in the registry
SELECT is_empty($$SELECT * FROM ingest.job_event WHERE details::text ~ 'token|://|eyJ'$$, 'no event holds a token or URL');
SELECT is_empty($$SELECT * FROM ingest.job_file AS f WHERE to_jsonb(f)::text ~ 'token=|://|eyJ'$$, 'no file''s record holds one');
SELECT is(test.refusal(format($$SELECT ingest.append_event(%L, 'leak', 'x', p_details => '{"u": "/a?token=eyJhbGciOiJI.x.y"}')$$, test.id('alder'))),
  '23514', 'the event log does not take one');

SELECT * FROM finish();
ROLLBACK;
