-- 0027 Upload targets for both methods and both signers; the policy that lets Storage sign.
-- Why:    large files are sent in chunks; on hosted projects a secret that SQL signs with may be unwanted.
-- Needs:  0026; the right to create a policy on storage.objects (hosted projects give it to `postgres`).
--         Locks: storage.objects for an instant.
-- Rule:   released migrations are never edited; add the next number.

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

CREATE OR REPLACE FUNCTION ingest.offer_answer(p_index integer, p_file ingest.job_file) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_first jsonb;
  v_state text := ingest.told_state(p_file.state);
BEGIN
  IF p_file.state = 'duplicate' THEN
    SELECT jsonb_build_object('job_file_id', f.job_file_id, 'job_key', j.job_key,
                              'relative_path', f.relative_path, 'state', ingest.told_state(f.state)) INTO v_first
      FROM ingest.job_file AS f JOIN ingest.job AS j ON j.job_id = f.job_id
     WHERE f.job_file_id = p_file.duplicate_of;
  END IF;
  RETURN jsonb_build_object(
    'index', p_index, 'job_file_id', p_file.job_file_id, 'state', v_state,
    'outcome', CASE v_state WHEN 'awaiting_upload' THEN 'upload' WHEN 'duplicate' THEN 'duplicate'
                            WHEN 'refused' THEN 'refused' ELSE 'known' END,
    'duplicate_of', v_first,
    'upload', CASE WHEN p_file.state = 'awaiting_upload'
                   THEN ingest.upload_target(p_file.bucket, p_file.object_path, p_file.size_bytes) END,
    'error', p_file.error);
END
$$;

CREATE OR REPLACE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_renew_uploads')).agent;
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'job_file_id', i.id, 'state', ingest.told_state(f.state),
             'upload', CASE WHEN f.state = 'awaiting_upload' THEN ingest.upload_target(f.bucket, f.object_path, f.size_bytes) END,
             'error', CASE WHEN f.state IS NULL THEN ingest.unknown_file() ELSE f.error END) ORDER BY i.position), '[]')
      FROM unnest(ingest_renew_uploads.job_file_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN ingest.job_file AS f ON f.job_file_id = i.id AND f.tenant_id = v_agent.tenant_id));
END
$$;
DROP FUNCTION ingest.upload_target(text, text);

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
INSERT INTO ingest.entry_point (function, caller, decided_by) VALUES ('ingest.is_upload_reserved', 'storage', 'reservation');

CREATE POLICY agents_send_what_is_reserved ON storage.objects FOR INSERT TO anon, authenticated
  WITH CHECK (ingest.is_upload_reserved(bucket_id, name));
