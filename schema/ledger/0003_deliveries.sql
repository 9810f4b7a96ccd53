-- 0003 Deliveries, history and fetches: what is expected, what is loaded beside it, what is read
-- from HTTP APIs.
-- Why:    "did today's delivery arrive" needs to know what a delivery is made of and until when;
--         a folder of history travels through the same ledger without holding up the nights; an
--         API that is read page by page must go on after a kill where it was.
-- Needs:  0002.
-- Rule:   released migrations are never edited; add the next number.

-- One row per expected or begun delivery, once central has published a plan.
CREATE TABLE delivery (
  delivery_date   TEXT    NOT NULL,               -- 'YYYY-MM-DD' at the agency
  delivery_name   TEXT    NOT NULL,               -- the plan's, e.g. 'nightly'
  state           TEXT    NOT NULL DEFAULT 'open',
  missing         TEXT    NOT NULL DEFAULT '[]',  -- JSON list of required tags that are not there
  deadline_at_ms  INTEGER NOT NULL,
  opened_at_ms    INTEGER NOT NULL,
  updated_at_ms   INTEGER NOT NULL,
  CONSTRAINT a_delivery_is_a_date_and_a_name PRIMARY KEY (delivery_date, delivery_name),
  CONSTRAINT a_delivery_is_in_a_state_we_know
    CHECK (state IN ('open', 'complete', 'late', 'partial', 'closed')),
  CONSTRAINT what_is_missing_is_json CHECK (json_valid(missing))
) STRICT, WITHOUT ROWID;

-- One folder of history that somebody asked to have loaded.
CREATE TABLE backfill (
  backfill_number  INTEGER PRIMARY KEY,
  request_id       TEXT    NOT NULL,            -- made with the request: asked twice is asked once
  folder           TEXT    NOT NULL,            -- absolute; read, never written to
  as_of            TEXT    NOT NULL,            -- date of the files whose names tell none
  delivery_name    TEXT    NOT NULL,            -- e.g. 'history'
  is_ahead         INTEGER NOT NULL,            -- 1: nightly files wait until it is done
  allow_older      INTEGER NOT NULL,            -- 1: also what is older than the newest processed
  state            TEXT    NOT NULL DEFAULT 'reading',
  file_count       INTEGER NOT NULL DEFAULT 0,  -- counted when all are hashed
  left_alone_count INTEGER NOT NULL DEFAULT 0,  -- names that no file spec takes
  requested_at_ms  INTEGER NOT NULL,
  done_at_ms       INTEGER NOT NULL DEFAULT 0,  -- 0 until it is
  CONSTRAINT a_request_is_taken_once UNIQUE (request_id),
  CONSTRAINT a_backfill_is_in_a_state_we_know CHECK (state IN ('reading', 'sending', 'done')),
  CONSTRAINT a_backfill_is_ahead_or_behind CHECK (is_ahead IN (0, 1)),
  CONSTRAINT older_is_allowed_or_not CHECK (allow_older IN (0, 1))
) STRICT;

-- How far the reading of one of the partner's HTTP APIs has come.
CREATE TABLE fetch (
  name             TEXT    NOT NULL PRIMARY KEY,  -- as configured
  state            TEXT    NOT NULL,
  cursor           TEXT    NOT NULL,              -- where the next run starts; '' at the beginning
  run_cursor       TEXT    NOT NULL,              -- where the running run asks next
  file_name        TEXT    NOT NULL,              -- of the running or last run
  started_at_ms    INTEGER NOT NULL,
  page_count       INTEGER NOT NULL,              -- pages of the run that are on disk
  row_count        INTEGER NOT NULL,              -- rows in them
  last_good_at_ms  INTEGER NOT NULL,              -- 0: no run has come through yet
  last_row_count   INTEGER NOT NULL,              -- of that run
  failures         INTEGER NOT NULL,              -- in a row
  next_try_at_ms   INTEGER NOT NULL,
  error            TEXT    NOT NULL DEFAULT '',   -- JSON: code, message; '' when all is well
  CONSTRAINT a_fetch_is_in_a_state_we_know CHECK (state IN ('idle', 'fetching', 'placing'))
) STRICT, WITHOUT ROWID;

ALTER TABLE job ADD COLUMN backfill_number INTEGER NOT NULL DEFAULT 0;       -- 0: a nightly one

-- A file's delivery is decided once, when its bytes are known: date, name, backfill and remark.
ALTER TABLE job_file ADD COLUMN delivery_name TEXT NOT NULL DEFAULT '';      -- '' until decided
ALTER TABLE job_file ADD COLUMN backfill_number INTEGER NOT NULL DEFAULT 0;  -- 0: a nightly one
ALTER TABLE job_file ADD COLUMN remark TEXT NOT NULL DEFAULT ''              -- what is odd about it
  CONSTRAINT a_remark_is_one_we_know CHECK (remark IN ('', 'unexpected', 'surplus', 'late'));

UPDATE job_file
   SET delivery_date = job.delivery_date, delivery_name = job.delivery_name
  FROM job WHERE job.job_number = job_file.job_number;

CREATE INDEX files_without_delivery ON job_file (file_number)
  WHERE state = 'ready' AND delivery_name = '';
CREATE INDEX files_by_delivery ON job_file (delivery_date, file_tag) WHERE backfill_number = 0;
CREATE INDEX files_by_backfill ON job_file (backfill_number, delivery_date, state)
  WHERE backfill_number > 0;
