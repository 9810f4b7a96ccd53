-- 0012 ingest_open_job: an agent offers files, and is told of each whether it is wanted, and where to.
-- Why:    registering before sending is what makes every later step idempotent.
-- Needs:  0011.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.
--
-- What agents call walks the registry's tables by index, also while these are almost empty (enable_seqscan is off):
-- over a few rows a walk through all of them is the cheapest plan; a session keeps it until the next ANALYZE, and
-- meanwhile each of 500 files in a call walked through every file that had come: seconds a call in a registry's
-- first minutes.

-- What is offered -----------------------------------------------------------------------------------

CREATE TYPE ingest.file_offer AS (
  relative_path text, file_tag text, content_sha256 text, original_sha256 text, size_bytes bigint,
  modified_at timestamptz, part_number integer, part_count integer, first_source_row bigint,
  chunk_number integer, chunk_count integer
);
COMMENT ON TYPE ingest.file_offer IS 'One entry of ingest_open_job''s files, checked and with its defaults filled in.';

CREATE FUNCTION ingest.read_offer(p_entry jsonb, p_index integer) RETURNS ingest.file_offer
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v              ingest.file_offer;
  v_part_number  bigint;
  v_part_count   bigint;
  v_chunk_number bigint;
  v_chunk_count  bigint;
  v_bad          text;
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
  v_part_number      := ingest.whole_number(p_entry, 'part_number', 1);
  v_part_count       := ingest.whole_number(p_entry, 'part_count', 1);
  v_chunk_number     := ingest.whole_number(p_entry, 'chunk_number', 1);
  v_chunk_count      := ingest.whole_number(p_entry, 'chunk_count', 1);
  v.first_source_row := ingest.whole_number(p_entry, 'first_source_row', 1);
  v_bad := CASE
    WHEN v.relative_path IS NULL OR ingest.is_path_unsafe(v.relative_path) THEN 'relative_path'
    WHEN v.file_tag IS NULL OR v.file_tag !~ '^[a-z][a-z0-9_]{0,62}$' THEN 'file_tag'
    WHEN v.content_sha256 IS NULL OR v.content_sha256 !~ '^[0-9a-f]{64}$' THEN 'content_sha256'
    WHEN v.original_sha256 !~ '^[0-9a-f]{64}$' THEN 'original_sha256'
    WHEN v.size_bytes IS NULL THEN 'size_bytes'
    WHEN v.modified_at IS NULL AND p_entry ->> 'modified_at' IS NOT NULL THEN 'modified_at'
    WHEN v_part_count IS NULL OR v_part_count NOT BETWEEN 1 AND 99999 THEN 'part_count'
    WHEN v_part_number IS NULL OR v_part_number NOT BETWEEN 1 AND v_part_count THEN 'part_number'
    WHEN v_chunk_count IS NULL OR v_chunk_count NOT BETWEEN 1 AND 99999 THEN 'chunk_count'
    WHEN v_chunk_number IS NULL OR v_chunk_number NOT BETWEEN 1 AND v_chunk_count THEN 'chunk_number'
    WHEN v.first_source_row IS NULL OR v.first_source_row < 1
      OR v_part_number = 1 AND v.first_source_row <> 1 THEN 'first_source_row'
    WHEN v_part_count = 1 AND v.original_sha256 <> v.content_sha256 THEN 'original_sha256'
  END;
  IF v_bad IS NOT NULL THEN
    PERFORM ingest.malformed(format('files[%s].%s is missing or not as agreed', p_index, v_bad));
  END IF;
  v.part_number  := v_part_number;
  v.part_count   := v_part_count;
  v.chunk_number := v_chunk_number;
  v.chunk_count  := v_chunk_count;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.read_offer(jsonb, integer) IS
  'Checks one entry of files; refused (WB-2101) with its index and key.';

CREATE FUNCTION ingest.read_groups(p_groups jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_agg(jsonb_strip_nulls(ingest.clean_error(g.value) || jsonb_build_object(
           'rule', CASE WHEN g.value ->> 'rule' ~ '^[a-z-]{1,40}$' THEN g.value -> 'rule' END,
           'action', CASE WHEN g.value ->> 'action' IN ('warn', 'quarantine_row', 'refuse_file') THEN g.value -> 'action' END,
           'what_to_do', CASE WHEN ingest.is_plain(g.value -> 'what_to_do', 500) THEN g.value -> 'what_to_do' END,
           'places', (SELECT jsonb_agg(jsonb_build_object('row', ingest.whole_number(p.value, 'row', NULL),
                               'line', ingest.whole_number(p.value, 'line', NULL), 'byte_offset', ingest.whole_number(p.value, 'byte_offset', NULL)))
                        FROM jsonb_array_elements(CASE jsonb_typeof(g.value -> 'places') WHEN 'array' THEN g.value -> 'places' ELSE '[]' END) AS p
                       WHERE jsonb_typeof(p.value) = 'object'))))
    FROM jsonb_array_elements(CASE jsonb_typeof(p_groups) WHEN 'array' THEN p_groups ELSE '[]' END) AS g
   WHERE jsonb_typeof(g.value) = 'object' AND coalesce(g.value ->> 'code', '') ~ '^WB-[0-9]{4}$'
$$;
COMMENT ON FUNCTION ingest.read_groups(jsonb) IS 'Groups of findings reduced to what a report has; null when there are none.';

-- The agent is trusted with its own file, not with our tables: known keys only, of a known size, and nothing that looks
-- like a token. Details that do not pass are dropped; the counts stay.
CREATE FUNCTION ingest.read_notice(p_entry jsonb, p_index integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_notice  jsonb := p_entry -> 'preflight';
  v_counts  jsonb;
  v_details jsonb;
  v_told    text := jsonb_build_array(v_notice -> 'groups', v_notice -> 'drift')::text;
BEGIN
  IF coalesce(jsonb_typeof(v_notice), 'null') = 'null' THEN
    RETURN NULL;
  ELSIF jsonb_typeof(v_notice) <> 'object' OR ingest.whole_number(v_notice, 'spec_version', NULL) IS NULL
     OR coalesce(v_notice ->> 'outcome', '') NOT IN ('accepted', 'refused') THEN
    PERFORM ingest.malformed(format('files[%s].preflight is not as agreed', p_index));
  END IF;
  v_counts := jsonb_strip_nulls(jsonb_build_object(
    'report', 'preflight', 'outcome', v_notice -> 'outcome', 'complete', v_notice -> 'complete' = 'true',
    'spec_version', ingest.whole_number(v_notice, 'spec_version', NULL),
    'rows', ingest.whole_number(v_notice, 'rows', NULL), 'bytes', ingest.whole_number(v_notice, 'bytes', NULL),
    'rows_quarantined', ingest.whole_number(v_notice, 'rows_quarantined', NULL),
    'findings_count', ingest.whole_number(v_notice, 'findings_count', NULL),
    'keys_unchecked_from_row', ingest.whole_number(v_notice, 'keys_unchecked_from_row', NULL),
    'error', CASE WHEN v_notice ->> 'outcome' = 'refused' THEN ingest.clean_error(v_notice -> 'error') END));
  v_details := jsonb_strip_nulls(jsonb_build_object(
    'groups', ingest.read_groups(v_notice -> 'groups'),
    'drift', CASE WHEN jsonb_typeof(v_notice -> 'drift') = 'array' THEN v_notice -> 'drift' END));
  IF octet_length(v_told) > 65536 OR v_told ~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)' THEN
    v_details := '{"left_out": true}';
  ELSIF v_notice -> 'left_out' = 'true' THEN
    v_details := v_details || '{"left_out": true}';
  END IF;
  RETURN v_counts || v_details;
END
$$;
COMMENT ON FUNCTION ingest.read_notice(jsonb, integer) IS
  'What an offer says of its preflight, as it is kept; null when it says nothing, refused (WB-2101) when it is not as agreed.';

CREATE FUNCTION ingest.read_delivery(p_delivery jsonb) RETURNS ingest.job
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v      ingest.job;
  v_kind text := coalesce(p_delivery ->> 'kind', 'nightly');
  v_when text := coalesce(p_delivery ->> 'precedence', 'behind');
BEGIN
  v.delivery_date := (ingest.read_time((p_delivery ->> 'date') || 'T00:00:00Z') AT TIME ZONE 'UTC')::date;
  v.delivery_name := btrim(p_delivery ->> 'name');
  IF v.delivery_date IS NULL OR coalesce(length(v.delivery_name), 0) NOT BETWEEN 1 AND 100 THEN
    PERFORM ingest.malformed('delivery needs a date (YYYY-MM-DD) and a name of 1 to 100 characters');
  ELSIF v_kind NOT IN ('nightly', 'history') OR v_when NOT IN ('ahead', 'behind')
     OR coalesce(jsonb_typeof(p_delivery -> 'allow_older'), 'boolean') <> 'boolean' THEN
    PERFORM ingest.malformed('delivery.kind is nightly or history, precedence ahead or behind, allow_older a boolean');
  END IF;
  v.kind := v_kind;
  v.precedence := CASE WHEN v_kind = 'nightly' THEN 1 WHEN v_when = 'ahead' THEN 0 ELSE 2 END;
  v.allow_older := coalesce((p_delivery ->> 'allow_older')::boolean, false);
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.read_delivery(jsonb) IS 'Checks the delivery of ingest_open_job; refused (WB-2101) when it is not as agreed.';

-- What becomes of it --------------------------------------------------------------------------------

CREATE FUNCTION ingest.told_state(p_state text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT CASE p_state WHEN 'split' THEN 'verified' WHEN 'retired' THEN 'refused' ELSE p_state END
$$;
COMMENT ON FUNCTION ingest.told_state(text) IS 'A file''s state in the words that agents know: that central splits files is no concern of theirs.';

-- What the agent is told of a file that is registered: the same on every retry.
CREATE FUNCTION ingest.offer_answer(p_index integer, p_file ingest.job_file) RETURNS jsonb
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
COMMENT ON FUNCTION ingest.offer_answer(integer, ingest.job_file) IS
  'One entry of ingest_open_job''s answer, from the file''s present state.';

-- Was a file given up only because bytes did not come: its own, or those of a fellow part?
CREATE FUNCTION ingest.is_withdrawn(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT p_file.error_code = 'WB-2115'
      OR p_file.error_code = 'WB-2114' AND p_file.split_of IS NULL AND NOT EXISTS (
           SELECT FROM ingest.set_members(p_file, 'part') AS m
            WHERE m.state IN ('refused', 'retired') AND m.error_code NOT IN ('WB-2114', 'WB-2115'))
$$;
COMMENT ON FUNCTION ingest.is_withdrawn(ingest.job_file) IS 'Was this refused file given up only because its agent withdrew it or a fellow part?';

-- The registered file that an offer means: this version in this job (a retry), or the same version still
-- awaited under an older job key (the agent lost its ledger, or its identity). Of what was taken back and
-- registered anew, the new one.
CREATE FUNCTION ingest.find_offered(p_agent ingest.agent, p_job ingest.job, p_offer ingest.file_offer) RETURNS ingest.job_file
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.job_id = p_job.job_id AND f.relative_path = p_offer.relative_path
     AND f.content_sha256 = p_offer.content_sha256 AND f.original_sha256 = p_offer.original_sha256
     AND f.part_number = p_offer.part_number AND f.part_count = p_offer.part_count
     AND f.split_of IS NULL AND f.state <> 'retired';
  IF NOT FOUND THEN
    SELECT f.* INTO v_file FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
     WHERE f.tenant_id = p_agent.tenant_id AND f.file_tag = p_offer.file_tag
       AND f.original_sha256 = p_offer.original_sha256 AND f.part_number = p_offer.part_number
       AND f.part_count = p_offer.part_count AND f.split_of IS NULL
       AND f.state = 'awaiting_upload' AND f.content_sha256 = p_offer.content_sha256
       AND f.relative_path = p_offer.relative_path
       AND (f.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
     -- "+ 0": sorted after the search. A session that planned this over an almost empty table would else
     -- walk the tenant's whole log in its order for ever after; 500 files then took seconds.
     ORDER BY f.opened_seq + 0 LIMIT 1;
  END IF;
  IF v_file.job_file_id IS NULL AND p_offer.part_count > 1 THEN
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.tenant_id = p_agent.tenant_id AND f.file_tag = p_offer.file_tag AND f.original_sha256 = p_offer.original_sha256
       AND f.part_count > 1 AND f.job_id = p_job.job_id AND f.relative_path = p_offer.relative_path
       AND f.content_sha256 = p_offer.content_sha256 AND f.part_number = p_offer.part_number AND f.part_count = p_offer.part_count
       AND f.split_of IS NULL AND ingest.is_reopenable(f)
     ORDER BY f.opened_seq + 0 DESC LIMIT 1;
  END IF;
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.find_offered(ingest.agent, ingest.job, ingest.file_offer) IS 'The file that an offer means, or a row of nulls.';

CREATE FUNCTION ingest.is_reopenable(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT p_file.state = 'refused' OR p_file.state = 'retired' AND p_file.error_code = 'WB-2114'
$$;
COMMENT ON FUNCTION ingest.is_reopenable(ingest.job_file) IS 'Refused, or taken back because another part of its file was refused?';

-- One file that was refused or taken back goes on: read by the newest spec, from its stored object, or
-- awaited at a new path. Bytes that their agent has withdrawn are always awaited at a new one.
CREATE FUNCTION ingest.reopen_file(p_file ingest.job_file, p_actor text, p_details jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_spec ingest.file_spec := ingest.newest_spec(p_file.tenant_id, p_file.file_tag);
  v_more jsonb := p_details;
BEGIN
  IF v_spec.entity IS NULL OR v_spec.is_withdrawn AND p_file.entity IS NULL THEN
    PERFORM ingest.not_possible('no file spec knows the tag of this file');
  ELSIF NOT v_spec.is_withdrawn THEN
    v_more := v_more || jsonb_build_object('entity', v_spec.entity, 'file_spec_version', v_spec.version);
  END IF;
  IF EXISTS (SELECT FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.object_path IS NOT NULL)
     AND NOT EXISTS (SELECT FROM ingest.job_file AS f
                      WHERE f.split_of = p_file.job_file_id AND ingest.is_reopenable(f) AND f.object_path IS NOT NULL
                        AND ingest.stored_size(f.bucket, f.object_path) IS DISTINCT FROM f.size_bytes) THEN
    RETURN ingest.move_file(p_file.job_file_id, 'split_again', p_actor, p_details);
  ELSIF p_file.withdrawn_at IS NULL AND p_file.object_path IS NOT NULL
    AND ingest.stored_size(p_file.bucket, p_file.object_path) = p_file.size_bytes THEN
    RETURN ingest.move_file(p_file.job_file_id, 'retried', p_actor, v_more);
  END IF;
  RETURN ingest.move_file(p_file.job_file_id, 'upload_asked_again', p_actor, v_more || jsonb_strip_nulls(jsonb_build_object(
    'bucket', ingest.setting_text('bucket'), 'dropped_path', p_file.object_path,
    'object_path', ingest.new_object_path((SELECT t.slug FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id),
      p_file.job_id, p_file.job_file_id, p_file.file_tag, p_file.relative_path, p_file.part_number, p_file.part_count))));
END
$$;
COMMENT ON FUNCTION ingest.reopen_file(ingest.job_file, text, jsonb) IS
  'A refused file is received again, split again, or awaited again; returns the state.';

-- An offer that finds something to change first: a revoked agent's file, one that was withdrawn and is there
-- again, or a refused one that a newer spec may read. Writes events through the clock.
CREATE FUNCTION ingest.settle_offer(p_agent ingest.agent, p_file ingest.job_file) RETURNS ingest.job_file
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_actor text := 'agent:' || p_agent.agent_id;
  v_spec  ingest.file_spec := ingest.newest_spec(p_file.tenant_id, p_file.file_tag);
  v_file  ingest.job_file;
BEGIN
  IF p_file.state = 'awaiting_upload' THEN
    UPDATE ingest.job_file AS f SET agent_id = p_agent.agent_id WHERE f.job_file_id = p_file.job_file_id;
    PERFORM ingest.append_event(p_agent.tenant_id, 'taken_over', v_actor, p_file.job_id, p_file.job_file_id);
  ELSIF p_file.state = 'received' THEN
    UPDATE ingest.job_file AS f SET withdrawn_at = NULL WHERE f.job_file_id = p_file.job_file_id;
  ELSIF v_spec.entity IS NOT NULL AND NOT v_spec.is_withdrawn THEN
    PERFORM ingest.reopen_file(p_file, v_actor, jsonb_build_object('reason', CASE
      WHEN ingest.is_withdrawn(p_file) THEN 'offered again' ELSE 'a newer spec' END));
  END IF;
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_file.job_file_id;
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.settle_offer(ingest.agent, ingest.job_file) IS 'Takes over or reopens a registered file that is offered again.';

CREATE FUNCTION ingest.needs_settling(p_agent ingest.agent, p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT p_file.state = 'awaiting_upload' AND p_file.agent_id <> p_agent.agent_id
      OR p_file.state = 'received' AND p_file.withdrawn_at IS NOT NULL
      OR ingest.is_reopenable(p_file) AND p_file.skipped_at IS NULL AND (
           ingest.is_withdrawn(p_file)
           OR EXISTS (SELECT FROM ingest.newest_spec(p_file.tenant_id, p_file.file_tag) AS s
                       WHERE s.version > coalesce(p_file.file_spec_version, 0) AND NOT s.is_withdrawn))
$$;
COMMENT ON FUNCTION ingest.needs_settling(ingest.agent, ingest.job_file) IS 'Does a file that is offered again change by it?';

-- What an unregistered offer becomes: awaited, a duplicate, or refused. Changes nothing.
CREATE FUNCTION ingest.judge_offer(
  p_tenant_id uuid, p_offer ingest.file_offer, p_spec ingest.file_spec, p_is_refused boolean
) RETURNS ingest.job_file
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v      ingest.job_file;
  v_copy ingest.copy_state;
BEGIN
  v.state := 'awaiting_upload';
  v.last_event := 'opened';
  v.error := CASE
    WHEN p_spec.entity IS NULL OR p_spec.is_withdrawn THEN '{"code": "WB-2108", "message": "no file spec knows this tag"}'
    WHEN p_offer.size_bytes = 0 THEN '{"code": "WB-3001", "message": "the file holds no bytes"}'
    WHEN p_offer.size_bytes > ingest.setting_bigint('max_file_bytes') AND NOT p_is_refused
      THEN '{"code": "WB-2109", "message": "the file is larger than central takes"}'
  END::jsonb;
  IF v.error IS NULL THEN
    v_copy := ingest.judge_copy(p_tenant_id, p_offer.file_tag, p_offer.original_sha256, p_offer.part_number, p_offer.part_count);
    IF v_copy.verdict = 'duplicate' THEN
      v.state := 'duplicate';
      v.last_event := 'found_duplicate';
      v.duplicate_of := v_copy.first;
    ELSIF v_copy.verdict = 'mixed' THEN
      v.error := '{"code": "WB-2112", "message": "the parts of one set name different totals"}';
    END IF;
  END IF;
  IF v.error IS NOT NULL THEN
    v.state := 'refused';
    v.last_event := 'refused';
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.judge_offer(uuid, ingest.file_offer, ingest.file_spec, boolean) IS
  'State, event, error and first copy that an offer is registered with; the size of what is refused at the edge is no concern.';

-- A verdict counts only by the spec that is in force: under a newer one the bytes may be good.
CREATE FUNCTION ingest.is_refused_at_edge(p_notice jsonb, p_spec_version integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(p_notice ->> 'outcome' = 'refused' AND (p_notice ->> 'spec_version')::bigint = p_spec_version
                  AND ingest.setting_text('preflight') = 'stop', false)
$$;
COMMENT ON FUNCTION ingest.is_refused_at_edge(jsonb, integer) IS 'Does what an agent found in a file keep its bytes there?';

CREATE FUNCTION ingest.note_preflight(p_file_id uuid, p_notice jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_file_id;
  INSERT INTO ingest.artifact (tenant_id, job_id, job_file_id, kind, content, content_sha256, created_by)
  VALUES (v_file.tenant_id, v_file.job_id, p_file_id, 'preflight_report', p_notice, ingest.sha256_hex(p_notice::text), p_actor);
  IF v_file.state = 'awaiting_upload' AND ingest.is_refused_at_edge(p_notice, v_file.file_spec_version) THEN
    PERFORM ingest.refuse_one(v_file, p_notice -> 'error', p_actor, true);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_preflight(uuid, jsonb, text) IS
  'Keeps what an agent found in a file as its artifact; a file that the spec in force refuses is refused before its bytes are sent.';

-- Registers one new file under the given number; its event is written under the same.
CREATE FUNCTION ingest.register_offer(
  p_agent ingest.agent, p_slug text, p_job ingest.job, p_offer ingest.file_offer, p_notice jsonb, p_seq bigint, p_plan jsonb
) RETURNS ingest.job_file
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_id   uuid := gen_random_uuid();
  v_spec ingest.file_spec := ingest.newest_spec(p_agent.tenant_id, p_offer.file_tag);
  v      ingest.job_file := ingest.judge_offer(p_agent.tenant_id, p_offer, v_spec,
    ingest.is_refused_at_edge(p_notice, v_spec.version));
BEGIN
  IF v.state = 'awaiting_upload' THEN
    v.bucket := ingest.setting_text('bucket');
    v.object_path := ingest.new_object_path(p_slug, p_job.job_id, v_id, p_offer.file_tag,
      p_offer.relative_path, p_offer.part_number, p_offer.part_count);
  END IF;
  INSERT INTO ingest.job_file (
    job_file_id, tenant_id, job_id, delivery_date, delivery_name, precedence, tag_rank, agent_id, opened_seq, file_tag,
    entity, file_spec_version, relative_path, content_sha256, original_sha256, size_bytes, modified_at, part_number,
    part_count, first_source_row, chunk_number, chunk_count, state, last_event, duplicate_of, bucket, object_path,
    upload_count, error_code, error, opened_at, next_attempt_at)
  VALUES (
    v_id, p_agent.tenant_id, p_job.job_id, p_job.delivery_date, p_job.delivery_name, p_job.precedence,
    ingest.tag_rank(p_plan, p_offer.file_tag), p_agent.agent_id, p_seq, p_offer.file_tag, v_spec.entity, v_spec.version,
    p_offer.relative_path, p_offer.content_sha256, p_offer.original_sha256, p_offer.size_bytes, p_offer.modified_at,
    p_offer.part_number, p_offer.part_count, p_offer.first_source_row, p_offer.chunk_number, p_offer.chunk_count,
    v.state, v.last_event, v.duplicate_of, v.bucket, v.object_path, (v.state = 'awaiting_upload')::integer,
    v.error ->> 'code', v.error, ingest.clock(), ingest.clock())
  RETURNING * INTO v;
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state, details)
  VALUES (p_agent.tenant_id, p_seq, ingest.clock(), v.last_event, 'agent:' || p_agent.agent_id, p_job.job_id, v_id, 'new',
    v.state, jsonb_strip_nulls(jsonb_build_object('object_path', v.object_path, 'duplicate_of', v.duplicate_of, 'error', v.error)));
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.register_offer(ingest.agent, text, ingest.job, ingest.file_offer, jsonb, bigint, jsonb) IS
  'Registers an offered file and its event under one number of the tenant''s log.';

-- After a batch: what the plan thinks of the new files; older cuts of the same originals that never came
-- are given up; a set whose total changed is refused as a whole.
CREATE FUNCTION ingest.settle_new_files(p_agent ingest.agent, p_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_old   uuid;
  v_actor text := 'agent:' || p_agent.agent_id;
  v_mixed jsonb := '{"code": "WB-2112", "message": "the parts of one set name different totals"}';
BEGIN
  FOR v_file IN SELECT f.* FROM ingest.job_file AS f WHERE f.job_file_id = ANY (p_ids) ORDER BY f.opened_seq LOOP
    PERFORM ingest.note_planned_file(v_file, false, v_actor);
    IF v_file.state = 'duplicate' THEN
      PERFORM ingest.note_planned_file(v_file, true, v_actor);
    ELSIF v_file.error_code = 'WB-2112' THEN
      PERFORM ingest.refuse_set(v_file, 'part', v_mixed, v_actor);
    ELSIF v_file.state = 'awaiting_upload' THEN
      FOR v_old IN SELECT f.job_file_id FROM ingest.job_file AS f
                    WHERE f.original_sha256 = v_file.original_sha256 AND f.tenant_id = v_file.tenant_id
                      AND f.file_tag = v_file.file_tag AND f.state = 'awaiting_upload'
                      AND f.part_count <> v_file.part_count AND f.agent_id = p_agent.agent_id LOOP
        PERFORM ingest.move_file(v_old, 'refused', v_actor, p_error => v_mixed);
      END LOOP;
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION ingest.settle_new_files(ingest.agent, uuid[]) IS 'What follows for others from a batch of newly registered files.';

-- What is new, or was reopened by this call, is judged by its preflight. A file that was offered before is not judged
-- again: an operator may have let it through.
CREATE FUNCTION ingest.take_offers(p_agent ingest.agent, p_job ingest.job, p_files jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_slug     text;
  v_plan     jsonb := CASE WHEN p_job.precedence = 1 THEN (ingest.current_plan(p_agent.tenant_id)).plan END;
  v_seq      bigint;
  v_entry    record;
  v_offer    ingest.file_offer;
  v_notice   jsonb;
  v_file     ingest.job_file;
  v_ids      uuid[] := '{}';
  v_new      uuid[] := '{}';
  v_noted    uuid[] := '{}';
  v_notices  jsonb[] := '{}';
BEGIN
  SELECT t.slug INTO STRICT v_slug FROM ingest.tenant AS t WHERE t.tenant_id = p_agent.tenant_id;
  SELECT c.last_seq INTO STRICT v_seq FROM ingest.tenant_clock AS c WHERE c.tenant_id = p_agent.tenant_id;
  FOR v_entry IN SELECT e.entry, e.position::integer - 1 AS index
                   FROM jsonb_array_elements(p_files) WITH ORDINALITY AS e (entry, position) ORDER BY e.position LOOP
    v_offer := ingest.read_offer(v_entry.entry, v_entry.index);
    v_notice := ingest.read_notice(v_entry.entry, v_entry.index);
    v_file := ingest.find_offered(p_agent, p_job, v_offer);
    IF v_file.job_file_id IS NULL THEN
      v_seq := v_seq + 1;
      v_file := ingest.register_offer(p_agent, v_slug, p_job, v_offer, v_notice, v_seq, v_plan);
      v_new := v_new || v_file.job_file_id;
    ELSIF ingest.needs_settling(p_agent, v_file) THEN
      UPDATE ingest.tenant_clock AS c SET last_seq = v_seq WHERE c.tenant_id = p_agent.tenant_id;
      v_file := ingest.settle_offer(p_agent, v_file);
      SELECT c.last_seq INTO STRICT v_seq FROM ingest.tenant_clock AS c WHERE c.tenant_id = p_agent.tenant_id;
    ELSE
      v_notice := NULL;
    END IF;
    v_ids := v_ids || v_file.job_file_id;
    IF v_notice IS NOT NULL THEN
      v_noted := v_noted || v_file.job_file_id;
      v_notices := v_notices || v_notice;
    END IF;
  END LOOP;
  UPDATE ingest.tenant_clock AS c SET last_seq = v_seq WHERE c.tenant_id = p_agent.tenant_id AND c.last_seq <> v_seq;
  PERFORM ingest.settle_new_files(p_agent, v_new);
  FOR v_entry IN SELECT n.id, n.notice FROM unnest(v_noted, v_notices) AS n (id, notice) LOOP
    PERFORM ingest.note_preflight(v_entry.id, v_entry.notice, 'agent:' || p_agent.agent_id);
  END LOOP;
  RETURN (SELECT coalesce(jsonb_agg(ingest.offer_answer(i.position::integer - 1, f) ORDER BY i.position), '[]')
            FROM unnest(v_ids) WITH ORDINALITY AS i (id, position) JOIN ingest.job_file AS f ON f.job_file_id = i.id);
END
$$;
COMMENT ON FUNCTION ingest.take_offers(ingest.agent, ingest.job, jsonb) IS
  'Finds or registers a batch of offered files; an offer made again finds what the first one made.';

CREATE FUNCTION public.ingest_open_job(job_key text, delivery jsonb, files jsonb DEFAULT '[]')
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
  v_agent    ingest.agent := (ingest.authorize('public.ingest_open_job')).agent;
  v_job      ingest.job;
  v_asked    ingest.job;
BEGIN
  IF ingest_open_job.job_key IS NULL OR ingest_open_job.job_key !~ '^[\x21-\x7e]{1,200}$' THEN
    PERFORM ingest.malformed('job_key is 1 to 200 printable ASCII characters without spaces');
  END IF;
  v_asked := ingest.read_delivery(ingest_open_job.delivery);
  IF jsonb_typeof(ingest_open_job.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  ELSIF jsonb_array_length(ingest_open_job.files) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  SELECT j.* INTO v_job FROM ingest.job AS j
   WHERE j.tenant_id = v_agent.tenant_id AND j.job_key = ingest_open_job.job_key;
  IF NOT FOUND THEN
    INSERT INTO ingest.job (tenant_id, agent_id, job_key, delivery_date, delivery_name, kind, precedence, allow_older, opened_at)
    VALUES (v_agent.tenant_id, v_agent.agent_id, ingest_open_job.job_key, v_asked.delivery_date, v_asked.delivery_name,
            v_asked.kind, v_asked.precedence, v_asked.allow_older, ingest.clock())
    RETURNING * INTO v_job;
    PERFORM ingest.append_event(v_agent.tenant_id, 'job_opened', 'agent:' || v_agent.agent_id, v_job.job_id);
    PERFORM ingest.open_delivery(v_agent.tenant_id, v_job.delivery_date, v_job.delivery_name, v_job.kind, 'agent:' || v_agent.agent_id);
  ELSIF v_job.agent_id <> v_agent.agent_id THEN
    PERFORM ingest.refuse('WB-2004', 403, 'this job key belongs to another agent', 'Make a new job key.');
  ELSIF (v_job.delivery_date, v_job.delivery_name, v_job.kind) IS DISTINCT FROM (v_asked.delivery_date, v_asked.delivery_name, v_asked.kind) THEN
    PERFORM ingest.malformed('this job key was opened for another delivery');
  ELSIF v_job.state <> 'open' THEN
    PERFORM ingest.refuse('WB-2103', 409, 'this job is closed and takes no more files', 'Open a new job for the file.');
  END IF;
  RETURN jsonb_build_object('job_id', v_job.job_id, 'job_key', v_job.job_key, 'state', v_job.state,
                            'files', ingest.take_offers(v_agent, v_job, ingest_open_job.files));
END
$$;
COMMENT ON FUNCTION public.ingest_open_job(text, jsonb, jsonb) IS
  'Opens or finds the job and registers a batch of files; schema/wire/ingest_open_job.schema.json.';
