-- 0007 Object paths and signed upload targets; the bucket.
-- Why:    an agent may write to one path for a short time and has no other right on Storage.
-- Needs:  0006; extensions.pgcrypto; vault.decrypted_secrets; storage.buckets and objects.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

INSERT INTO storage.buckets (id, name, public) VALUES ('waybill-exports', 'waybill-exports', false)
ON CONFLICT (id) DO NOTHING;

CREATE FUNCTION ingest.file_extension(p_relative_path text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT coalesce(substring(lower(p_relative_path) FROM '[^/]\.([a-z0-9]{1,8})$'), 'csv')
$$;
COMMENT ON FUNCTION ingest.file_extension(text) IS 'The partner''s extension if it is plain ASCII, else csv.';

CREATE FUNCTION ingest.new_object_path(
  p_slug text, p_job_id uuid, p_job_file_id uuid, p_file_tag text, p_relative_path text,
  p_part_number integer, p_part_count integer
) RETURNS text
LANGUAGE sql VOLATILE SET search_path = '' AS $$
  SELECT p_slug || '/' || p_job_id || '/' || p_job_file_id || '/unprocessed_'
      || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24_MI_SS_US') || '_raw_' || p_file_tag
      || CASE WHEN p_part_count > 1 THEN '-part' || lpad(p_part_number::text, 5, '0') ELSE '' END
      || '.' || ingest.file_extension(p_relative_path)
$$;
COMMENT ON FUNCTION ingest.new_object_path(text, uuid, uuid, text, text, integer, integer) IS
  'A path that was never issued before: it holds the file''s id and the present microsecond.';

CREATE FUNCTION ingest.processed_path(p_object_path text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT regexp_replace(p_object_path, '/unprocessed_([^/]*)$', '/processed_\1')
$$;
COMMENT ON FUNCTION ingest.processed_path(text) IS 'The path after staging: only the leading word of the file name changes.';

CREATE FUNCTION ingest.archive_path(p_slug text, p_processed_at timestamptz, p_object_path text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT 'archive/' || p_slug || '/' || to_char(p_processed_at AT TIME ZONE 'UTC', 'YYYY/MM/DD')
      || '/' || substring(p_object_path FROM '[^/]+/[^/]+$')
$$;
COMMENT ON FUNCTION ingest.archive_path(text, timestamptz, text) IS
  'The path in the archive; the same at every retry, because its date is the day of processing (UTC).';

CREATE FUNCTION ingest.target_path(p_file ingest.job_file, p_step text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE p_step
    WHEN 'rename' THEN ingest.processed_path(p_file.object_path)
    WHEN 'archive' THEN ingest.archive_path(t.slug, p_file.processed_at, ingest.processed_path(p_file.object_path)) END
    FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id
$$;
COMMENT ON FUNCTION ingest.target_path(ingest.job_file, text) IS 'Where rename or archive moves the object; null for other steps.';

-- The folder of an object is named by the file that it was sent for, or cut from.
CREATE FUNCTION ingest.file_of_path(p_path text) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT substring(p_path FROM '/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/[^/]+$')::uuid
$$;
COMMENT ON FUNCTION ingest.file_of_path(text) IS 'The job_file whose folder an object lies in; null when the path is not of our making.';

-- Two signers (docs/decisions/0010): the RPC with the secret in Vault, or the Storage API under the policy below.

CREATE FUNCTION ingest.mint_upload_token(p_bucket text, p_path text, p_issued_at timestamptz, p_expires_at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_secret text;
  v_body   text;
BEGIN
  SELECT s.decrypted_secret INTO v_secret FROM vault.decrypted_secrets AS s
   WHERE s.name = 'waybill_storage_signing_secret';
  IF v_secret IS NULL OR v_secret = '' THEN
    PERFORM ingest.refuse('WB-2106', 503, 'uploads cannot be signed now',
      'Central: store the signing secret in Vault as waybill_storage_signing_secret.');
  END IF;
  v_body := ingest.base64url(convert_to('{"alg":"HS256","typ":"JWT"}', 'UTF8')) || '.' ||
    ingest.base64url(convert_to(json_build_object(
      'url', p_bucket || '/' || p_path, 'upsert', false, 'scope', 'upload',
      'iat', floor(extract(epoch FROM p_issued_at))::bigint,
      'exp', floor(extract(epoch FROM p_expires_at))::bigint)::text, 'UTF8'));
  RETURN v_body || '.' ||
    ingest.base64url(extensions.hmac(convert_to(v_body, 'UTF8'), convert_to(v_secret, 'UTF8'), 'sha256'));
END
$$;
COMMENT ON FUNCTION ingest.mint_upload_token(text, text, timestamptz, timestamptz) IS
  'A Storage upload token for one path (JWT, HS256); refused (WB-2106) while Vault holds no signing secret.';

-- The answer that tells an agent where and how to send a file. Never stored.
CREATE FUNCTION ingest.upload_target(p_bucket text, p_path text, p_size_bytes bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_now       timestamptz := clock_timestamp();
  v_expires   timestamptz := date_trunc('second', v_now) + make_interval(secs => ingest.setting_bigint('upload_token_ttl_s'));
  v_signed    text := '/storage/v1/object/upload/sign/' || p_bucket || '/' || p_path;
  v_in_chunks boolean := p_size_bytes > ingest.setting_bigint('resumable_above_bytes');
  v_token     text;
BEGIN
  IF ingest.setting_text('signing_mode') = 'database' THEN
    v_token := ingest.mint_upload_token(p_bucket, p_path, v_now, v_expires);
  END IF;
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'method', CASE WHEN v_in_chunks THEN 'TUS' ELSE 'PUT' END, 'bucket', p_bucket, 'path', p_path,
    'url', CASE WHEN v_in_chunks THEN '/storage/v1/upload/resumable/sign' ELSE v_signed || coalesce('?token=' || v_token, '') END,
    'token', CASE WHEN v_in_chunks THEN v_token END,
    'sign_url', CASE WHEN v_token IS NULL THEN v_signed END,
    'expires_at', ingest.iso(v_expires)));
END
$$;
COMMENT ON FUNCTION ingest.upload_target(text, text, bigint) IS
  'Where and how to send a file: PUT, or TUS above resumable_above_bytes; with a token, or with the address where Storage signs.';

-- Asked by the policy below with the rights of whoever uploads. The path alone is the proof, for it
-- holds a random id that only the agent was told; the token counts too where Storage passes it on.
CREATE FUNCTION ingest.is_upload_reserved(p_bucket text, p_path text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT FROM ingest.job_file AS f
      JOIN ingest.agent AS a ON a.agent_id = f.agent_id
      JOIN ingest.tenant AS t ON t.tenant_id = f.tenant_id
     WHERE f.bucket = p_bucket AND f.object_path = p_path AND f.state = 'awaiting_upload'
       AND a.revoked_at IS NULL AND a.ledger_refused_at IS NULL AND t.state <> 'closed'
       AND ingest.setting_text('signing_mode') = 'storage'
       AND auth.uid() IS NULL  -- people who are signed in see paths; sending is for agents
       AND coalesce(ingest.sha256_hex(
             nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-agent-token') = a.token_sha256, true))
$$;
COMMENT ON FUNCTION ingest.is_upload_reserved(text, text) IS
  'Is an object awaited at this path now, by an agent that may send, in signing mode storage?';

CREATE POLICY agents_send_what_is_reserved ON storage.objects FOR INSERT TO anon, authenticated
  WITH CHECK (ingest.is_upload_reserved(bucket_id, name));

-- What is to be removed counts as not there: nobody may come to want it while the worker removes it.
CREATE FUNCTION ingest.stored_size(p_bucket text, p_path text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE WHEN o.metadata ->> 'size' ~ '^[0-9]{1,18}$' THEN (o.metadata ->> 'size')::bigint ELSE -1 END
    FROM storage.objects AS o
   WHERE o.bucket_id = p_bucket AND o.name = p_path AND o.metadata ? 'eTag'
     AND NOT EXISTS (SELECT FROM ingest.orphan AS r WHERE r.bucket = p_bucket AND r.object_path = p_path)
$$;
COMMENT ON FUNCTION ingest.stored_size(text, text) IS
  'Size of a completely stored object; null when it is not there (a row without eTag is a permission probe), or once it was found to be an orphan.';

-- What is stored is not what was announced: a new path, or the end after max_uploads of them.
CREATE FUNCTION ingest.replace_target(p_file ingest.job_file, p_event text, p_actor text, p_error jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_file.upload_count >= ingest.setting_bigint('max_uploads') THEN
    RETURN ingest.move_file(p_file.job_file_id, 'refused', p_actor, p_error => p_error);
  END IF;
  RETURN ingest.move_file(p_file.job_file_id, p_event, p_actor, jsonb_build_object(
    'object_path', ingest.new_object_path(
      (SELECT t.slug FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id),
      p_file.job_id, p_file.job_file_id, p_file.file_tag, p_file.relative_path, p_file.part_number, p_file.part_count),
    'dropped_path', p_file.object_path), p_error);
END
$$;
COMMENT ON FUNCTION ingest.replace_target(ingest.job_file, text, text, jsonb) IS
  'Awaits the file at a new path, or refuses it when setting max_uploads is used up.';
