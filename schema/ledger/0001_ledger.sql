-- 0001 The ledger: what the agent has seen in the export folder, and how far each file has come.
-- Why:    the ledger is the queue. What is not in it has not happened; what is in it survives a
--         killed process, a lost network and a restart. It also proves custody: events are only
--         ever added, and each carries the hash of the one before it.
-- Story:  a file is met by the scanner         -> path (settling)
--         it comes to rest and has a file spec -> path (due)
--         its bytes are hashed                 -> job_file (ready), path (recorded)
--         it is put into a delivery            -> job, job_file.job_number
--         central registers it, it is sent, received, verified, staged, processed, archived
--                                              -> job_file.state; one row of event each
-- Needs:  SQLite 3.37 or newer (STRICT tables).
-- Units:  *_ms are UTC milliseconds since 1970; *_ns nanoseconds since 1970; *_bytes octets.
-- Rule:   released migrations are never edited; add the next number.

-- Single facts: identity, cursor, last contact, last good settings. Names are in ledger.h.
CREATE TABLE meta (
  name   TEXT NOT NULL PRIMARY KEY,  -- e.g. 'agent_id', 'sync_cursor'
  value  TEXT NOT NULL               -- text, or a number in decimal digits
) STRICT, WITHOUT ROWID;

-- The file specs central published last; used while central cannot be reached.
CREATE TABLE file_spec (
  file_tag  TEXT    NOT NULL PRIMARY KEY,  -- e.g. 'recipe_line'
  version   INTEGER NOT NULL,              -- central's number, growing with every change
  spec      TEXT    NOT NULL,              -- the spec as central sent it, JSON
  CONSTRAINT a_spec_is_json CHECK (json_valid(spec))
) STRICT, WITHOUT ROWID;

-- One row per name that is in the export folder now: the scan cache. An unchanged row saves
-- reading the file. Rows go when their file goes; what was sent stays in job_file.
CREATE TABLE path (
  relative_path     TEXT    NOT NULL PRIMARY KEY,  -- below the export folder, '/' between parts
  state             TEXT    NOT NULL,              -- see PathState in path_record.h
  size_bytes        INTEGER NOT NULL,              -- as last seen
  mtime_ns          INTEGER NOT NULL,              -- as last seen
  file_id           TEXT    NOT NULL,              -- device and inode as last seen; a hint
  file_tag          TEXT    NOT NULL DEFAULT '',   -- the spec its name matches; '' while unknown
  error_code        TEXT    NOT NULL DEFAULT '',   -- 'WB-1304' and the like; '' when all is well
  first_seen_at_ms  INTEGER NOT NULL,              -- when this name was met
  at_rest_at_ms     INTEGER NOT NULL DEFAULT 0,    -- when it was first found at rest; 0 before
  CONSTRAINT a_path_is_in_a_state_we_know CHECK (state IN (
    'settling', 'due', 'recorded', 'unknown', 'ambiguous', 'not_text', 'not_regular', 'unreadable'))
) STRICT, WITHOUT ROWID;

CREATE INDEX paths_that_need_work ON path (state) WHERE state <> 'recorded';

-- One delivery. The key is made and stored before it is first sent, and used on every retry.
CREATE TABLE job (
  job_number           INTEGER PRIMARY KEY,
  job_key              TEXT    NOT NULL,             -- '<agency>-<date>-<uuid>'
  delivery_date        TEXT    NOT NULL,             -- the day at the agency, 'YYYY-MM-DD'
  delivery_name        TEXT    NOT NULL,             -- e.g. 'nightly'
  state                TEXT    NOT NULL,             -- 'open', 'closed'
  central_job_id       TEXT    NOT NULL DEFAULT '',  -- central's id; '' until it has answered
  made_at_ms           INTEGER NOT NULL,
  last_activity_at_ms  INTEGER NOT NULL,             -- when a file last joined or moved on
  closed_at_ms         INTEGER NOT NULL DEFAULT 0,   -- 0 while open
  CONSTRAINT a_job_key_is_used_once UNIQUE (job_key),
  CONSTRAINT a_job_is_open_or_closed CHECK (state IN ('open', 'closed'))
) STRICT;

CREATE INDEX open_jobs ON job (delivery_date) WHERE state = 'open';

-- One version of a file: these bytes under this name. The state machine is core/file_state.h.
CREATE TABLE job_file (
  file_number            INTEGER PRIMARY KEY,           -- the ledger's own number
  relative_path          TEXT    NOT NULL,              -- the partner's own name
  content_sha256         TEXT    NOT NULL,              -- of the bytes as hashed at discovery
  export_number          INTEGER NOT NULL DEFAULT 1,    -- 2 when the same bytes are exported again
  file_tag               TEXT    NOT NULL,              -- selects the file spec
  size_bytes             INTEGER NOT NULL,              -- as counted while hashing
  mtime_ns               INTEGER NOT NULL,              -- of the file when its bytes were hashed
  state                  TEXT    NOT NULL,
  job_number             INTEGER REFERENCES job (job_number),  -- null until put into a delivery
  job_file_id            TEXT,                          -- central's id; null until registered
  entity                 TEXT    NOT NULL DEFAULT '',   -- staging table its rows went to
  rows_staged            INTEGER NOT NULL DEFAULT -1,   -- -1 until central has told
  duplicate_of           TEXT    NOT NULL DEFAULT '',   -- JSON: the first copy, as central named it
  error_code             TEXT    NOT NULL DEFAULT '',   -- why it is refused, or why it waits
  error                  TEXT    NOT NULL DEFAULT '',   -- JSON: code, message, row, column ...
  attempt_count          INTEGER NOT NULL DEFAULT 0,    -- uploads begun
  next_attempt_at_ms     INTEGER NOT NULL DEFAULT 0,    -- not due before this
  central_seq            INTEGER NOT NULL DEFAULT 0,    -- newest of central's changes applied
  discovered_at_ms       INTEGER NOT NULL,
  updated_at_ms          INTEGER NOT NULL,
  CONSTRAINT a_version_is_a_path_and_a_content UNIQUE (relative_path, content_sha256, export_number),
  CONSTRAINT central_names_a_file_once UNIQUE (job_file_id),
  CONSTRAINT a_content_has_64_hex_digits CHECK (content_sha256 NOT GLOB '*[^0-9a-f]*' AND length(content_sha256) = 64),
  CONSTRAINT a_registered_file_has_a_job CHECK (job_file_id IS NULL OR job_number IS NOT NULL),
  CONSTRAINT a_state_is_one_we_know CHECK (state IN (
    'ready', 'queued', 'uploading', 'uploaded', 'unsettled', 'received', 'verified', 'staged',
    'processed', 'archived', 'duplicate', 'refused', 'superseded', 'vanished'))
) STRICT;

CREATE INDEX files_by_content ON job_file (file_tag, content_sha256);
CREATE INDEX files_by_job ON job_file (job_number, state);
CREATE INDEX files_in_our_hands ON job_file (state, next_attempt_at_ms)
  WHERE state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled');

-- Everything that happened, in order. hash = SHA-256 over prev_hash and the row; event_chain.h
-- documents the exact bytes. A change anywhere breaks every hash after it.
CREATE TABLE event (
  seq             INTEGER PRIMARY KEY,  -- 1, 2, 3 ... without a gap
  at_ms           INTEGER NOT NULL,     -- wall clock; may step, so order is seq
  kind            TEXT    NOT NULL,     -- 'discovered', 'received', 'job_opened' ...
  relative_path   TEXT    NOT NULL,     -- the file, or '' when it is not about one
  content_sha256  TEXT    NOT NULL,     -- the version, or ''
  file_number     INTEGER REFERENCES job_file (file_number),  -- null when not about a version
  from_state      TEXT    NOT NULL,     -- '' when it is not a move
  to_state        TEXT    NOT NULL,     -- '' when it is not a move
  detail          TEXT    NOT NULL,     -- JSON, '{}' when there is nothing to add
  prev_hash       TEXT    NOT NULL,     -- hash of seq - 1; 64 zeros for the first
  hash            TEXT    NOT NULL,
  CONSTRAINT a_detail_is_json CHECK (json_valid(detail)),
  CONSTRAINT a_hash_is_used_once UNIQUE (hash)
) STRICT;

CREATE INDEX events_by_file ON event (file_number, seq);
CREATE INDEX events_by_path ON event (relative_path, seq);

CREATE TRIGGER an_event_is_never_changed BEFORE UPDATE ON event
BEGIN
  SELECT RAISE(ABORT, 'events are only ever added');
END;

CREATE TRIGGER an_event_is_never_removed BEFORE DELETE ON event
BEGIN
  SELECT RAISE(ABORT, 'events are only ever added');
END;

CREATE TRIGGER an_event_follows_the_last BEFORE INSERT ON event
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event)
  OR NEW.prev_hash <> coalesce((SELECT hash FROM event WHERE seq = NEW.seq - 1),
                               '0000000000000000000000000000000000000000000000000000000000000000')
BEGIN
  SELECT RAISE(ABORT, 'an event does not follow the last one');
END;

CREATE TRIGGER a_version_keeps_its_identity
BEFORE UPDATE OF relative_path, content_sha256, export_number, file_tag, size_bytes, discovered_at_ms
ON job_file
WHEN NEW.relative_path <> OLD.relative_path OR NEW.content_sha256 <> OLD.content_sha256
  OR NEW.export_number <> OLD.export_number OR NEW.file_tag <> OLD.file_tag
  OR NEW.size_bytes <> OLD.size_bytes OR NEW.discovered_at_ms <> OLD.discovered_at_ms
BEGIN
  SELECT RAISE(ABORT, 'what was recorded at discovery is never changed');
END;

CREATE TRIGGER a_version_is_never_removed BEFORE DELETE ON job_file
BEGIN
  SELECT RAISE(ABORT, 'a version of a file is never forgotten');
END;
