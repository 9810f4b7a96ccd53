-- 0036 A part that is cut again goes on from the object that it has.
-- Why:    a part that had been staged and renamed was given the path of its new cut, and its next rename met its
--         own old object: Storage refused, and the agency was halted, whatever its operator did.
-- Needs:  0035.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- Registers the parts of a split file. After a retry the same parts are found again, where they are stored; one that
-- is not stored any more is at the path of its new cut. An ended part that the cut no longer has gives up its path,
-- for it belongs to the new one.
CREATE OR REPLACE FUNCTION ingest.add_parts(p_file ingest.job_file, p_parts jsonb, p_count integer, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_base bigint;
  v_now  timestamptz := ingest.clock();
  v_old  ingest.job_file;
  v_same uuid[];
  v_path text;
BEGIN
  IF EXISTS (SELECT FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.part_count <> p_count
                AND f.state NOT IN ('refused', 'retired', 'duplicate')) THEN
    PERFORM ingest.refuse('WB-2112', 409, 'parts of an earlier cut are staged already', 'Retire the file, then retry it.');
  END IF;
  v_same := ARRAY(
    SELECT DISTINCT ON (f.part_number) f.job_file_id FROM ingest.job_file AS f
      JOIN jsonb_array_elements(p_parts) AS e (part) ON (e.part ->> 'part_number')::integer = f.part_number
     WHERE f.split_of = p_file.job_file_id AND ingest.is_reopenable(f) AND f.part_count = p_count
       AND e.part ->> 'content_sha256' = f.content_sha256 AND (e.part ->> 'first_source_row')::bigint = f.first_source_row
     ORDER BY f.part_number, f.opened_seq DESC);
  UPDATE ingest.job_file AS f SET object_path = NULL
   WHERE f.split_of = p_file.job_file_id AND f.state IN ('refused', 'retired') AND f.job_file_id <> ALL (v_same);
  FOR v_old IN SELECT f.* FROM ingest.job_file AS f WHERE f.job_file_id = ANY (v_same) ORDER BY f.part_number LOOP
    v_path := CASE WHEN ingest.stored_size(v_old.bucket, v_old.object_path) = v_old.size_bytes THEN v_old.object_path
                   ELSE ingest.part_path(p_file.object_path, v_old.part_number) END;
    PERFORM ingest.move_file(v_old.job_file_id, 'retried', p_actor, jsonb_strip_nulls(jsonb_build_object(
      'file_spec_version', p_file.file_spec_version, 'entity', p_file.entity,
      'object_path', v_path, 'dropped_path', nullif(v_old.object_path, v_path))));
  END LOOP;
  v_base := ingest.take_numbers(p_file.tenant_id, p_count);
  INSERT INTO ingest.job_file (
    tenant_id, job_id, delivery_date, delivery_name, precedence, tag_rank, agent_id, opened_seq, file_tag, entity,
    file_spec_version, relative_path, content_sha256, original_sha256, size_bytes, modified_at, part_number, part_count,
    first_source_row, chunk_number, chunk_count, split_of, is_split_judged, allow_older, state, last_event, bucket,
    object_path, opened_at, received_at, next_attempt_at)
  SELECT p_file.tenant_id, p_file.job_id, p_file.delivery_date, p_file.delivery_name, p_file.precedence, p_file.tag_rank,
         p_file.agent_id, v_base + (e.part ->> 'part_number')::bigint, p_file.file_tag, p_file.entity,
         p_file.file_spec_version, p_file.relative_path, e.part ->> 'content_sha256', p_file.original_sha256,
         (e.part ->> 'size_bytes')::bigint, p_file.modified_at, (e.part ->> 'part_number')::integer, p_count,
         (e.part ->> 'first_source_row')::bigint, p_file.chunk_number, p_file.chunk_count, p_file.job_file_id, true,
         p_file.allow_older, 'received', 'split_off', p_file.bucket,
         ingest.part_path(p_file.object_path, (e.part ->> 'part_number')::integer), v_now, v_now, v_now
    FROM jsonb_array_elements(p_parts) AS e (part)
   WHERE NOT EXISTS (SELECT FROM ingest.job_file AS f
                      WHERE f.split_of = p_file.job_file_id AND f.part_number = (e.part ->> 'part_number')::integer
                        AND f.state NOT IN ('refused', 'retired', 'duplicate'));
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state, details)
  SELECT f.tenant_id, f.opened_seq, v_now, 'split_off', p_actor, f.job_id, f.job_file_id, 'new', 'received',
         jsonb_build_object('split_of', f.split_of, 'part_number', f.part_number, 'object_path', f.object_path)
    FROM ingest.job_file AS f WHERE f.split_of = p_file.job_file_id AND f.opened_seq > v_base AND f.last_event = 'split_off';
END
$$;
