-- 0040 What the agent found in a file before it was sent: an artifact of the file, and a reason not to send it.
-- Why:    a file that its own spec refuses is refused at the partner's door: registered, told why, and its bytes stay there.
-- Needs:  0039.   Locks: ingest.setting for an instant.
-- Rule:   released migrations are never edited; add the next number.

ALTER TABLE ingest.setting DROP CONSTRAINT a_number_setting_is_a_whole_number_above_zero;
ALTER TABLE ingest.setting ADD CONSTRAINT a_number_setting_is_a_whole_number_above_zero CHECK (
  name IN ('bucket', 'signing_mode', 'preflight')
  OR (jsonb_typeof(value) = 'number' AND value::text ~ '^[1-9][0-9]{0,14}$')
  OR (name = 'orphan_grace_s' AND value = '0'));
INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('preflight', '"stop"', true, 'What agents read files for before they send them: stop = what its spec refuses is not sent; report = it is sent all the same; off = files are only hashed.');
ALTER TABLE ingest.setting ADD CONSTRAINT the_preflight_is_known CHECK (
  name <> 'preflight' OR value IN ('"stop"', '"report"', '"off"'));

-- The agent is trusted with its own file, not with our tables: known keys only, of a known size, and nothing that looks
-- like a token. Details that do not pass are dropped; the counts stay.
CREATE FUNCTION ingest.read_notice(p_entry jsonb, p_index integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_notice  jsonb := p_entry -> 'preflight';
  v_counts  jsonb;
  v_details jsonb;
BEGIN
  IF coalesce(jsonb_typeof(v_notice), 'null') = 'null' THEN
    RETURN NULL;
  ELSIF jsonb_typeof(v_notice) <> 'object' OR ingest.whole_number(v_notice, 'spec_version', NULL) IS NULL
     OR coalesce(v_notice ->> 'outcome', '') NOT IN ('accepted', 'refused')
     OR octet_length((v_notice -> 'error')::text) > 4096 THEN
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
    'groups', CASE WHEN jsonb_typeof(v_notice -> 'groups') = 'array' THEN v_notice -> 'groups' END,
    'drift', CASE WHEN jsonb_typeof(v_notice -> 'drift') = 'array' THEN v_notice -> 'drift' END));
  IF octet_length(v_details::text) > 65536 OR v_details::text ~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)' THEN
    v_details := '{"left_out": true}';
  ELSIF v_notice -> 'left_out' = 'true' THEN
    v_details := v_details || '{"left_out": true}';
  END IF;
  RETURN v_counts || v_details;
END
$$;
COMMENT ON FUNCTION ingest.read_notice(jsonb, integer) IS
  'What an offer says of its preflight, as it is kept; null when it says nothing, refused (WB-2101) when it is not as agreed.';

-- A verdict counts only by the spec that is in force: under a newer one the bytes may be good.
CREATE FUNCTION ingest.note_preflight(p_file_id uuid, p_notice jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_file_id;
  INSERT INTO ingest.artifact (tenant_id, job_id, job_file_id, kind, content, content_sha256, created_by)
  VALUES (v_file.tenant_id, v_file.job_id, p_file_id, 'preflight_report', p_notice, ingest.sha256_hex(p_notice::text), p_actor);
  IF p_notice ->> 'outcome' = 'refused' AND v_file.state = 'awaiting_upload' AND ingest.setting_text('preflight') = 'stop'
     AND (p_notice ->> 'spec_version')::bigint = v_file.file_spec_version THEN
    PERFORM ingest.refuse_one(v_file, p_notice -> 'error', p_actor, true);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_preflight(uuid, jsonb, text) IS
  'Keeps what an agent found in a file as its artifact; a file that the spec in force refuses is refused before its bytes are sent.';

-- As in 0021; and what is new, or was reopened by this call, is judged by its preflight. A file that was offered before is
-- not judged again: an operator may have let it through.
CREATE OR REPLACE FUNCTION ingest.take_offers(p_agent ingest.agent, p_job ingest.job, p_files jsonb) RETURNS jsonb
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
      v_file := ingest.register_offer(p_agent, v_slug, p_job, v_offer, v_seq, v_plan);
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
