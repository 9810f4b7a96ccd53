-- 0008 RPC ingest_open_job.
-- Why:    one call registers a batch of files and says of each: send it there, or why not.
-- Needs:  0007.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.malformed(p_message text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM ingest.refuse('WB-2101', 400, p_message, 'Update the agent; if it is current, report it.');
END
$$;
COMMENT ON FUNCTION ingest.malformed(text) IS 'Refuses the call (WB-2101); the message names the place, never the value.';

CREATE TYPE ingest.file_offer AS (
  relative_path text, file_tag text, content_sha256 text, original_sha256 text, size_bytes bigint,
  modified_at timestamptz, part_number integer, part_count integer, first_source_row bigint
);
COMMENT ON TYPE ingest.file_offer IS 'One entry of ingest_open_job''s files, checked and with its defaults filled in.';

CREATE FUNCTION ingest.whole_number(p_entry jsonb, p_key text, p_default bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT CASE
    WHEN p_entry -> p_key IS NULL THEN p_default
    WHEN jsonb_typeof(p_entry -> p_key) = 'number' AND p_entry ->> p_key ~ '^[0-9]{1,15}$' THEN (p_entry ->> p_key)::bigint
  END
$$;
COMMENT ON FUNCTION ingest.whole_number(jsonb, text, bigint) IS
  'A whole number of at most 15 digits from a JSON object; the default when absent, null when it is anything else.';

CREATE FUNCTION ingest.read_time(p_text text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' SET datestyle = 'ISO, YMD' AS $$
BEGIN
  IF p_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$' THEN
    RETURN p_text::timestamptz;
  END IF;
  RETURN NULL;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.read_time(text) IS 'An ISO 8601 time with zone, or null when it is none.';

CREATE FUNCTION ingest.read_offer(p_entry jsonb, p_index integer) RETURNS ingest.file_offer
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v     ingest.file_offer;
  v_bad text;
BEGIN
  IF jsonb_typeof(p_entry) IS DISTINCT FROM 'object' THEN
    PERFORM ingest.malformed(format('files[%s] is not an object', p_index));
  END IF;
  v.relative_path    := CASE WHEN jsonb_typeof(p_entry -> 'relative_path') = 'string' THEN p_entry ->> 'relative_path' END;
  v.file_tag         := p_entry ->> 'file_tag';
  v.content_sha256   := p_entry ->> 'content_sha256';
  v.original_sha256  := coalesce(p_entry ->> 'original_sha256', v.content_sha256);
  v.size_bytes       := ingest.whole_number(p_entry, 'size_bytes', NULL);
  v.modified_at      := ingest.read_time(p_entry ->> 'modified_at');
  v.part_number      := ingest.whole_number(p_entry, 'part_number', 1);
  v.part_count       := ingest.whole_number(p_entry, 'part_count', 1);
  v.first_source_row := ingest.whole_number(p_entry, 'first_source_row', 1);
  v_bad := CASE
    WHEN v.relative_path IS NULL OR octet_length(v.relative_path) NOT BETWEEN 1 AND 2048
      OR v.relative_path ~ '(^|/)(\.{0,2})(/|$)' THEN 'relative_path'
    WHEN v.file_tag IS NULL OR v.file_tag !~ '^[a-z][a-z0-9_]{0,62}$' THEN 'file_tag'
    WHEN v.content_sha256 IS NULL OR v.content_sha256 !~ '^[0-9a-f]{64}$' THEN 'content_sha256'
    WHEN v.original_sha256 !~ '^[0-9a-f]{64}$' THEN 'original_sha256'
    WHEN v.size_bytes IS NULL THEN 'size_bytes'
    WHEN v.modified_at IS NULL AND p_entry ->> 'modified_at' IS NOT NULL THEN 'modified_at'
    WHEN v.part_count IS NULL OR v.part_count NOT BETWEEN 1 AND 99999 THEN 'part_count'
    WHEN v.part_number IS NULL OR v.part_number NOT BETWEEN 1 AND v.part_count THEN 'part_number'
    WHEN v.first_source_row IS NULL OR v.first_source_row < 1
      OR v.part_number = 1 AND v.first_source_row <> 1 THEN 'first_source_row'
    WHEN v.part_count = 1 AND v.original_sha256 <> v.content_sha256 THEN 'original_sha256'
  END;
  IF v_bad IS NOT NULL THEN
    PERFORM ingest.malformed(format('files[%s].%s is missing or not as agreed', p_index, v_bad));
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.read_offer(jsonb, integer) IS
  'Checks one entry of files; refused (WB-2101) with its index and key.';

-- What the agent is told of a file that is registered: the same on every retry.
CREATE FUNCTION ingest.offer_answer(p_index integer, p_file ingest.job_file) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_first jsonb;
BEGIN
  IF p_file.state = 'duplicate' THEN
    SELECT jsonb_build_object('job_file_id', f.job_file_id, 'job_key', j.job_key,
                              'relative_path', f.relative_path, 'state', f.state) INTO v_first
      FROM ingest.job_file AS f JOIN ingest.job AS j ON j.job_id = f.job_id
     WHERE f.job_file_id = p_file.duplicate_of;
  END IF;
  RETURN jsonb_build_object(
    'index', p_index, 'job_file_id', p_file.job_file_id, 'state', p_file.state,
    'outcome', CASE p_file.state WHEN 'awaiting_upload' THEN 'upload' WHEN 'duplicate' THEN 'duplicate'
                                 WHEN 'refused' THEN 'refused' ELSE 'known' END,
    'duplicate_of', v_first,
    'upload', CASE WHEN p_file.state = 'awaiting_upload' THEN ingest.upload_target(p_file.bucket, p_file.object_path) END,
    'error', p_file.error);
END
$$;
COMMENT ON FUNCTION ingest.offer_answer(integer, ingest.job_file) IS
  'One entry of ingest_open_job''s answer, from the file''s present state.';

-- Finds or registers one offered file. The caller holds the tenant's lock.
CREATE FUNCTION ingest.take_offer(p_agent ingest.agent, p_slug text, p_job ingest.job, p_offer ingest.file_offer)
RETURNS ingest.job_file
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_first uuid;
  v_event text := 'opened';
  v_state text := 'awaiting_upload';
  v_error jsonb;
BEGIN
  -- This version in this job: a retry.
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.job_id = p_job.job_id AND f.relative_path = p_offer.relative_path
     AND f.content_sha256 = p_offer.content_sha256 AND f.part_number = p_offer.part_number;
  IF FOUND THEN
    RETURN v_file;
  END IF;
  -- The same version, still awaited under an older job key: the agent lost its ledger, or its identity.
  SELECT f.* INTO v_file FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
   WHERE f.tenant_id = p_agent.tenant_id AND f.file_tag = p_offer.file_tag
     AND f.original_sha256 = p_offer.original_sha256 AND f.part_number = p_offer.part_number
     AND f.state = 'awaiting_upload' AND f.content_sha256 = p_offer.content_sha256
     AND f.relative_path = p_offer.relative_path
     AND (f.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
   ORDER BY f.opened_seq LIMIT 1;
  IF FOUND THEN
    IF v_file.agent_id <> p_agent.agent_id THEN
      UPDATE ingest.job_file AS f SET agent_id = p_agent.agent_id WHERE f.job_file_id = v_file.job_file_id;
      PERFORM ingest.append_event(p_agent.tenant_id, 'taken_over', 'agent:' || p_agent.agent_id, v_file.job_id, v_file.job_file_id);
    END IF;
    RETURN v_file;
  END IF;

  v_file.job_file_id := gen_random_uuid();
  SELECT s.version, s.entity INTO v_file.file_spec_version, v_file.entity FROM ingest.file_spec AS s
   WHERE s.tenant_id = p_agent.tenant_id AND s.file_tag = p_offer.file_tag ORDER BY s.version DESC LIMIT 1;
  v_error := CASE
    WHEN v_file.entity IS NULL THEN '{"code": "WB-2108", "message": "no file spec knows this tag"}'
    WHEN p_offer.size_bytes = 0 THEN '{"code": "WB-3001", "message": "the file holds no bytes"}'
    WHEN p_offer.size_bytes > ingest.setting_bigint('max_file_bytes')
      THEN '{"code": "WB-2109", "message": "the file is larger than central takes"}'
  END::jsonb;
  IF v_error IS NOT NULL THEN
    v_event := 'refused';
    v_state := 'refused';
  ELSE
    v_first := ingest.proven_copy(p_agent.tenant_id, p_offer.file_tag, p_offer.original_sha256, p_offer.part_number);
    IF v_first IS NOT NULL THEN
      v_event := 'found_duplicate';
      v_state := 'duplicate';
    ELSE
      v_file.bucket := ingest.setting_text('bucket');
      v_file.object_path := ingest.new_object_path(p_slug, p_job.job_id, v_file.job_file_id, p_offer.file_tag,
        p_offer.relative_path, p_offer.part_number, p_offer.part_count);
    END IF;
  END IF;

  INSERT INTO ingest.job_file (
    job_file_id, tenant_id, job_id, delivery_date, agent_id, opened_seq, file_tag, entity, file_spec_version,
    relative_path, content_sha256, original_sha256, size_bytes, modified_at, part_number, part_count,
    first_source_row, state, last_event, duplicate_of, bucket, object_path, upload_count, error_code, error, opened_at)
  VALUES (
    v_file.job_file_id, p_agent.tenant_id, p_job.job_id, p_job.delivery_date, p_agent.agent_id,
    (SELECT c.last_seq + 1 FROM ingest.tenant_clock AS c WHERE c.tenant_id = p_agent.tenant_id),
    p_offer.file_tag, v_file.entity, v_file.file_spec_version, p_offer.relative_path, p_offer.content_sha256,
    p_offer.original_sha256, p_offer.size_bytes, p_offer.modified_at, p_offer.part_number, p_offer.part_count,
    p_offer.first_source_row, v_state, v_event, v_first, v_file.bucket, v_file.object_path,
    (v_state = 'awaiting_upload')::integer, v_error ->> 'code', v_error, clock_timestamp())
  RETURNING * INTO v_file;
  PERFORM ingest.append_event(p_agent.tenant_id, v_event, 'agent:' || p_agent.agent_id, p_job.job_id, v_file.job_file_id,
    'new', v_state, jsonb_strip_nulls(jsonb_build_object(
      'object_path', v_file.object_path, 'duplicate_of', v_first, 'error', v_error)));
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.take_offer(ingest.agent, text, ingest.job, ingest.file_offer) IS
  'Finds or registers one offered file and returns it; an offer made again finds what the first one made.';

CREATE FUNCTION public.ingest_open_job(job_key text, delivery jsonb, files jsonb DEFAULT '[]')
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent   ingest.agent := ingest.begin_agent_call();
  v_slug    text;
  v_job     ingest.job;
  v_date    date;
  v_entry   record;
  v_answers jsonb[] := ARRAY[]::jsonb[];
BEGIN
  IF ingest_open_job.job_key IS NULL OR ingest_open_job.job_key !~ '^[\x21-\x7e]{1,200}$' THEN
    PERFORM ingest.malformed('job_key is 1 to 200 printable ASCII characters without spaces');
  END IF;
  v_date := (ingest.read_time((ingest_open_job.delivery ->> 'date') || 'T00:00:00Z') AT TIME ZONE 'UTC')::date;
  IF v_date IS NULL OR coalesce(length(btrim(ingest_open_job.delivery ->> 'name')), 0) NOT BETWEEN 1 AND 100 THEN
    PERFORM ingest.malformed('delivery needs a date (YYYY-MM-DD) and a name of 1 to 100 characters');
  END IF;
  IF jsonb_typeof(ingest_open_job.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  END IF;
  IF jsonb_array_length(ingest_open_job.files) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;

  SELECT j.* INTO v_job FROM ingest.job AS j
   WHERE j.tenant_id = v_agent.tenant_id AND j.job_key = ingest_open_job.job_key;
  IF NOT FOUND THEN
    INSERT INTO ingest.job (tenant_id, agent_id, job_key, delivery_date, delivery_name, opened_at)
    VALUES (v_agent.tenant_id, v_agent.agent_id, ingest_open_job.job_key, v_date,
            btrim(ingest_open_job.delivery ->> 'name'), clock_timestamp())
    RETURNING * INTO v_job;
    PERFORM ingest.append_event(v_agent.tenant_id, 'job_opened', 'agent:' || v_agent.agent_id, v_job.job_id);
  ELSIF v_job.agent_id <> v_agent.agent_id THEN
    PERFORM ingest.refuse('WB-2004', 403, 'this job key belongs to another agent', 'Make a new job key.');
  ELSIF (v_job.delivery_date, v_job.delivery_name) IS DISTINCT FROM (v_date, btrim(ingest_open_job.delivery ->> 'name')) THEN
    PERFORM ingest.malformed('this job key was opened for another delivery');
  ELSIF v_job.state <> 'open' THEN
    PERFORM ingest.refuse('WB-2103', 409, 'this job is closed and takes no more files', 'Open a new job for the file.');
  END IF;

  SELECT t.slug INTO STRICT v_slug FROM ingest.tenant AS t WHERE t.tenant_id = v_agent.tenant_id;
  FOR v_entry IN
    SELECT e.entry, e.position::integer - 1 AS index
      FROM jsonb_array_elements(ingest_open_job.files) WITH ORDINALITY AS e (entry, position) ORDER BY e.position
  LOOP
    v_answers := v_answers || ingest.offer_answer(v_entry.index,
      ingest.take_offer(v_agent, v_slug, v_job, ingest.read_offer(v_entry.entry, v_entry.index)));
  END LOOP;
  RETURN jsonb_build_object('job_id', v_job.job_id, 'job_key', v_job.job_key, 'state', v_job.state,
                            'files', to_jsonb(v_answers));
END
$$;
COMMENT ON FUNCTION public.ingest_open_job(text, jsonb, jsonb) IS
  'Opens or finds the job and registers a batch of files; schema/wire/ingest_open_job.schema.json.';
