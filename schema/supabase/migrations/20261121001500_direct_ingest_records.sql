-- 0015 Clock, deliveries, plans, waits, alerts; what jobs and files say beside; new moves.
-- Why:    files belong to deliveries that are complete, late or partial, and wait for each other.
-- Needs:  0014.   Locks: ingest.job, ingest.job_file, ingest.file_spec and ingest.lease while columns are added.
-- Rule:   released migrations are never edited; add the next number.

-- The one place that tells the time: a test that steps time by hand replaces this function.
CREATE FUNCTION ingest.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = '' AS $$
  SELECT clock_timestamp()
$$;
COMMENT ON FUNCTION ingest.clock() IS 'The time that every decision is made by.';

INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('set_wait_s', '300', false, 'How long a set of parts or chunks waits for missing members after its last arrival and the delivery''s end.');

-- Plans -----------------------------------------------------------------------------------------
CREATE TABLE ingest.delivery_plan (
  tenant_id   uuid        NOT NULL,
  version     integer     NOT NULL,
  plan        jsonb,
  created_at  timestamptz NOT NULL DEFAULT now(),
  created_by  text        NOT NULL,
  CONSTRAINT a_plan_version_exists_once PRIMARY KEY (tenant_id, version),
  CONSTRAINT a_plan_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT plan_versions_start_at_one CHECK (version >= 1),
  CONSTRAINT a_plan_is_an_object_or_absent CHECK (jsonb_typeof(plan) = 'object')
);
COMMENT ON TABLE  ingest.delivery_plan IS 'Which files an agency''s delivery is made of; every version that was ever in force. Append-only.';
COMMENT ON COLUMN ingest.delivery_plan.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.delivery_plan.version IS '1, 2, 3 … per tenant; the highest is in force.';
COMMENT ON COLUMN ingest.delivery_plan.plan IS 'The plan as config/agency.schema.json describes it (key delivery), defaults written out; null = none from now on.';
COMMENT ON COLUMN ingest.delivery_plan.created_at IS 'When this version came into force; deadlines before it are not missed.';
COMMENT ON COLUMN ingest.delivery_plan.created_by IS 'Who put it in force.';

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
CREATE TRIGGER a_delivery_starts_open BEFORE INSERT ON ingest.delivery
  FOR EACH ROW EXECUTE FUNCTION ingest.check_delivery_move();
CREATE TRIGGER a_delivery_moves_as_listed BEFORE UPDATE ON ingest.delivery
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.last_event IS DISTINCT FROM NEW.last_event)
  EXECUTE FUNCTION ingest.check_delivery_move();
CREATE TRIGGER a_delivery_keeps_its_identity BEFORE UPDATE ON ingest.delivery
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('tenant_id', 'delivery_date', 'delivery_name', 'opened_at');
CREATE TRIGGER a_delivery_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.delivery
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_delivery_move_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.delivery_move
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_plan_version_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.delivery_plan
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

-- Waits and alerts --------------------------------------------------------------------------------
CREATE TABLE ingest.pending_wait (
  tenant_id   uuid        NOT NULL,
  job_file_id uuid        NOT NULL,
  reason      text        NOT NULL,
  missing     text[]      NOT NULL,
  since       timestamptz NOT NULL,
  until       timestamptz,
  CONSTRAINT a_tenant_waits_for_one_thing PRIMARY KEY (tenant_id),
  CONSTRAINT a_wait_is_of_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, job_file_id) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT a_wait_is_for_files_a_set_or_history CHECK (reason IN ('files', 'set', 'history'))
);
COMMENT ON TABLE  ingest.pending_wait IS 'What the next file of a tenant waits for; no row while it waits for nothing.';
COMMENT ON COLUMN ingest.pending_wait.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.pending_wait.job_file_id IS 'The file that waits; nothing is staged before it.';
COMMENT ON COLUMN ingest.pending_wait.reason IS 'files = expected files of lower rank; set = parts or chunks of its set; history = history that goes ahead.';
COMMENT ON COLUMN ingest.pending_wait.missing IS 'The tags, parts, chunks or job keys that it waits for.';
COMMENT ON COLUMN ingest.pending_wait.since IS 'When this wait was first seen.';
COMMENT ON COLUMN ingest.pending_wait.until IS 'When it ends without them; null = when they come.';

CREATE TABLE ingest.alert (
  alert_id        bigint      GENERATED ALWAYS AS IDENTITY,
  tenant_id       uuid        NOT NULL,
  kind            text        NOT NULL,
  code            text,
  message         text        NOT NULL,
  details         jsonb       NOT NULL DEFAULT '{}',
  created_at      timestamptz NOT NULL,
  sent_at         timestamptz,
  attempts        integer     NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  last_problem    text,
  CONSTRAINT an_alert_exists_once PRIMARY KEY (alert_id),
  CONSTRAINT an_alert_is_about_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT an_alert_is_of_a_known_kind CHECK (kind IN (
    'tenant_halted', 'step_exhausted', 'file_missing', 'file_refused', 'delivery_late', 'ledger_diverged')),
  CONSTRAINT an_alert_code_is_one_of_ours CHECK (code ~ '^WB-[0-9]{4}$'),
  CONSTRAINT alert_details_are_an_object CHECK (jsonb_typeof(details) = 'object'),
  CONSTRAINT alert_details_hold_no_token_and_no_url CHECK (
    (message || details::text) !~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)')
);
CREATE INDEX alert_unsent ON ingest.alert (next_attempt_at) WHERE sent_at IS NULL;
COMMENT ON TABLE  ingest.alert IS 'What a person must hear of; sent by any worker, kept for good.';
COMMENT ON COLUMN ingest.alert.alert_id IS 'Identity, growing.';
COMMENT ON COLUMN ingest.alert.tenant_id IS 'The agency concerned.';
COMMENT ON COLUMN ingest.alert.kind IS 'tenant_halted, step_exhausted, file_missing, file_refused, delivery_late or ledger_diverged.';
COMMENT ON COLUMN ingest.alert.code IS 'WB code, where one says more.';
COMMENT ON COLUMN ingest.alert.message IS 'One sentence for people.';
COMMENT ON COLUMN ingest.alert.details IS 'Facts: file, tag, date, step; never a value of a file, a token or a URL.';
COMMENT ON COLUMN ingest.alert.created_at IS 'When it was raised.';
COMMENT ON COLUMN ingest.alert.sent_at IS 'When it was delivered; null before.';
COMMENT ON COLUMN ingest.alert.attempts IS 'How often sending was begun.';
COMMENT ON COLUMN ingest.alert.next_attempt_at IS 'Not sent before this time.';
COMMENT ON COLUMN ingest.alert.last_problem IS 'Why the latest attempt failed; null after success.';
CREATE TRIGGER an_alert_keeps_what_it_says BEFORE UPDATE ON ingest.alert
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('alert_id', 'tenant_id', 'kind', 'code', 'message', 'details', 'created_at');
CREATE TRIGGER an_alert_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.alert
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.delivery_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.delivery_move ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.pending_wait ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.alert ENABLE ROW LEVEL SECURITY;

-- Jobs, files, specs --------------------------------------------------------------------------------
ALTER TABLE ingest.file_spec ADD COLUMN is_withdrawn boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN ingest.file_spec.is_withdrawn IS 'True: from this version on the tag is not taken any more.';

ALTER TABLE ingest.tenant ADD COLUMN halted_by_file uuid;
COMMENT ON COLUMN ingest.tenant.halted_by_file IS 'The job_file that halted it; null when a person did, or when it is not halted.';

ALTER TABLE ingest.job
  ADD COLUMN kind          text     NOT NULL DEFAULT 'nightly',
  ADD COLUMN precedence    smallint NOT NULL DEFAULT 1,
  ADD COLUMN allow_older   boolean  NOT NULL DEFAULT false,
  ADD CONSTRAINT a_job_is_nightly_or_history CHECK (kind IN ('nightly', 'history')),
  ADD CONSTRAINT history_goes_ahead_or_behind CHECK ((kind = 'nightly') = (precedence = 1) AND precedence BETWEEN 0 AND 2);
COMMENT ON COLUMN ingest.job.kind IS 'nightly = the present; history = a load of the past.';
COMMENT ON COLUMN ingest.job.precedence IS '0 = history ahead of nightly files; 1 = nightly; 2 = history behind them.';
COMMENT ON COLUMN ingest.job.allow_older IS 'True: its files are staged though newer ones of their tag are processed.';
CREATE INDEX job_history_ahead ON ingest.job (tenant_id) WHERE precedence = 0 AND state <> 'complete';
CREATE INDEX job_by_delivery ON ingest.job (tenant_id, delivery_date, delivery_name);
DROP TRIGGER a_job_keeps_its_identity ON ingest.job;
CREATE TRIGGER a_job_keeps_its_identity BEFORE UPDATE ON ingest.job
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('job_id', 'tenant_id', 'agent_id', 'job_key', 'delivery_date',
    'delivery_name', 'kind', 'precedence', 'allow_older', 'opened_at');

ALTER TABLE ingest.job_file
  ADD COLUMN delivery_name   text,
  ADD COLUMN precedence      smallint NOT NULL DEFAULT 1,
  ADD COLUMN tag_rank        integer  NOT NULL DEFAULT 2147483647,
  ADD COLUMN chunk_number    integer  NOT NULL DEFAULT 1,
  ADD COLUMN chunk_count     integer  NOT NULL DEFAULT 1,
  ADD COLUMN split_of        uuid,
  ADD COLUMN set_seq         bigint,
  ADD COLUMN is_split_judged boolean  NOT NULL DEFAULT false,
  ADD COLUMN allow_older     boolean  NOT NULL DEFAULT false,
  ADD COLUMN rows_skipped    bigint,
  ADD COLUMN skipped_at      timestamptz,
  ADD COLUMN retired_at      timestamptz;
UPDATE ingest.job_file AS f SET delivery_name = j.delivery_name, set_seq = f.opened_seq FROM ingest.job AS j WHERE j.job_id = f.job_id;
ALTER TABLE ingest.job_file
  ALTER COLUMN delivery_name SET NOT NULL,
  ALTER COLUMN set_seq SET NOT NULL,
  DROP CONSTRAINT a_version_is_registered_once_in_a_job,
  ADD CONSTRAINT a_chunk_is_one_of_its_count CHECK (chunk_number BETWEEN 1 AND chunk_count AND chunk_count <= 99999),
  ADD CONSTRAINT a_split_off_part_is_of_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, split_of) REFERENCES ingest.job_file (tenant_id, job_file_id),
  DROP CONSTRAINT a_state_is_one_of_the_known,
  ADD CONSTRAINT a_state_is_one_of_the_known CHECK (state IN ('awaiting_upload', 'received', 'verified', 'split',
    'staged', 'processed', 'archived', 'duplicate', 'refused', 'retired')),
  DROP CONSTRAINT a_staged_file_counts_its_rows,
  ADD CONSTRAINT a_staged_file_counts_its_rows CHECK (
    CASE WHEN state IN ('staged', 'processed', 'archived') THEN rows_staged IS NOT NULL AND staged_at IS NOT NULL
         WHEN state = 'retired' THEN true ELSE rows_staged IS NULL END),
  ADD CONSTRAINT a_retired_file_says_when CHECK ((state = 'retired') = (retired_at IS NOT NULL)),
  ADD CONSTRAINT only_a_refused_file_is_skipped CHECK (skipped_at IS NULL OR state = 'refused');
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

DROP TRIGGER a_job_file_keeps_its_identity ON ingest.job_file;
CREATE TRIGGER a_job_file_keeps_its_identity BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'job_file_id', 'tenant_id', 'job_id', 'delivery_date', 'delivery_name', 'precedence', 'opened_seq', 'file_tag',
    'relative_path', 'content_sha256', 'original_sha256', 'size_bytes', 'modified_at', 'part_number', 'part_count',
    'first_source_row', 'chunk_number', 'chunk_count', 'split_of', 'set_seq', 'opened_at');

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
CREATE TRIGGER a_part_joins_its_file BEFORE INSERT ON ingest.job_file
  FOR EACH ROW EXECUTE FUNCTION ingest.join_set();
-- A refused file that is retried is read by the newest spec; nothing else may change what reads a file.
CREATE TRIGGER a_job_file_changes_its_spec_only_when_retried BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW WHEN (NOT (OLD.state = 'refused' AND NEW.last_event IN ('retried', 'upload_asked_again')))
  EXECUTE FUNCTION ingest.keep_identity('entity', 'file_spec_version');

INSERT INTO ingest.job_file_move (from_state, event, to_state) VALUES
  ('new',             'split_off',          'received'),         -- a part that central cut and stored
  ('verified',        'split',              'split'),            -- its parts go on in its place
  ('split',           'parts_processed',    'processed'),
  ('split',           'refused',            'refused'),
  ('split',           'retired',            'retired'),
  ('staged',          'retired',            'retired'),
  ('processed',       'retired',            'retired'),
  ('archived',        'retired',            'retired'),
  ('awaiting_upload', 'skipped',            'refused'),
  ('received',        'skipped',            'refused'),
  ('verified',        'skipped',            'refused'),
  ('split',           'skipped',            'refused'),
  ('refused',         'skipped',            'refused'),
  ('refused',         'retried',            'received'),         -- its object is stored
  ('refused',         'split_again',        'split'),            -- its parts are retried
  ('refused',         'upload_asked_again', 'awaiting_upload');  -- its object is not stored: a new path

-- The claim of the next step walks this index in its order and stops at the first file.
DROP INDEX ingest.job_file_by_due_step;
CREATE INDEX job_file_by_due_step ON ingest.job_file
  (tenant_id, precedence, delivery_date, tag_rank, file_tag, chunk_number, set_seq, part_number, opened_seq)
  WHERE state IN ('received', 'verified');
CREATE INDEX job_file_received ON ingest.job_file
  (tenant_id, precedence, delivery_date, tag_rank, file_tag, chunk_number, set_seq, part_number, opened_seq)
  WHERE state = 'received';
CREATE INDEX job_file_to_move ON ingest.job_file (tenant_id, state, delivery_date, opened_seq)
  WHERE state IN ('staged', 'processed');
-- A file that central has split stands for its parts: it is the live copy, they are not copies of it.
DROP INDEX ingest.one_live_copy_of_a_content;
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
DROP INDEX ingest.job_file_not_final_by_job;
CREATE INDEX job_file_not_final_by_job
  ON ingest.job_file (job_id) WHERE state NOT IN ('archived', 'duplicate', 'refused', 'retired');

-- Equal bytes may be parts of two versions of a file; a retired version may come again; what central cut is no offer.
CREATE UNIQUE INDEX a_version_is_registered_once_in_a_job
  ON ingest.job_file (job_id, relative_path, content_sha256, original_sha256, part_number, part_count)
  WHERE split_of IS NULL AND state <> 'retired';

ALTER TABLE ingest.lease
  DROP CONSTRAINT a_step_is_one_of_four,
  ADD CONSTRAINT a_step_is_one_of_five CHECK (step IN ('verify', 'split', 'stage', 'rename', 'archive'));
COMMENT ON COLUMN ingest.lease.step IS 'verify, split, stage, rename or archive; null while free.';

-- Over an almost empty table all indexes cost the same, and PostgreSQL takes the youngest that fits at all; a
-- session keeps that plan, those of foreign keys too, and later walks a whole tenant by it (docs/decisions/0005).
-- So the indexes that find one file are the youngest, and none that finds many begins with the tenant alone.
DROP INDEX ingest.job_file_by_content;
CREATE INDEX job_file_by_content ON ingest.job_file (content_sha256, tenant_id);
DROP INDEX ingest.job_file_by_awaited_content;
CREATE INDEX job_file_by_awaited_content
  ON ingest.job_file (original_sha256, tenant_id, file_tag, part_number) WHERE state = 'awaiting_upload';
CREATE INDEX job_file_by_id_and_tenant ON ingest.job_file (job_file_id, tenant_id);
