-- 0034 RPC ingest_renew_uploads again: what a revoked agent was to send passes to the one that asks.
-- Why:    an agent that was enrolled anew is told by ingest_inventory of what its predecessor left
--         unsent, and asks for a place to send it to. Storage takes nothing for a revoked agent.
-- Needs:  0033.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE OR REPLACE FUNCTION public.ingest_renew_uploads(job_file_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent := (ingest.authorize('public.ingest_renew_uploads')).agent;
  v_left  ingest.job_file;
BEGIN
  IF cardinality(ingest_renew_uploads.job_file_ids) > 500 THEN
    PERFORM ingest.refuse('WB-2107', 413, 'one call takes at most 500 files', 'Update the agent; it sends smaller batches.');
  END IF;
  FOR v_left IN SELECT f.* FROM ingest.job_file AS f JOIN ingest.agent AS a ON a.agent_id = f.agent_id
                 WHERE f.job_file_id = ANY (ingest_renew_uploads.job_file_ids) AND f.tenant_id = v_agent.tenant_id
                   AND f.state = 'awaiting_upload' AND a.revoked_at IS NOT NULL
                 ORDER BY f.opened_seq LOOP
    PERFORM ingest.settle_offer(v_agent, v_left);
  END LOOP;
  RETURN jsonb_build_object('files', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'job_file_id', i.id, 'state', ingest.told_state(f.state),
             'upload', CASE WHEN f.state = 'awaiting_upload' THEN ingest.upload_target(f.bucket, f.object_path, f.size_bytes) END,
             'error', CASE WHEN f.state IS NULL THEN ingest.unknown_file() ELSE f.error END) ORDER BY i.position), '[]')
      FROM unnest(ingest_renew_uploads.job_file_ids) WITH ORDINALITY AS i (id, position)
      LEFT JOIN ingest.job_file AS f ON f.job_file_id = i.id AND f.tenant_id = v_agent.tenant_id));
END
$$;
