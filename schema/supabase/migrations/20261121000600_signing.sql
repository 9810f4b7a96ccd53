-- 0006 Object paths and signed upload tokens; the bucket.
-- Why:    an agent may write to one path for a short time and has no other right on Storage.
-- Needs:  0004; extensions.pgcrypto; vault.decrypted_secrets; storage.buckets.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

INSERT INTO storage.buckets (id, name, public) VALUES ('waybill-exports', 'waybill-exports', false)
ON CONFLICT (id) DO NOTHING;

CREATE FUNCTION ingest.base64url(p_bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$
  SELECT translate(encode(p_bytes, 'base64'), E'+/=\n', '-_')
$$;
COMMENT ON FUNCTION ingest.base64url(bytea) IS 'base64url as JWTs use it: no padding, no newlines.';

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
CREATE FUNCTION ingest.upload_target(p_bucket text, p_path text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_expires timestamptz := date_trunc('second', v_now) + make_interval(secs => ingest.setting_bigint('upload_token_ttl_s'));
BEGIN
  RETURN jsonb_build_object(
    'method', 'PUT', 'bucket', p_bucket, 'path', p_path,
    'url', '/storage/v1/object/upload/sign/' || p_bucket || '/' || p_path || '?token=' ||
           ingest.mint_upload_token(p_bucket, p_path, v_now, v_expires),
    'expires_at', ingest.iso(v_expires));
END
$$;
COMMENT ON FUNCTION ingest.upload_target(text, text) IS 'Where and how to send a file: method, bucket, path, signed URL, expiry.';

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
