-- 0003 Jobs, their files, and the legal moves of a file.
-- Why:    one place says what was delivered, by whom, and how far it has travelled.
-- Needs:  0002.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE TABLE ingest.job (
  job_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id     uuid        NOT NULL,
  agent_id      uuid        NOT NULL,
  job_key       text        NOT NULL,
  delivery_date date        NOT NULL,
  delivery_name text        NOT NULL,
  state         text        NOT NULL DEFAULT 'open',
  opened_at     timestamptz NOT NULL DEFAULT now(),
  closed_at     timestamptz,
  close_reason  text,
  completed_at  timestamptz,
  CONSTRAINT a_job_exists_once PRIMARY KEY (job_id),
  CONSTRAINT a_job_key_names_one_job_of_a_tenant UNIQUE (tenant_id, job_key),
  CONSTRAINT a_job_has_one_tenant_and_date UNIQUE (tenant_id, job_id, delivery_date),
  CONSTRAINT a_job_was_opened_by_an_agent_of_its_tenant
    FOREIGN KEY (tenant_id, agent_id) REFERENCES ingest.agent (tenant_id, agent_id),
  CONSTRAINT a_job_key_is_short_and_printable CHECK (job_key ~ '^[\x21-\x7e]{1,200}$'),
  CONSTRAINT a_delivery_has_a_short_name CHECK (length(btrim(delivery_name)) BETWEEN 1 AND 100),
  CONSTRAINT a_job_is_open_closed_or_complete CHECK (state IN ('open', 'closed', 'complete')),
  CONSTRAINT a_closed_job_says_when CHECK ((state = 'open') = (closed_at IS NULL)),
  CONSTRAINT a_complete_job_says_when CHECK ((state = 'complete') = (completed_at IS NOT NULL))
);
COMMENT ON TABLE  ingest.job IS 'One delivery of an agency: the files it exported together.';
COMMENT ON COLUMN ingest.job.job_id IS 'Identity; part of every object path of the job.';
COMMENT ON COLUMN ingest.job.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.job.agent_id IS 'The agent that opened the job.';
COMMENT ON COLUMN ingest.job.job_key IS 'Key that the agent made before its first send and repeats on every retry.';
COMMENT ON COLUMN ingest.job.delivery_date IS 'The delivery''s date in the agency''s time zone.';
COMMENT ON COLUMN ingest.job.delivery_name IS 'Which delivery of that date, e.g. nightly.';
COMMENT ON COLUMN ingest.job.state IS 'open = takes files; closed = takes no more; complete = closed and every file is final.';
COMMENT ON COLUMN ingest.job.opened_at IS 'When the job was opened.';
COMMENT ON COLUMN ingest.job.closed_at IS 'When it was closed; null while open.';
COMMENT ON COLUMN ingest.job.close_reason IS 'Why it was closed, as the agent put it: set complete, deadline passed.';
COMMENT ON COLUMN ingest.job.completed_at IS 'When its last file became final; null before.';

CREATE TABLE ingest.job_file_move (
  from_state text NOT NULL,
  event      text NOT NULL,
  to_state   text NOT NULL,
  CONSTRAINT an_event_leads_from_a_state_to_one_state PRIMARY KEY (from_state, event)
);
COMMENT ON TABLE  ingest.job_file_move IS 'Every legal move of a job_file. What is not listed cannot happen.';
COMMENT ON COLUMN ingest.job_file_move.from_state IS 'State before; new = not registered yet.';
COMMENT ON COLUMN ingest.job_file_move.event IS 'What happened.';
COMMENT ON COLUMN ingest.job_file_move.to_state IS 'State after.';

INSERT INTO ingest.job_file_move (from_state, event, to_state) VALUES
  ('new',             'opened',          'awaiting_upload'),
  ('new',             'found_duplicate', 'duplicate'),
  ('new',             'refused',         'refused'),
  ('awaiting_upload', 'arrived',         'received'),
  ('awaiting_upload', 'size_mismatched', 'awaiting_upload'),  -- new object path, counted
  ('awaiting_upload', 'found_duplicate', 'duplicate'),        -- another copy arrived first
  ('awaiting_upload', 'refused',         'refused'),
  ('received',        'hash_matched',    'verified'),
  ('received',        'hash_mismatched', 'awaiting_upload'),  -- new object path, counted
  ('received',        'found_duplicate', 'duplicate'),
  ('received',        'refused',         'refused'),
  ('verified',        'staged',          'staged'),
  ('verified',        'found_duplicate', 'duplicate'),
  ('verified',        'refused',         'refused'),
  ('staged',          'renamed',         'processed'),
  ('processed',       'archived',        'archived');

CREATE TABLE ingest.job_file (
  job_file_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id         uuid        NOT NULL,
  job_id            uuid        NOT NULL,
  delivery_date     date        NOT NULL,
  agent_id          uuid        NOT NULL,
  opened_seq        bigint      NOT NULL,
  file_tag          text        NOT NULL,
  entity            text,
  file_spec_version integer,
  relative_path     text        NOT NULL,
  content_sha256    text        NOT NULL,
  original_sha256   text        NOT NULL,
  size_bytes        bigint      NOT NULL,
  modified_at       timestamptz,
  part_number       integer     NOT NULL DEFAULT 1,
  part_count        integer     NOT NULL DEFAULT 1,
  first_source_row  bigint      NOT NULL DEFAULT 1,
  state             text        NOT NULL,
  last_event        text        NOT NULL,
  duplicate_of      uuid,
  bucket            text,
  object_path       text,
  upload_count      integer     NOT NULL DEFAULT 0,
  attempt_count     integer     NOT NULL DEFAULT 0,
  next_attempt_at   timestamptz NOT NULL DEFAULT now(),
  error_code        text,
  error             jsonb,
  rows_staged       bigint,
  staged_by         text,
  opened_at         timestamptz NOT NULL DEFAULT now(),
  received_at       timestamptz,
  verified_at       timestamptz,
  staged_at         timestamptz,
  processed_at      timestamptz,
  archived_at       timestamptz,
  CONSTRAINT a_job_file_exists_once PRIMARY KEY (job_file_id),
  CONSTRAINT a_job_file_is_of_one_tenant UNIQUE (tenant_id, job_file_id),
  CONSTRAINT a_job_file_has_its_place_in_the_log UNIQUE (tenant_id, opened_seq),
  CONSTRAINT a_version_is_registered_once_in_a_job
    UNIQUE (job_id, relative_path, content_sha256, part_number),
  CONSTRAINT an_object_path_is_issued_once UNIQUE (bucket, object_path),
  CONSTRAINT a_job_file_belongs_to_a_job_of_its_tenant_and_date
    FOREIGN KEY (tenant_id, job_id, delivery_date) REFERENCES ingest.job (tenant_id, job_id, delivery_date),
  CONSTRAINT a_job_file_is_carried_by_an_agent_of_its_tenant
    FOREIGN KEY (tenant_id, agent_id) REFERENCES ingest.agent (tenant_id, agent_id),
  CONSTRAINT a_job_file_is_read_by_a_spec_of_its_tenant
    FOREIGN KEY (tenant_id, file_tag, file_spec_version)
    REFERENCES ingest.file_spec (tenant_id, file_tag, version),
  CONSTRAINT a_job_file_leads_to_a_known_entity FOREIGN KEY (entity) REFERENCES ingest.entity (entity),
  CONSTRAINT a_duplicate_is_of_a_file_of_the_same_tenant
    FOREIGN KEY (tenant_id, duplicate_of) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT a_state_is_one_of_the_known CHECK (state IN (
    'awaiting_upload', 'received', 'verified', 'staged', 'processed', 'archived', 'duplicate', 'refused')),
  CONSTRAINT a_relative_path_stays_below_the_export_folder CHECK (
    octet_length(relative_path) BETWEEN 1 AND 2048
    AND relative_path !~ '(^|/)(\.{0,2})(/|$)'),
  CONSTRAINT a_content_hash_is_sha256_in_hex CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT an_original_hash_is_sha256_in_hex CHECK (original_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT an_unsplit_file_is_its_own_original CHECK (part_count > 1 OR original_sha256 = content_sha256),
  CONSTRAINT a_size_is_not_negative CHECK (size_bytes >= 0),
  CONSTRAINT a_part_is_one_of_its_count CHECK (part_number BETWEEN 1 AND part_count AND part_count <= 99999),
  CONSTRAINT a_first_part_starts_at_row_one CHECK (first_source_row >= 1 AND (part_number > 1 OR first_source_row = 1)),
  CONSTRAINT only_a_refused_file_may_lack_a_spec CHECK (
    state = 'refused' OR (entity IS NOT NULL AND file_spec_version IS NOT NULL)),
  CONSTRAINT a_duplicate_names_its_first_copy CHECK ((state = 'duplicate') = (duplicate_of IS NOT NULL)),
  CONSTRAINT a_travelling_file_has_an_object_path CHECK (
    state IN ('duplicate', 'refused') OR (bucket IS NOT NULL AND object_path IS NOT NULL)),
  CONSTRAINT a_refused_file_says_why CHECK (state <> 'refused' OR error_code IS NOT NULL),
  CONSTRAINT an_error_code_is_one_of_ours CHECK (
    error_code ~ '^WB-[0-9]{4}$' AND error ->> 'code' = error_code OR error_code IS NULL AND error IS NULL),
  CONSTRAINT a_staged_file_counts_its_rows CHECK (
    (state IN ('staged', 'processed', 'archived')) = (rows_staged IS NOT NULL AND staged_at IS NOT NULL))
);

-- The claim of the next step walks this index in its order and stops at the first due file.
CREATE INDEX job_file_by_due_step
  ON ingest.job_file (tenant_id, state, delivery_date, part_number, opened_seq)
  WHERE state IN ('received', 'verified', 'staged', 'processed');
CREATE UNIQUE INDEX one_live_copy_of_a_content
  ON ingest.job_file (tenant_id, file_tag, original_sha256, part_number)
  WHERE state IN ('verified', 'staged', 'processed', 'archived');
CREATE INDEX job_file_by_awaited_content
  ON ingest.job_file (tenant_id, file_tag, original_sha256, part_number) WHERE state = 'awaiting_upload';
CREATE INDEX job_file_awaiting_upload ON ingest.job_file (bucket, object_path) WHERE state = 'awaiting_upload';
CREATE INDEX job_file_not_final_by_job
  ON ingest.job_file (job_id) WHERE state NOT IN ('archived', 'duplicate', 'refused');
CREATE INDEX job_file_by_content ON ingest.job_file (tenant_id, content_sha256);

COMMENT ON TABLE  ingest.job_file IS 'One file of a job, or one part of a split file, and how far it has travelled. Its identity is written once; its state moves by ingest.job_file_move only.';
COMMENT ON COLUMN ingest.job_file.job_file_id IS 'Identity; every staged row names it.';
COMMENT ON COLUMN ingest.job_file.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.job_file.job_id IS 'The delivery it came with.';
COMMENT ON COLUMN ingest.job_file.delivery_date IS 'The job''s delivery date, repeated so that the next step is found by index.';
COMMENT ON COLUMN ingest.job_file.agent_id IS 'The agent that carries it and hears of its changes; moves on when a revoked agent''s file is taken over.';
COMMENT ON COLUMN ingest.job_file.opened_seq IS 'Sequence number of the event that registered it; pages ingest_inventory.';
COMMENT ON COLUMN ingest.job_file.file_tag IS 'Short name that selects the file spec.';
COMMENT ON COLUMN ingest.job_file.entity IS 'The entity that its rows become; null when no spec knew the tag.';
COMMENT ON COLUMN ingest.job_file.file_spec_version IS 'The spec version in force when it was registered; it is read by this one.';
COMMENT ON COLUMN ingest.job_file.relative_path IS 'The partner''s own name below the export folder, / between folders, UTF-8.';
COMMENT ON COLUMN ingest.job_file.content_sha256 IS 'SHA-256 of the bytes that travel, in hex, as the agent''s ledger has it.';
COMMENT ON COLUMN ingest.job_file.original_sha256 IS 'SHA-256 of the partner''s whole file; equals content_sha256 unless this is a part.';
COMMENT ON COLUMN ingest.job_file.size_bytes IS 'Size of the bytes that travel.';
COMMENT ON COLUMN ingest.job_file.modified_at IS 'Modification time of the partner''s file; null when unknown.';
COMMENT ON COLUMN ingest.job_file.part_number IS 'Which part of the original, from 1.';
COMMENT ON COLUMN ingest.job_file.part_count IS 'How many parts the original was split into; 1 = not split.';
COMMENT ON COLUMN ingest.job_file.first_source_row IS 'Row number in the original of this part''s first row, from 1.';
COMMENT ON COLUMN ingest.job_file.state IS 'How far it has travelled.';
COMMENT ON COLUMN ingest.job_file.last_event IS 'The event that led to the state.';
COMMENT ON COLUMN ingest.job_file.duplicate_of IS 'The first copy of the same content; only for state duplicate.';
COMMENT ON COLUMN ingest.job_file.bucket IS 'Storage bucket of the object.';
COMMENT ON COLUMN ingest.job_file.object_path IS 'Where the object is, or is awaited, in the bucket.';
COMMENT ON COLUMN ingest.job_file.upload_count IS 'Upload targets (paths) it was given; limited by setting max_uploads.';
COMMENT ON COLUMN ingest.job_file.attempt_count IS 'Attempts at the present step; back to zero with every move.';
COMMENT ON COLUMN ingest.job_file.next_attempt_at IS 'The present step is not tried before this time.';
COMMENT ON COLUMN ingest.job_file.error_code IS 'WB code of the latest problem; null when there is none.';
COMMENT ON COLUMN ingest.job_file.error IS 'The latest problem: code, message, place (row, line, column, byte_offset); never a value of the file.';
COMMENT ON COLUMN ingest.job_file.rows_staged IS 'Rows in the staging table; null before staging.';
COMMENT ON COLUMN ingest.job_file.staged_by IS 'The worker that staged it.';
COMMENT ON COLUMN ingest.job_file.opened_at IS 'When it was registered.';
COMMENT ON COLUMN ingest.job_file.received_at IS 'When its object was first seen complete at its path.';
COMMENT ON COLUMN ingest.job_file.verified_at IS 'When the stored bytes were hashed centrally and found equal to content_sha256.';
COMMENT ON COLUMN ingest.job_file.staged_at IS 'When its rows were committed.';
COMMENT ON COLUMN ingest.job_file.processed_at IS 'When its object got its processed name.';
COMMENT ON COLUMN ingest.job_file.archived_at IS 'When its object was moved to the archive.';

CREATE TRIGGER a_job_keeps_its_identity BEFORE UPDATE ON ingest.job
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'job_id', 'tenant_id', 'agent_id', 'job_key', 'delivery_date', 'delivery_name', 'opened_at');
CREATE TRIGGER a_job_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.job
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_legal_move_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.job_file_move
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_job_file_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.job_file
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_job_file_keeps_its_identity BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'job_file_id', 'tenant_id', 'job_id', 'delivery_date', 'opened_seq', 'file_tag', 'entity',
    'file_spec_version', 'relative_path', 'content_sha256', 'original_sha256', 'size_bytes',
    'modified_at', 'part_number', 'part_count', 'first_source_row', 'opened_at');

CREATE FUNCTION ingest.check_job_file_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_from text := 'new';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_from := OLD.state;
  END IF;
  IF NOT EXISTS (
    SELECT FROM ingest.job_file_move AS m
     WHERE m.from_state = v_from AND m.event = NEW.last_event AND m.to_state = NEW.state
  ) THEN
    PERFORM ingest.refuse('WB-2105', 500,
      format('no move leads from %s to %s by %s', v_from, NEW.state, NEW.last_event),
      'Report it; this is a defect.');
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.check_job_file_move() IS 'Trigger: refuses (WB-2105) a move that ingest.job_file_move does not list.';

CREATE TRIGGER a_job_file_starts_in_a_listed_state BEFORE INSERT ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.check_job_file_move();
CREATE TRIGGER a_job_file_moves_as_listed BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.last_event IS DISTINCT FROM NEW.last_event)
  EXECUTE FUNCTION ingest.check_job_file_move();

CREATE FUNCTION ingest.check_job_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF (OLD.state, NEW.state) NOT IN (('open', 'closed'), ('closed', 'complete')) THEN
    PERFORM ingest.refuse('WB-2105', 500, format('a job does not move from %s to %s', OLD.state, NEW.state),
      'Report it; this is a defect.');
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.check_job_move() IS 'Trigger: a job goes from open to closed to complete and never back.';

CREATE TRIGGER a_job_moves_forward BEFORE UPDATE ON ingest.job
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION ingest.check_job_move();

ALTER TABLE ingest.job ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_file_move ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_file ENABLE ROW LEVEL SECURITY;
