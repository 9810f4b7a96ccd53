-- 0011 What the worker calls to find work: note_arrivals, claim_next, heartbeat.
-- Why:    any number of workers on any number of hosts; Postgres decides who does what next.
-- Needs:  0009.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.note_arrivals() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_found record;
  v_file  ingest.job_file;
  v_count integer := 0;
BEGIN
  FOR v_found IN
    SELECT f.tenant_id, f.job_file_id
      FROM ingest.job_file AS f
      JOIN storage.objects AS o ON o.bucket_id = f.bucket AND o.name = f.object_path
     WHERE f.state = 'awaiting_upload' AND o.metadata ? 'eTag' AND o.metadata ->> 'size' = f.size_bytes::text
     ORDER BY f.tenant_id, f.opened_seq
  LOOP
    -- A tenant that is busy now is looked at next time; never wait here.
    PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_found.tenant_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = v_found.job_file_id;
    IF v_file.state = 'awaiting_upload'
       AND ingest.stored_size(v_file.bucket, v_file.object_path) = v_file.size_bytes THEN
      PERFORM ingest.receive_file(v_file, 'central');
      v_count := v_count + 1;
    END IF;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.note_arrivals() IS
  'Moves awaited files whose object is there on (the agent may have died before it could confirm); returns how many.';

CREATE FUNCTION ingest.describe_claim(p_file ingest.job_file, p_step text, p_fence bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
      'tenant_id', p_file.tenant_id, 'tenant', t.slug, 'fence', p_fence, 'step', p_step,
      'job_id', p_file.job_id, 'job_key', j.job_key, 'job_file_id', p_file.job_file_id,
      'bucket', p_file.bucket, 'object_path', p_file.object_path,
      'target_path', CASE p_step
        WHEN 'rename' THEN ingest.processed_path(p_file.object_path)
        WHEN 'archive' THEN ingest.archive_path(t.slug, p_file.processed_at, p_file.object_path) END,
      'content_sha256', p_file.content_sha256, 'size_bytes', p_file.size_bytes, 'file_tag', p_file.file_tag,
      'entity', p_file.entity, 'relative_path', p_file.relative_path, 'part_number', p_file.part_number,
      'part_count', p_file.part_count, 'first_source_row', p_file.first_source_row,
      'spec', s.spec, 'spec_version', s.version, 'attempt', p_file.attempt_count)
    FROM ingest.tenant AS t, ingest.job AS j, ingest.file_spec AS s
   WHERE t.tenant_id = p_file.tenant_id AND j.job_id = p_file.job_id AND s.tenant_id = p_file.tenant_id
     AND s.file_tag = p_file.file_tag AND s.version = p_file.file_spec_version
$$;
COMMENT ON FUNCTION ingest.describe_claim(ingest.job_file, text, bigint) IS 'All that a worker needs to do one step of one file.';

-- The next due file of a tenant: hash what arrived, then stage in delivery order, then tidy up.
CREATE FUNCTION ingest.next_due_file(p_tenant_id uuid) RETURNS ingest.job_file
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_state text;
  v_file  ingest.job_file;
BEGIN
  FOREACH v_state IN ARRAY ARRAY['received', 'verified', 'staged', 'processed'] LOOP
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.tenant_id = p_tenant_id AND f.state = v_state AND f.next_attempt_at <= clock_timestamp()
       AND f.state IN ('received', 'verified', 'staged', 'processed')
     ORDER BY f.delivery_date, f.part_number, f.opened_seq LIMIT 1;
    EXIT WHEN FOUND;
  END LOOP;
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.next_due_file(uuid) IS 'The file whose step is next for the tenant, or a row of nulls.';

CREATE FUNCTION ingest.claim_next(p_worker text, p_lease_s integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
  v_lease     ingest.lease;
  v_file      ingest.job_file;
  v_step      text;
  v_life      interval := make_interval(secs => coalesce(p_lease_s, ingest.setting_bigint('lease_s')));
BEGIN
  IF coalesce(length(btrim(p_worker)), 0) NOT BETWEEN 1 AND 200 OR v_life NOT BETWEEN '1 second' AND '1 day' THEN
    PERFORM ingest.malformed('a claim names its worker and asks for 1 second to 1 day');
  END IF;
  FOR v_tenant_id IN
    SELECT t.tenant_id FROM ingest.tenant AS t JOIN ingest.lease AS l ON l.tenant_id = t.tenant_id
     WHERE t.state = 'active' AND (l.holder IS NULL OR l.expires_at <= clock_timestamp())
       AND EXISTS (SELECT FROM ingest.job_file AS f
                    WHERE f.tenant_id = t.tenant_id AND f.next_attempt_at <= clock_timestamp()
                      AND f.state IN ('received', 'verified', 'staged', 'processed'))
     ORDER BY l.claimed_at NULLS FIRST, t.tenant_id
  LOOP
    PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_tenant_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    SELECT l.* INTO STRICT v_lease FROM ingest.lease AS l WHERE l.tenant_id = v_tenant_id FOR UPDATE;
    CONTINUE WHEN v_lease.holder IS NOT NULL AND v_lease.expires_at > clock_timestamp();
    IF v_lease.holder IS NOT NULL THEN
      PERFORM ingest.note_lost_lease(v_lease);
    END IF;
    v_file := ingest.next_due_file(v_tenant_id);
    CONTINUE WHEN v_file.job_file_id IS NULL;
    v_step := CASE v_file.state WHEN 'received' THEN 'verify' WHEN 'verified' THEN 'stage'
                                WHEN 'staged' THEN 'rename' ELSE 'archive' END;
    UPDATE ingest.job_file AS f SET attempt_count = f.attempt_count + 1
     WHERE f.job_file_id = v_file.job_file_id RETURNING f.* INTO v_file;
    UPDATE ingest.lease AS l
       SET fence = l.fence + 1, holder = btrim(p_worker), step = v_step, job_file_id = v_file.job_file_id,
           claimed_at = clock_timestamp(), expires_at = clock_timestamp() + v_life
     WHERE l.tenant_id = v_tenant_id RETURNING l.* INTO v_lease;
    RETURN ingest.describe_claim(v_file, v_step, v_lease.fence);
  END LOOP;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.claim_next(text, integer) IS
  'Gives the caller one due step of a tenant nobody works for, or null; the tenant waiting longest comes first.';

-- A worker vanished in the middle of a step. A file that does this again and again must not hold the tenant up.
CREATE FUNCTION ingest.note_lost_lease(p_lease ingest.lease) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  UPDATE ingest.job_file AS f
     SET next_attempt_at = CASE WHEN f.attempt_count >= ingest.setting_bigint('max_attempts')
                                THEN clock_timestamp() + interval '1 hour' ELSE f.next_attempt_at END
   WHERE f.job_file_id = p_lease.job_file_id RETURNING f.* INTO STRICT v_file;
  PERFORM ingest.append_event(p_lease.tenant_id, 'lease_expired', 'central', v_file.job_id, v_file.job_file_id,
    p_details => jsonb_build_object('worker', p_lease.holder, 'step', p_lease.step, 'attempt', v_file.attempt_count));
  UPDATE ingest.lease AS l SET holder = NULL, step = NULL, job_file_id = NULL, expires_at = NULL
   WHERE l.tenant_id = p_lease.tenant_id;
END
$$;
COMMENT ON FUNCTION ingest.note_lost_lease(ingest.lease) IS
  'Records that a lease ran out and frees it; after max_attempts the file waits an hour.';

CREATE FUNCTION ingest.heartbeat(p_tenant_id uuid, p_fence bigint, p_lease_s integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE ingest.lease AS l
     SET expires_at = clock_timestamp() + make_interval(secs => coalesce(p_lease_s, ingest.setting_bigint('lease_s')))
   WHERE l.tenant_id = p_tenant_id AND l.fence = p_fence AND l.holder IS NOT NULL;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION ingest.heartbeat(uuid, bigint, integer) IS
  'Prolongs a lease; false when it is lost, and the step must be dropped.';
