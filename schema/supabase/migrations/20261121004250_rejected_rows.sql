-- 0042.5 Rows that were set aside are an artifact of their file; their text only where the file spec says so.
-- Why:    somebody has to mend them, and central is where they are missed.
-- Needs:  0042.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

COMMENT ON COLUMN ingest.artifact.content IS 'The artifact itself. It holds no value of the file, with one exception: rejected_rows have the text of the rows that were set aside when the file spec says send_quarantined_rows.';

CREATE FUNCTION ingest.add_artifact(p_file ingest.job_file, p_kind text, p_content jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_content IS NOT NULL THEN
    INSERT INTO ingest.artifact (tenant_id, job_id, job_file_id, kind, content, content_sha256, created_by)
    VALUES (p_file.tenant_id, p_file.job_id, p_file.job_file_id, p_kind, p_content, ingest.sha256_hex(p_content::text), p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.add_artifact(ingest.job_file, text, jsonb, text) IS 'Keeps an artifact of a file; null is none.';

-- The spec that the file was read by decides, not the worker: what it does not allow is not kept.
CREATE FUNCTION ingest.add_rejected(p_file ingest.job_file, p_rejected jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_spec    jsonb := (SELECT s.spec FROM ingest.file_spec AS s
                       WHERE s.tenant_id = p_file.tenant_id AND s.file_tag = p_file.file_tag AND s.version = p_file.file_spec_version);
  v_secrets text[] := CASE WHEN v_spec -> 'send_quarantined_rows' = 'true' THEN '{}' ELSE '{text,base64}' END;
BEGIN
  IF p_rejected IS NULL THEN
    RETURN;
  ELSIF jsonb_typeof(p_rejected -> 'rows') IS DISTINCT FROM 'array' OR octet_length(p_rejected::text) > 2097152 THEN
    PERFORM ingest.malformed('rejected rows are an object with the array rows, of 2 MiB at most');
  END IF;
  PERFORM ingest.add_artifact(p_file, 'rejected_rows', jsonb_build_object(
    'rows', (SELECT coalesce(jsonb_agg(r.entry - v_secrets ORDER BY r.position), '[]')
               FROM jsonb_array_elements(p_rejected -> 'rows') WITH ORDINALITY AS r (entry, position)),
    'truncated', p_rejected -> 'truncated' = 'true'), p_actor);
END
$$;
COMMENT ON FUNCTION ingest.add_rejected(ingest.job_file, jsonb, text) IS
  'Keeps the rows that were set aside; without their text, unless the file''s spec says send_quarantined_rows.';

CREATE OR REPLACE FUNCTION ingest.add_report(p_file ingest.job_file, p_report jsonb, p_actor text) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  SELECT ingest.add_artifact(p_file, 'validation_report', p_report, p_actor)
$$;

DROP FUNCTION ingest.finish_stage(uuid, bigint, uuid, bigint, text, jsonb);
CREATE FUNCTION ingest.finish_stage(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_rows bigint, p_sha256 text, p_report jsonb DEFAULT NULL,
  p_rejected jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end  ingest.ended_step;
  v_file ingest.job_file;
  v_rows bigint;
BEGIN
  PERFORM ingest.authorize('ingest.finish_stage');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{stage}');
  v_file := v_end.file;
  IF p_sha256 IS DISTINCT FROM v_file.content_sha256 THEN
    PERFORM ingest.refuse('WB-4003', 409, 'the bytes that were read are not the bytes that the ledger names',
      'Look for whoever alters stored objects.');
  END IF;
  v_rows := staging.close_load(v_file);
  IF v_rows IS DISTINCT FROM p_rows THEN
    PERFORM ingest.refuse('WB-5003', 500, format('%s rows are in staging, %s were announced', v_rows, p_rows),
      'Report it; this is a defect.');
  END IF;
  PERFORM ingest.add_report(v_file, p_report, v_end.actor);
  PERFORM ingest.add_rejected(v_file, p_rejected, v_end.actor);
  RETURN ingest.move_file(p_job_file_id, 'staged', v_end.actor, jsonb_strip_nulls(jsonb_build_object(
    'rows_staged', v_rows, 'rows_skipped', ingest.whole_number(p_report, 'rows_skipped', NULL))));
END
$$;
COMMENT ON FUNCTION ingest.finish_stage(uuid, bigint, uuid, bigint, text, jsonb, jsonb) IS
  'The rows of this transaction are the file''s, with hash and count as promised; keeps the validation report and the rows set aside.';

DROP FUNCTION ingest.refuse_file(uuid, bigint, uuid, jsonb, jsonb);
CREATE FUNCTION ingest.refuse_file(
  p_tenant_id uuid, p_fence bigint, p_job_file_id uuid, p_error jsonb, p_report jsonb DEFAULT NULL, p_rejected jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_end  ingest.ended_step;
  v_file ingest.job_file;
BEGIN
  PERFORM ingest.authorize('ingest.refuse_file');
  v_end := ingest.end_step(p_tenant_id, p_fence, p_job_file_id, '{verify,split,stage}');
  v_file := v_end.file;
  PERFORM ingest.add_report(v_file, p_report, v_end.actor);
  PERFORM ingest.add_rejected(v_file, p_rejected, v_end.actor);
  RETURN ingest.refuse_one(v_file, ingest.clean_error(p_error), v_end.actor, true);
END
$$;
COMMENT ON FUNCTION ingest.refuse_file(uuid, bigint, uuid, jsonb, jsonb, jsonb) IS
  'Ends a file with the reason, for content that trying again cannot help; its spec says whether the agency halts.';
