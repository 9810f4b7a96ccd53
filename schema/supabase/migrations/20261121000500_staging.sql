-- 0005 Staging: one table per entity, the guards, provenance and lineage.
-- Why:    an agency may ask for the source of any figure; the answer must be one query.
-- Needs:  0004.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

-- Rows come in by loads -----------------------------------------------------------------------------

-- Rows reach staging through one COPY per file. Checking each row against the registry would cost more
-- than loading it (docs/decisions/0003 has the figures), so the check is of a load as a whole: the
-- first statement that adds rows opens a load here, ingest.finish_stage counts and closes it, and a
-- transaction that leaves one open cannot commit.
CREATE TABLE staging.open_load (
  transaction_id xid8   NOT NULL,
  entity         text   NOT NULL,
  rows_before    bigint NOT NULL,
  CONSTRAINT a_transaction_opens_one_load_of_an_entity PRIMARY KEY (transaction_id, entity)
);
COMMENT ON TABLE  staging.open_load IS 'Loads that are going on; no row of it outlives its transaction.';
COMMENT ON COLUMN staging.open_load.transaction_id IS 'The transaction that adds the rows.';
COMMENT ON COLUMN staging.open_load.entity IS 'The entity, and so the staging table, that it adds to.';
COMMENT ON COLUMN staging.open_load.rows_before IS 'Rows that this session had added to the table when the load was opened.';
ALTER TABLE staging.open_load ENABLE ROW LEVEL SECURITY;

-- PostgreSQL counts what a session adds to a table, whatever the rows say; rolled-back rows count too.
CREATE FUNCTION staging.rows_added(p_entity text) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = '' AS $$
  SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(format('staging.%I', p_entity)::regclass)
$$;
COMMENT ON FUNCTION staging.rows_added(text) IS
  'Rows this session has added to the entity''s table; the difference of two readings in a transaction is exact.';

CREATE FUNCTION staging.open_load() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  INSERT INTO staging.open_load (transaction_id, entity, rows_before)
  VALUES (pg_current_xact_id(), TG_TABLE_NAME, staging.rows_added(TG_TABLE_NAME))
  ON CONFLICT (transaction_id, entity) DO NOTHING;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION staging.open_load() IS 'Trigger: rows are about to be added, so a load is going on.';

CREATE FUNCTION staging.refuse_open_load() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF EXISTS (SELECT FROM staging.open_load AS l
              WHERE l.transaction_id = NEW.transaction_id AND l.entity = NEW.entity) THEN
    PERFORM ingest.refuse('WB-2004', 403,
      format('rows were added to staging.%s that are not of a file whose staging was finished', NEW.entity),
      'Stage through ingest.claim_next and ingest.finish_stage.');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION staging.refuse_open_load() IS 'Trigger, at commit: refuses (WB-2004) rows whose load nobody finished.';

CREATE CONSTRAINT TRIGGER a_load_is_finished_before_commit AFTER INSERT OR UPDATE ON staging.open_load
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION staging.refuse_open_load();

-- Closes the load of a file and returns its rows: all that this transaction added are of this file,
-- of its tenant and job, and nobody added any before.
CREATE FUNCTION staging.close_load(p_file ingest.job_file) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_before bigint;
  v_added  bigint := 0;
  v_rows   bigint;
  v_own    bigint;
BEGIN
  DELETE FROM staging.open_load AS l
   WHERE l.transaction_id = pg_current_xact_id() AND l.entity = p_file.entity RETURNING l.rows_before INTO v_before;
  IF FOUND THEN
    v_added := staging.rows_added(p_file.entity) - v_before;
  END IF;
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE r.tenant_id = $2 AND r.job_id = $3) '
              || 'FROM staging.%I AS r WHERE r.job_file_id = $1', p_file.entity)
    INTO v_rows, v_own USING p_file.job_file_id, p_file.tenant_id, p_file.job_id;
  IF v_own <> v_rows OR v_added <> v_rows THEN
    PERFORM ingest.refuse('WB-2004', 403,
      format('%s rows were added to staging.%s, %s are of this file, %s of them of its tenant and job',
             v_added, p_file.entity, v_rows, v_own),
      'The rows were not taken; report it if unexpected.');
  END IF;
  RETURN v_rows;
END
$$;
COMMENT ON FUNCTION staging.close_load(ingest.job_file) IS
  'Ends a file''s load and counts its rows; refused (WB-2004) when a row is of another file, tenant or job.';

-- Rows leave with their file ------------------------------------------------------------------------

-- Staged rows leave by one way only: staging.remove_rows names the file here first, and takes the name
-- away at its end. Nobody else may write here, so nobody else can delete a row.
CREATE TABLE staging.retirement (
  transaction_id xid8 NOT NULL,
  job_file_id    uuid NOT NULL,
  CONSTRAINT a_transaction_retires_a_file_once PRIMARY KEY (transaction_id, job_file_id)
);
COMMENT ON TABLE  staging.retirement IS 'Files whose rows are being removed; no row of it outlives its transaction.';
COMMENT ON COLUMN staging.retirement.transaction_id IS 'The transaction that removes the rows.';
COMMENT ON COLUMN staging.retirement.job_file_id IS 'The file whose rows it may remove.';
ALTER TABLE staging.retirement ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION staging.guard_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF TG_OP <> 'DELETE' OR NOT EXISTS (SELECT FROM staging.retirement AS r WHERE r.transaction_id = pg_current_xact_id()) THEN
    PERFORM ingest.refuse('WB-2110', 409,
      format('%s.%s is a record of custody: %s is not possible', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP),
      'Records of custody are append-only; nothing to do.');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION staging.guard_rows() IS 'Trigger: refuses (WB-2110) every change of staged rows but the removal of a retired file''s.';

CREATE FUNCTION staging.check_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF EXISTS (SELECT FROM removed AS d WHERE NOT EXISTS (
       SELECT FROM staging.retirement AS r
        WHERE r.transaction_id = pg_current_xact_id() AND r.job_file_id = d.job_file_id)) THEN
    PERFORM ingest.refuse('WB-2110', 409, format('rows of staging.%s are of a file that is not being retired', TG_TABLE_NAME),
      'Records of custody are append-only; nothing to do.');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION staging.check_removed() IS 'Trigger: refuses (WB-2110) the removal of rows of any other file.';

CREATE FUNCTION staging.remove_rows(p_file ingest.job_file) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_rows bigint;
BEGIN
  INSERT INTO staging.retirement (transaction_id, job_file_id) VALUES (pg_current_xact_id(), p_file.job_file_id);
  EXECUTE format('DELETE FROM staging.%I AS r WHERE r.job_file_id = $1', p_file.entity) USING p_file.job_file_id;
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  DELETE FROM staging.retirement AS r WHERE r.transaction_id = pg_current_xact_id() AND r.job_file_id = p_file.job_file_id;
  RETURN v_rows;
END
$$;
COMMENT ON FUNCTION staging.remove_rows(ingest.job_file) IS 'Removes the staged rows of one file and returns how many they were.';

-- One table per entity ------------------------------------------------------------------------------

DO $$
DECLARE
  e record;
BEGIN
  FOR e IN SELECT entity, description FROM ingest.entity ORDER BY entity LOOP
    EXECUTE format($sql$
      CREATE TABLE staging.%1$I (
        tenant_id   uuid   NOT NULL,
        job_id      uuid   NOT NULL,
        job_file_id uuid   NOT NULL,
        source_row  bigint NOT NULL,
        natural_key text   COLLATE "C",
        payload     jsonb  NOT NULL,
        CONSTRAINT %2$I PRIMARY KEY (job_file_id, source_row),
        CONSTRAINT source_rows_start_at_one CHECK (source_row >= 1),
        CONSTRAINT a_natural_key_is_at_most_1000_bytes CHECK (octet_length(natural_key) <= 1000),
        CONSTRAINT a_payload_is_an_object CHECK (jsonb_typeof(payload) = 'object')
      );
      CREATE INDEX %3$I ON staging.%1$I (tenant_id, natural_key);
      COMMENT ON TABLE  staging.%1$I IS %4$L;
      COMMENT ON COLUMN staging.%1$I.tenant_id IS 'The agency; row-isolation key.';
      COMMENT ON COLUMN staging.%1$I.job_id IS 'The delivery it came with.';
      COMMENT ON COLUMN staging.%1$I.job_file_id IS 'The file, or part of one, that it was read from.';
      COMMENT ON COLUMN staging.%1$I.source_row IS 'Record number in the partner''s original file, from 1, header not counted.';
      COMMENT ON COLUMN staging.%1$I.natural_key IS 'The partner''s own key: its fields joined by U+001F; null when the spec names none.';
      COMMENT ON COLUMN staging.%1$I.payload IS 'The row as the file spec maps it.';
      CREATE TRIGGER a_row_belongs_to_a_file_of_its_tenant BEFORE INSERT ON staging.%1$I
        FOR EACH STATEMENT EXECUTE FUNCTION staging.open_load();
      CREATE TRIGGER a_staged_row_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON staging.%1$I
        FOR EACH STATEMENT EXECUTE FUNCTION staging.guard_rows();
      CREATE TRIGGER only_rows_of_a_retired_file_leave AFTER DELETE ON staging.%1$I
        REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION staging.check_removed();
      ALTER TABLE staging.%1$I ENABLE ROW LEVEL SECURITY;
    $sql$, e.entity, 'a_' || e.entity || '_row_is_staged_once', e.entity || '_by_natural_key',
           'Staged rows of the entity ' || e.entity || ': ' || e.description || ' Append-only.');
  END LOOP;
END
$$;

-- Where rows come from ------------------------------------------------------------------------------

CREATE VIEW staging.provenance WITH (security_invoker = true) AS
  SELECT f.job_file_id, f.tenant_id, t.slug AS tenant, f.job_id, j.job_key, f.delivery_date, j.delivery_name,
         f.agent_id, a.agent_name, f.file_tag, f.entity, f.file_spec_version, f.relative_path,
         f.content_sha256, f.original_sha256, f.size_bytes, f.part_number, f.part_count, f.first_source_row,
         f.bucket, f.object_path, f.state, f.error_code, f.rows_staged, f.staged_by,
         f.opened_at, f.received_at, f.verified_at, f.staged_at, f.processed_at, f.archived_at
    FROM ingest.job_file AS f
    JOIN ingest.job AS j ON j.job_id = f.job_id
    JOIN ingest.tenant AS t ON t.tenant_id = f.tenant_id
    JOIN ingest.agent AS a ON a.agent_id = f.agent_id;
COMMENT ON VIEW staging.provenance IS 'Every file with the names that people know: join staged rows to it by job_file_id.';

CREATE VIEW staging.any_row WITH (security_invoker = true) AS
            SELECT 'component'::text AS entity, r.* FROM staging.component AS r
  UNION ALL SELECT 'variant', r.* FROM staging.variant AS r
  UNION ALL SELECT 'recipe', r.* FROM staging.recipe AS r
  UNION ALL SELECT 'recipe_line', r.* FROM staging.recipe_line AS r
  UNION ALL SELECT 'party', r.* FROM staging.party AS r
  UNION ALL SELECT 'uom_conversion', r.* FROM staging.uom_conversion AS r;
COMMENT ON VIEW staging.any_row IS 'The rows of all staging tables, each with the name of its entity.';

-- A view's column means what the table's column of that name means; the delivery's name is the job's.
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT v.attrelid::regclass AS view, v.attname, coalesce(
             col_description(s.attrelid, s.attnum), CASE v.attname
               WHEN 'tenant' THEN 'The agency''s slug.'
               WHEN 'job_key' THEN 'Key that the agent made for the delivery.'
               WHEN 'delivery_name' THEN 'Which delivery of its date, e.g. nightly.'
               WHEN 'agent_name' THEN 'Name of the agent that carries the file.'
               WHEN 'entity' THEN 'The entity, which is the name of the staging table.' END) AS comment
      FROM pg_catalog.pg_attribute AS v
      LEFT JOIN pg_catalog.pg_attribute AS s ON s.attname = v.attname AND s.attnum > 0 AND s.attname <> 'delivery_name'
       AND s.attrelid = CASE v.attrelid WHEN 'staging.any_row'::regclass THEN 'staging.component'::regclass
                                        ELSE 'ingest.job_file'::regclass END
     WHERE v.attrelid IN ('staging.provenance'::regclass, 'staging.any_row'::regclass) AND v.attnum > 0
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.comment);
  END LOOP;
END
$$;

-- Runs with the caller's own rights: row security decides what a person finds.
CREATE FUNCTION staging.lineage(p_job_file_id uuid, p_source_row bigint)
RETURNS TABLE (
  entity text, natural_key text, payload jsonb, tenant text, job_id uuid, job_key text, delivery_date date,
  job_file_id uuid, relative_path text, source_row bigint, content_sha256 text, original_sha256 text,
  part_number integer, part_count integer, bucket text, object_path text, state text, agent text,
  file_tag text, file_spec_version integer, received_at timestamptz, verified_at timestamptz,
  staged_at timestamptz, worker text
)
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT r.entity, r.natural_key, r.payload, p.tenant, p.job_id, p.job_key, p.delivery_date,
         p.job_file_id, p.relative_path, r.source_row, p.content_sha256, p.original_sha256,
         p.part_number, p.part_count, p.bucket, p.object_path, p.state, p.agent_name,
         p.file_tag, p.file_spec_version, p.received_at, p.verified_at, p.staged_at, p.staged_by
    FROM staging.any_row AS r
    JOIN staging.provenance AS p ON p.job_file_id = r.job_file_id
   WHERE r.job_file_id = p_job_file_id AND r.source_row = p_source_row
$$;
COMMENT ON FUNCTION staging.lineage(uuid, bigint) IS 'The whole story of one staged row: from payload to agency, job, file, SHA-256 and source row.';
