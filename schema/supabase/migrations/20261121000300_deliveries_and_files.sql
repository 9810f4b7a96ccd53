-- 0003 Deliveries, jobs, files, and the legal moves of each.
-- Why:    one place says what was delivered, by whom, and how far it has travelled.
-- Needs:  0002.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

-- Deliveries ----------------------------------------------------------------------------------------

CREATE TABLE ingest.delivery_move (
  from_state text NOT NULL,
  event      text NOT NULL,
  to_state   text NOT NULL,
  CONSTRAINT a_delivery_event_leads_from_a_state_to_one_state PRIMARY KEY (from_state, event)
);
COMMENT ON TABLE  ingest.delivery_move IS 'Every legal move of a delivery. What is not listed cannot happen.';
COMMENT ON COLUMN ingest.delivery_move.from_state IS 'State before; new = not known yet.';
COMMENT ON COLUMN ingest.delivery_move.event IS 'What happened.';
COMMENT ON COLUMN ingest.delivery_move.to_state IS 'State after.';
INSERT INTO ingest.delivery_move (from_state, event, to_state) VALUES
  ('new',      'delivery_opened',   'open'),
  ('open',     'delivery_complete', 'complete'),
  ('open',     'delivery_late',     'late'),
  ('open',     'delivery_partial',  'partial'),
  ('late',     'delivery_complete', 'complete'),
  ('late',     'delivery_partial',  'partial'),
  ('partial',  'delivery_complete', 'complete'),
  ('partial',  'delivery_closed',   'closed'),
  ('complete', 'delivery_closed',   'closed');
CREATE TRIGGER a_delivery_move_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.delivery_move
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE FUNCTION ingest.check_delivery_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_from text := 'new';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_from := OLD.state;
  END IF;
  IF NOT EXISTS (SELECT FROM ingest.delivery_move AS m
                  WHERE m.from_state = v_from AND m.event = NEW.last_event AND m.to_state = NEW.state) THEN
    PERFORM ingest.refuse('WB-2105', 500,
      format('a delivery does not move from %s to %s by %s', v_from, NEW.state, NEW.last_event), 'Report it; this is a defect.');
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.check_delivery_move() IS 'Trigger: refuses (WB-2105) a move that ingest.delivery_move does not list.';

CREATE TABLE ingest.delivery (
  tenant_id        uuid        NOT NULL,
  delivery_date    date        NOT NULL,
  delivery_name    text        NOT NULL,
  state            text        NOT NULL DEFAULT 'open',
  last_event       text        NOT NULL DEFAULT 'delivery_opened',
  plan_version     integer,
  deadline_at      timestamptz,
  missing          text[]      NOT NULL DEFAULT '{}',
  opened_at        timestamptz NOT NULL,
  state_changed_at timestamptz NOT NULL,
  is_missing_told  boolean     NOT NULL DEFAULT false,
  CONSTRAINT a_delivery_exists_once PRIMARY KEY (tenant_id, delivery_date, delivery_name),
  CONSTRAINT a_delivery_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT a_delivery_follows_a_plan_of_its_tenant
    FOREIGN KEY (tenant_id, plan_version) REFERENCES ingest.delivery_plan (tenant_id, version),
  CONSTRAINT a_delivery_is_open_complete_late_partial_or_closed CHECK (
    state IN ('open', 'complete', 'late', 'partial', 'closed')),
  CONSTRAINT a_planned_delivery_has_a_deadline CHECK ((plan_version IS NULL) = (deadline_at IS NULL))
);
CREATE INDEX delivery_by_deadline ON ingest.delivery (deadline_at) WHERE state IN ('open', 'late');
COMMENT ON TABLE  ingest.delivery IS 'The files an agency exports together, e.g. one night''s, and whether all have come.';
COMMENT ON COLUMN ingest.delivery.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.delivery.delivery_date IS 'Its date in the agency''s time zone.';
COMMENT ON COLUMN ingest.delivery.delivery_name IS 'Which delivery of that date, e.g. nightly.';
COMMENT ON COLUMN ingest.delivery.state IS 'open = something required may still come; complete = all required came; late = the deadline passed without; partial = ended with something missing; closed = all files are final.';
COMMENT ON COLUMN ingest.delivery.last_event IS 'The event that led to the state.';
COMMENT ON COLUMN ingest.delivery.plan_version IS 'The plan it is judged by; null = none, nothing is missed.';
COMMENT ON COLUMN ingest.delivery.deadline_at IS 'Until when required files are expected; null without plan.';
COMMENT ON COLUMN ingest.delivery.missing IS 'Tags of required files that have not come yet.';
COMMENT ON COLUMN ingest.delivery.opened_at IS 'When its first job was opened, or its deadline passed without any.';
COMMENT ON COLUMN ingest.delivery.state_changed_at IS 'When the state was last changed.';
COMMENT ON COLUMN ingest.delivery.is_missing_told IS 'True once the events file_missing were written.';
CREATE TRIGGER a_delivery_starts_open BEFORE INSERT ON ingest.delivery
  FOR EACH ROW EXECUTE FUNCTION ingest.check_delivery_move();
CREATE TRIGGER a_delivery_moves_as_listed BEFORE UPDATE ON ingest.delivery
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.last_event IS DISTINCT FROM NEW.last_event)
  EXECUTE FUNCTION ingest.check_delivery_move();
CREATE TRIGGER a_delivery_keeps_its_identity BEFORE UPDATE ON ingest.delivery
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('tenant_id', 'delivery_date', 'delivery_name', 'opened_at');
CREATE TRIGGER a_delivery_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.delivery
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

-- Jobs ----------------------------------------------------------------------------------------------

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

CREATE TABLE ingest.job (
  job_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id     uuid        NOT NULL,
  agent_id      uuid        NOT NULL,
  job_key       text        NOT NULL,
  delivery_date date        NOT NULL,
  delivery_name text        NOT NULL,
  kind          text        NOT NULL DEFAULT 'nightly',
  precedence    smallint    NOT NULL DEFAULT 1,
  allow_older   boolean     NOT NULL DEFAULT false,
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
  CONSTRAINT a_job_is_nightly_or_history CHECK (kind IN ('nightly', 'history')),
  CONSTRAINT history_goes_ahead_or_behind CHECK ((kind = 'nightly') = (precedence = 1) AND precedence BETWEEN 0 AND 2),
  CONSTRAINT a_job_is_open_closed_or_complete CHECK (state IN ('open', 'closed', 'complete')),
  CONSTRAINT a_closed_job_says_when CHECK ((state = 'open') = (closed_at IS NULL)),
  CONSTRAINT a_complete_job_says_when CHECK ((state = 'complete') = (completed_at IS NOT NULL))
);
CREATE INDEX job_history_ahead ON ingest.job (tenant_id) WHERE precedence = 0 AND state <> 'complete';
CREATE INDEX job_by_delivery ON ingest.job (tenant_id, delivery_date, delivery_name);
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
COMMENT ON COLUMN ingest.job.kind IS 'nightly = the present; history = a load of the past.';
COMMENT ON COLUMN ingest.job.precedence IS '0 = history ahead of nightly files; 1 = nightly; 2 = history behind them.';
COMMENT ON COLUMN ingest.job.allow_older IS 'True: its files are staged though newer ones of their tag are processed.';
CREATE TRIGGER a_job_keeps_its_identity BEFORE UPDATE ON ingest.job
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('job_id', 'tenant_id', 'agent_id', 'job_key', 'delivery_date',
    'delivery_name', 'kind', 'precedence', 'allow_older', 'opened_at');
CREATE TRIGGER a_job_moves_forward BEFORE UPDATE ON ingest.job
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION ingest.check_job_move();
CREATE TRIGGER a_job_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.job
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

-- Files ---------------------------------------------------------------------------------------------

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
  ('new',             'opened',             'awaiting_upload'),
  ('new',             'found_duplicate',    'duplicate'),
  ('new',             'refused',            'refused'),
  ('new',             'split_off',          'received'),         -- a part that central cut and stored
  ('awaiting_upload', 'arrived',            'received'),
  ('awaiting_upload', 'size_mismatched',    'awaiting_upload'),  -- new object path, counted
  ('awaiting_upload', 'found_duplicate',    'duplicate'),        -- another copy arrived first
  ('awaiting_upload', 'refused',            'refused'),
  ('awaiting_upload', 'skipped',            'refused'),
  ('received',        'hash_matched',       'verified'),
  ('received',        'hash_mismatched',    'awaiting_upload'),  -- new object path, counted
  ('received',        'found_duplicate',    'duplicate'),
  ('received',        'refused',            'refused'),
  ('received',        'skipped',            'refused'),
  ('verified',        'staged',             'staged'),
  ('verified',        'split',              'split'),            -- its parts go on in its place
  ('verified',        'found_duplicate',    'duplicate'),
  ('verified',        'refused',            'refused'),
  ('verified',        'skipped',            'refused'),
  ('split',           'parts_processed',    'processed'),
  ('split',           'refused',            'refused'),
  ('split',           'skipped',            'refused'),
  ('split',           'retired',            'retired'),
  ('staged',          'renamed',            'processed'),
  ('staged',          'retired',            'retired'),
  ('processed',       'archived',           'archived'),
  ('processed',       'retired',            'retired'),
  ('archived',        'retired',            'retired'),
  ('refused',         'skipped',            'refused'),
  ('refused',         'retried',            'received'),         -- its object is stored
  ('refused',         'split_again',        'split'),            -- its parts are retried
  ('refused',         'upload_asked_again', 'awaiting_upload'),  -- its object is not stored: a new path
  ('retired',         'retried',            'received'),         -- taken back with its file (WB-2114); its object is stored
  ('retired',         'upload_asked_again', 'awaiting_upload'),  -- ... its object is not stored: a new path
  ('retired',         'skipped',            'refused');          -- ... and set aside with it
CREATE TRIGGER a_legal_move_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.job_file_move
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.job_file (
  job_file_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id         uuid        NOT NULL,
  job_id            uuid        NOT NULL,
  delivery_date     date        NOT NULL,
  delivery_name     text        NOT NULL,
  precedence        smallint    NOT NULL DEFAULT 1,
  tag_rank          integer     NOT NULL DEFAULT 2147483647,
  allow_older       boolean     NOT NULL DEFAULT false,
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
  chunk_number      integer     NOT NULL DEFAULT 1,
  chunk_count       integer     NOT NULL DEFAULT 1,
  split_of          uuid,
  set_seq           bigint      NOT NULL,
  is_split_judged   boolean     NOT NULL DEFAULT false,
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
  rows_skipped      bigint,
  staged_by         text,
  opened_at         timestamptz NOT NULL DEFAULT now(),
  received_at       timestamptz,
  verified_at       timestamptz,
  staged_at         timestamptz,
  processed_at      timestamptz,
  archived_at       timestamptz,
  skipped_at        timestamptz,
  retired_at        timestamptz,
  withdrawn_at      timestamptz,
  CONSTRAINT a_job_file_exists_once PRIMARY KEY (job_file_id),
  CONSTRAINT a_job_file_is_of_one_tenant UNIQUE (tenant_id, job_file_id),
  CONSTRAINT a_job_file_has_its_place_in_the_log UNIQUE (tenant_id, opened_seq),
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
  CONSTRAINT a_split_off_part_is_of_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, split_of) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT a_state_is_one_of_the_known CHECK (state IN ('awaiting_upload', 'received', 'verified', 'split',
    'staged', 'processed', 'archived', 'duplicate', 'refused', 'retired')),
  CONSTRAINT a_relative_path_stays_below_the_export_folder CHECK (
    octet_length(relative_path) BETWEEN 1 AND 2048
    AND relative_path !~ '(^|/)(\.{0,2})(/|$)'),
  CONSTRAINT a_content_hash_is_sha256_in_hex CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT an_original_hash_is_sha256_in_hex CHECK (original_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT an_unsplit_file_is_its_own_original CHECK (part_count > 1 OR original_sha256 = content_sha256),
  CONSTRAINT a_size_is_not_negative CHECK (size_bytes >= 0),
  CONSTRAINT a_part_is_one_of_its_count CHECK (part_number BETWEEN 1 AND part_count AND part_count <= 99999),
  CONSTRAINT a_chunk_is_one_of_its_count CHECK (chunk_number BETWEEN 1 AND chunk_count AND chunk_count <= 99999),
  CONSTRAINT a_first_part_starts_at_row_one CHECK (first_source_row >= 1 AND (part_number > 1 OR first_source_row = 1)),
  CONSTRAINT only_a_refused_file_may_lack_a_spec CHECK (
    state = 'refused' OR (entity IS NOT NULL AND file_spec_version IS NOT NULL)),
  CONSTRAINT a_duplicate_names_its_first_copy CHECK ((state = 'duplicate') = (duplicate_of IS NOT NULL)),
  CONSTRAINT a_travelling_file_has_an_object_path CHECK (
    state IN ('duplicate', 'refused', 'retired') OR (bucket IS NOT NULL AND object_path IS NOT NULL)),
  CONSTRAINT a_refused_file_says_why CHECK (state <> 'refused' OR error_code IS NOT NULL),
  CONSTRAINT only_a_refused_file_is_skipped CHECK (skipped_at IS NULL OR state = 'refused'),
  CONSTRAINT a_retired_file_says_when CHECK ((state = 'retired') = (retired_at IS NOT NULL)),
  CONSTRAINT an_error_code_is_one_of_ours CHECK (
    error_code ~ '^WB-[0-9]{4}$' AND error ->> 'code' = error_code OR error_code IS NULL AND error IS NULL),
  CONSTRAINT a_staged_file_counts_its_rows CHECK (
    CASE WHEN state IN ('staged', 'processed', 'archived') THEN rows_staged IS NOT NULL AND staged_at IS NOT NULL
         WHEN state = 'retired' THEN true ELSE rows_staged IS NULL END)
);
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
COMMENT ON COLUMN ingest.job_file.delivery_name IS 'The job''s delivery name, repeated so that a delivery''s files are found by index.';
COMMENT ON COLUMN ingest.job_file.precedence IS 'The job''s precedence, repeated so that the next step is found by index.';
COMMENT ON COLUMN ingest.job_file.tag_rank IS 'Rank of its tag in the delivery plan in force; the largest integer when unlisted.';
COMMENT ON COLUMN ingest.job_file.chunk_number IS 'Which of the files that the partner delivers as one set, from 1.';
COMMENT ON COLUMN ingest.job_file.chunk_count IS 'How many files the partner''s set has; 1 = no set.';
COMMENT ON COLUMN ingest.job_file.split_of IS 'The file that central cut this part from; null otherwise.';
COMMENT ON COLUMN ingest.job_file.set_seq IS 'opened_seq of the first part of the same file: two versions of a file are staged one after the other, never interleaved.';
COMMENT ON COLUMN ingest.job_file.is_split_judged IS 'True once central has found that the file need not be split, or has split it.';
COMMENT ON COLUMN ingest.job_file.allow_older IS 'True: staged though newer ones of its tag are processed, by an operator''s word.';
COMMENT ON COLUMN ingest.job_file.rows_skipped IS 'Rows of a history refresh that were known already and not staged again.';
COMMENT ON COLUMN ingest.job_file.skipped_at IS 'When an operator set the file aside: it counts as settled.';
COMMENT ON COLUMN ingest.job_file.retired_at IS 'When its staged rows were removed by an operator.';
COMMENT ON COLUMN ingest.job_file.withdrawn_at IS 'When its agent said that these bytes will not be sent any more; null when they are awaited again.';

CREATE INDEX job_file_awaiting_upload ON ingest.job_file (bucket, object_path) WHERE state = 'awaiting_upload';
-- The claim of the next step walks this index in its order and stops at the first file.
CREATE INDEX job_file_by_due_step ON ingest.job_file
  (tenant_id, precedence, delivery_date, tag_rank, file_tag, chunk_number, set_seq, part_number, opened_seq)
  WHERE state IN ('received', 'verified');
CREATE INDEX job_file_received ON ingest.job_file
  (tenant_id, precedence, delivery_date, tag_rank, file_tag, chunk_number, set_seq, part_number, opened_seq)
  WHERE state = 'received';
CREATE INDEX job_file_to_move ON ingest.job_file (tenant_id, state, delivery_date, opened_seq)
  WHERE state IN ('staged', 'processed');
-- A file that central has split stands for its parts: it is the live copy, they are not copies of it.
CREATE UNIQUE INDEX one_live_copy_of_a_content
  ON ingest.job_file (tenant_id, file_tag, original_sha256, part_number)
  WHERE split_of IS NULL AND state IN ('verified', 'split', 'staged', 'processed', 'archived');
CREATE UNIQUE INDEX one_live_part_of_a_split_file ON ingest.job_file (split_of, part_number)
  WHERE split_of IS NOT NULL AND state NOT IN ('refused', 'retired', 'duplicate');
CREATE INDEX job_file_by_original ON ingest.job_file (tenant_id, file_tag, original_sha256) WHERE part_count > 1;
CREATE INDEX job_file_by_delivery ON ingest.job_file (delivery_date, file_tag, tenant_id);
CREATE INDEX job_file_newest_by_tag ON ingest.job_file (tenant_id, file_tag, delivery_date)
  WHERE state IN ('staged', 'processed', 'archived');
CREATE INDEX job_file_newest_by_tenant ON ingest.job_file (tenant_id, delivery_date)
  WHERE state IN ('staged', 'processed', 'archived');
CREATE INDEX job_file_to_archive ON ingest.job_file (job_id, opened_seq) WHERE state = 'processed';
CREATE INDEX job_file_not_final_by_job
  ON ingest.job_file (job_id) WHERE state NOT IN ('archived', 'duplicate', 'refused', 'retired');
-- Equal bytes may be parts of two versions of a file; a retired version may come again; what central cut is no offer.
CREATE UNIQUE INDEX a_version_is_registered_once_in_a_job
  ON ingest.job_file (job_id, relative_path, content_sha256, original_sha256, part_number, part_count)
  WHERE split_of IS NULL AND state <> 'retired';
-- Over an almost empty table all indexes cost the same, and PostgreSQL takes the youngest that fits at all; a
-- session keeps that plan, those of foreign keys too, and later walks a whole tenant by it (docs/decisions/0005).
-- So the indexes that find one file are the youngest, and none that finds many begins with the tenant alone.
CREATE INDEX job_file_by_content ON ingest.job_file (content_sha256, tenant_id);
CREATE INDEX job_file_by_awaited_content
  ON ingest.job_file (original_sha256, tenant_id, file_tag, part_number) WHERE state = 'awaiting_upload';
CREATE INDEX job_file_by_id_and_tenant ON ingest.job_file (job_file_id, tenant_id);
CREATE INDEX job_file_by_split_off ON ingest.job_file (split_of) WHERE split_of IS NOT NULL;
CREATE INDEX job_file_by_tag_and_opening ON ingest.job_file (tenant_id, file_tag, opened_at) WHERE precedence = 1 AND split_of IS NULL;

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

CREATE FUNCTION ingest.join_set() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  NEW.set_seq := CASE
    WHEN NEW.split_of IS NOT NULL THEN (SELECT f.set_seq FROM ingest.job_file AS f WHERE f.job_file_id = NEW.split_of)
    WHEN NEW.part_count > 1 THEN (
      SELECT min(f.set_seq) FROM ingest.job_file AS f
       WHERE f.tenant_id = NEW.tenant_id AND f.file_tag = NEW.file_tag AND f.original_sha256 = NEW.original_sha256
         AND f.part_count > 1 AND f.job_id = NEW.job_id AND f.relative_path = NEW.relative_path
         AND f.split_of IS NULL AND f.state <> 'retired') END;
  NEW.set_seq := coalesce(NEW.set_seq, NEW.opened_seq);
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.join_set() IS 'Trigger: a part takes the number of the first part of its file.';

CREATE TRIGGER a_job_file_starts_in_a_listed_state BEFORE INSERT ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.check_job_file_move();
CREATE TRIGGER a_job_file_moves_as_listed BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.last_event IS DISTINCT FROM NEW.last_event)
  EXECUTE FUNCTION ingest.check_job_file_move();
CREATE TRIGGER a_part_joins_its_file BEFORE INSERT ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.join_set();
CREATE TRIGGER a_job_file_keeps_its_identity BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'job_file_id', 'tenant_id', 'job_id', 'delivery_date', 'delivery_name', 'precedence', 'opened_seq', 'file_tag',
    'relative_path', 'content_sha256', 'original_sha256', 'size_bytes', 'modified_at', 'part_number', 'part_count',
    'first_source_row', 'chunk_number', 'chunk_count', 'split_of', 'set_seq', 'opened_at');
-- A refused file that is retried is read by the newest spec; nothing else may change what reads a file.
CREATE TRIGGER a_job_file_changes_its_spec_only_when_retried BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW WHEN (NOT (OLD.state IN ('refused', 'retired') AND NEW.last_event IN ('retried', 'upload_asked_again')))
  EXECUTE FUNCTION ingest.keep_identity('entity', 'file_spec_version');
CREATE TRIGGER a_job_file_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.job_file
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.delivery_move ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_file_move ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_file ENABLE ROW LEVEL SECURITY;
