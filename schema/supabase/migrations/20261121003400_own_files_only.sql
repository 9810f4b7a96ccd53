-- 0034 ingest_renew_uploads and ingest_confirm_uploads answer for the agent's own files only.
-- Why:    an agent that knew the id of another agent's file of its agency got a target for it, or used up its uploads with wrong
--         sizes. What a revoked agent left unsent passes to the one that asks: ingest_inventory tells its successor of it, and
--         Storage takes nothing for a revoked agent.
-- Needs:  0033.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.carried_file(p_agent ingest.agent, p_job_file_id uuid) RETURNS ingest.job_file
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT f.* FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
   WHERE f.job_file_id = p_job_file_id AND f.tenant_id = p_agent.tenant_id AND f.split_of IS NULL
     AND (f.agent_id = p_agent.agent_id OR a.revoked_at IS NOT NULL)
$$;
COMMENT ON FUNCTION ingest.carried_file(ingest.agent, uuid) IS
  'A file that the agent, or a revoked one of its agency, carries; a row of nulls for any other: it is answered as unknown.';

CREATE OR REPLACE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_renew_uploads')).agent;
  v_left  ingest.job_file;
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_left IN SELECT f.* FROM unnest(ingest_renew_uploads.job_file_ids) AS i (id)
                  JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON f.state = 'awaiting_upload'
                 WHERE f.agent_id <> v_agent.agent_id ORDER BY f.opened_seq LOOP
    PERFORM ingest.settle_offer(v_agent, v_left);
  END LOOP;
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'job_file_id', i.id, 'state', ingest.told_state(f.state),
             'upload', CASE WHEN f.state = 'awaiting_upload' THEN ingest.upload_target(f.bucket, f.object_path, f.size_bytes) END,
             'error', CASE WHEN f.state IS NULL THEN ingest.unknown_file() ELSE f.error END) ORDER BY i.position), '[]')
      FROM unnest(ingest_renew_uploads.job_file_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON true));
END
$$;

CREATE OR REPLACE FUNCTION public.ingest_confirm_uploads(files jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent    ingest.agent := (ingest.authorize('public.ingest_confirm_uploads')).agent;
  v_actor    text := 'agent:' || v_agent.agent_id;
  v_entry    record;
  v_file     ingest.job_file;
  v_ids      uuid[] := '{}';
  v_problems jsonb[] := '{}';
  v_came     uuid[] := '{}';
BEGIN
  IF jsonb_typeof(ingest_confirm_uploads.files) IS DISTINCT FROM 'array' THEN
    PERFORM ingest.malformed('files is not an array');
  ELSIF jsonb_array_length(ingest_confirm_uploads.files) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_entry IN
    SELECT e.entry, e.position - 1 AS index
      FROM jsonb_array_elements(ingest_confirm_uploads.files) WITH ORDINALITY AS e (entry, position) ORDER BY e.position
  LOOP
    IF coalesce(v_entry.entry ->> 'job_file_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
       OR ingest.whole_number(v_entry.entry, 'size_bytes', NULL) IS NULL THEN
      PERFORM ingest.malformed(format('files[%s] needs job_file_id and size_bytes', v_entry.index));
    END IF;
    v_ids := v_ids || (v_entry.entry ->> 'job_file_id')::uuid;
    v_file := ingest.carried_file(v_agent, (v_entry.entry ->> 'job_file_id')::uuid);
    v_problems := array_append(v_problems, ingest.judge_upload(v_file, (v_entry.entry ->> 'size_bytes')::bigint));
    IF v_file.state = 'awaiting_upload' THEN
      IF v_problems[cardinality(v_problems)] IS NULL THEN
        v_came := v_came || v_file.job_file_id;
      ELSIF v_problems[cardinality(v_problems)] ->> 'code' = 'WB-4002'
        AND ingest.replace_target(v_file, 'size_mismatched', v_actor, v_problems[cardinality(v_problems)]) = 'refused' THEN
        PERFORM ingest.refuse_siblings(v_file, v_problems[cardinality(v_problems)], v_actor);
      END IF;
    END IF;
  END LOOP;
  PERFORM ingest.receive_files(v_agent.tenant_id, v_came, v_actor);
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('job_file_id', e.entry -> 'job_file_id',
             'state', ingest.told_state(f.state), 'problem', v_problems[i.position]) ORDER BY i.position), '[]')
      FROM unnest(v_ids) WITH ORDINALITY AS i (id, position)
      JOIN jsonb_array_elements(ingest_confirm_uploads.files) WITH ORDINALITY AS e (entry, position) ON e.position = i.position
      LEFT JOIN LATERAL ingest.carried_file(v_agent, i.id) AS f ON true));
END
$$;
