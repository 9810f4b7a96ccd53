-- 0044 The usual row count of files in parts.
-- Why:    a file that was cut was compared with nothing: a large export could lose half its rows unnoticed, a small one could not.
-- Needs:  0042.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- A file has as many rows as its validation report says; rows_staged leaves out those that were set aside.
CREATE FUNCTION ingest.reported_rows(p_file ingest.job_file) RETURNS bigint
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce((SELECT ingest.whole_number(a.content, 'rows', NULL) FROM ingest.artifact AS a
                    WHERE a.job_file_id = p_file.job_file_id AND a.kind = 'validation_report'
                    ORDER BY a.created_at DESC LIMIT 1), p_file.rows_staged)
$$;
COMMENT ON FUNCTION ingest.reported_rows(ingest.job_file) IS 'Rows that were read in a staged file or part.';

CREATE FUNCTION ingest.rows_of_original(p_file ingest.job_file) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
  IF p_file.part_count = 1 THEN
    RETURN ingest.reported_rows(p_file);
  END IF;
  RETURN (SELECT sum(ingest.reported_rows(f)) FROM unnest(ingest.files_of_original(p_file)) AS i (id)
            JOIN ingest.job_file AS f ON f.job_file_id = i.id);
END
$$;
COMMENT ON FUNCTION ingest.rows_of_original(ingest.job_file) IS
  'Rows that were read in all parts of a staged file; null while parts are missing.';

-- An original is found by itself or by its first part; what central has cut counts by its parts.
CREATE OR REPLACE FUNCTION ingest.usual_row_count(p_job_file_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET enable_seqscan = off SET jit = off AS $$
DECLARE
  v_file  ingest.job_file;
  v_files uuid[];
  v_count jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.usual_row_count');
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  v_files := ingest.files_of_original(v_file);
  IF v_files IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT jsonb_build_object('files', count(recent.rows), 'median', (percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.rows))::bigint) INTO v_count
    FROM (SELECT ingest.rows_of_original(f) AS rows
            FROM ingest.job_file AS f
           WHERE f.tenant_id = v_file.tenant_id AND f.file_tag = v_file.file_tag AND f.precedence = 1
             AND f.part_number = 1 AND f.chunk_count = 1 AND NOT EXISTS (SELECT FROM ingest.job_file AS p WHERE p.split_of = f.job_file_id)
             AND f.state IN ('staged', 'processed', 'archived') AND f.delivery_date <= v_file.delivery_date
             AND f.original_sha256 <> v_file.original_sha256
             AND v_file.precedence = 1 AND v_file.chunk_count = 1
           ORDER BY f.delivery_date DESC, f.opened_at DESC LIMIT 7) AS recent;
  RETURN v_count || jsonb_build_object('other_rows',
    (SELECT coalesce(sum(ingest.reported_rows(f)), 0) FROM unnest(v_files) AS i (id)
       JOIN ingest.job_file AS f ON f.job_file_id = i.id WHERE i.id <> p_job_file_id));
END
$$;
COMMENT ON FUNCTION ingest.usual_row_count(uuid) IS
  '{files, median: of the row counts of the last seven good originals of the file''s tag; other_rows: read in the file''s other parts}; files is 0 for a chunk or history; null while parts are missing.';

REVOKE ALL ON FUNCTION ingest.reported_rows(ingest.job_file), ingest.rows_of_original(ingest.job_file)
  FROM PUBLIC, anon, authenticated, service_role;
