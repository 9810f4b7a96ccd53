-- 0019 What staging knows and no file can: usual row counts, keys staged before, rows that are referred to.
-- Why:    the reader sees one file, or one part of it; whether it fits what came before only the registry and staging can say.
-- Needs:  0018.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.
--
-- The worker asks these functions in the transaction that has just added the rows. Nothing tells the planner of them yet, and in a young
-- registry little of the others: so every look-up is a subquery of one row that an index answers, walks through all rows are off, and
-- sets of rows are brought together by grouping them, never by joining them.

CREATE FUNCTION ingest.files_of_original(p_file ingest.job_file) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
  IF p_file.part_count = 1 THEN
    RETURN ARRAY[p_file.job_file_id];
  END IF;
  RETURN (SELECT CASE WHEN count(*) = p_file.part_count THEN array_agg(m.job_file_id ORDER BY m.part_number) END
            FROM ingest.set_members(p_file, 'part') AS m
           WHERE m.job_file_id = p_file.job_file_id
              OR m.part_count = p_file.part_count AND m.state IN ('staged', 'processed', 'archived'));
END
$$;
COMMENT ON FUNCTION ingest.files_of_original(ingest.job_file) IS
  'The file and, for a part, all other parts of its original; null while one of those is not staged.';

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
CREATE FUNCTION ingest.usual_row_count(p_job_file_id uuid) RETURNS jsonb
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

-- Rows in staging are of staged files: what is refused or retired has none there. The file's own rows are told apart first, because
-- each of them has its own key.
CREATE FUNCTION ingest.known_keys(p_job_file_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET enable_seqscan = off SET jit = off AS $$
DECLARE
  v_file  ingest.job_file;
  v_found jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.known_keys');
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  EXECUTE format($sql$
    WITH found AS MATERIALIZED (
      SELECT n.source_row FROM staging.%1$I AS n
       WHERE n.job_file_id = $1 AND n.natural_key IS NOT NULL
         AND (SELECT true FROM staging.%1$I AS r
               WHERE r.tenant_id = $2 AND r.natural_key = n.natural_key AND r.job_file_id <> $1
                 AND (SELECT f.delivery_date <= $3 AND f.original_sha256 <> $4
                        FROM ingest.job_file AS f WHERE f.job_file_id = r.job_file_id)
               LIMIT 1))
    SELECT jsonb_build_object('rows', count(*), 'first_rows',
             to_jsonb(ARRAY(SELECT f.source_row FROM found AS f ORDER BY f.source_row LIMIT 5))) FROM found
  $sql$, v_file.entity) INTO v_found USING p_job_file_id, v_file.tenant_id, v_file.delivery_date, v_file.original_sha256;
  RETURN v_found;
END
$$;
COMMENT ON FUNCTION ingest.known_keys(uuid) IS
  'Rows of the file whose natural key another content of the same delivery date or before has brought: {rows, first_rows}.';

-- The reader has compared the keys of one part, as far as its memory reaches; here those of all parts are, once all are there.
CREATE FUNCTION ingest.repeated_keys(p_job_file_id uuid, p_unchecked_from bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET enable_seqscan = off SET jit = off AS $$
DECLARE
  v_file  ingest.job_file;
  v_files uuid[];
  v_found jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.repeated_keys');
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  v_files := ingest.files_of_original(v_file);
  IF v_files IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format($sql$
    WITH found AS MATERIALIZED (
      SELECT k.source_row
        FROM (SELECT r.source_row, r.job_file_id, first_value(r.job_file_id) OVER same_key AS first_file, row_number() OVER same_key AS number
                FROM staging.%I AS r WHERE r.job_file_id = ANY ($1) AND r.natural_key IS NOT NULL
              WINDOW same_key AS (PARTITION BY r.natural_key ORDER BY r.source_row)) AS k
       WHERE k.number > 1 AND (k.job_file_id <> k.first_file OR k.job_file_id = $2 AND k.source_row >= $3))
    SELECT jsonb_build_object('rows', count(*), 'first_rows',
             to_jsonb(ARRAY(SELECT f.source_row FROM found AS f ORDER BY f.source_row LIMIT 5))) FROM found
  $sql$, v_file.entity) INTO v_found USING v_files, p_job_file_id, nullif(p_unchecked_from, 0);
  RETURN v_found;
END
$$;
COMMENT ON FUNCTION ingest.repeated_keys(uuid, bigint) IS
  'Rows whose natural key an earlier row of the original has, in another part or beyond what the reader compared: {rows, first_rows}; null while parts are missing.';

-- A key is looked up once, however many rows name it. Rows refer to rows of their own entity in any part of their original.
CREATE FUNCTION ingest.unknown_references(p_job_file_id uuid, p_entity text, p_keys text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET enable_seqscan = off SET jit = off AS $$
DECLARE
  v_file  ingest.job_file;
  v_files uuid[];
  v_found jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.unknown_references');
  IF coalesce(cardinality(p_keys), 0) = 0 OR NOT EXISTS (SELECT FROM ingest.entity AS e WHERE e.entity = p_entity) THEN
    PERFORM ingest.malformed('a reference names an entity and the payload keys of its natural key');
  END IF;
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  v_files := CASE WHEN v_file.entity = p_entity THEN ingest.files_of_original(v_file) ELSE ARRAY[p_job_file_id] END;
  IF v_files IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format($sql$
    WITH unknown AS MATERIALIZED (
      SELECT k.rows, k.first_row
        FROM (SELECT n.key, count(*) AS rows, min(n.source_row) AS first_row
                FROM (SELECT r.source_row, %s AS key FROM staging.%I AS r WHERE r.job_file_id = ANY ($1)) AS n
               WHERE n.key IS NOT NULL GROUP BY n.key) AS k
       WHERE (SELECT true FROM staging.%I AS r WHERE r.tenant_id = $2 AND r.natural_key = k.key LIMIT 1) IS NULL)
    SELECT jsonb_build_object('rows', coalesce(sum(u.rows), 0), 'keys', count(*), 'first_rows',
             to_jsonb(ARRAY(SELECT f.first_row FROM unknown AS f ORDER BY f.first_row LIMIT 5))) FROM unknown AS u
  $sql$, (SELECT string_agg(format('(r.payload ->> %L)', k.key), ' || chr(31) || ' ORDER BY k.position)
            FROM unnest(p_keys) WITH ORDINALITY AS k (key, position)), v_file.entity, p_entity)
    INTO v_found USING v_files, v_file.tenant_id;
  RETURN v_found;
END
$$;
COMMENT ON FUNCTION ingest.unknown_references(uuid, text, text[]) IS
  'Rows that name, by these payload keys, no staged row of the entity: {rows, keys, first_rows: of each unknown key the first}; null while parts of the original are missing.';
