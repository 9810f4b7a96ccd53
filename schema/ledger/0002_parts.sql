-- 0002 Parts, chunks and spec versions: what a version of a file is made of, and by which spec.
-- Why:    a file above its spec's limit travels in parts. Each part is a job_file of its own, with
--         the place of its bytes in the partner's file, so that nothing is copied on his disk. A
--         file of equal rows has equal parts, so a content alone names a part no longer. Also: what
--         a name tells of its delivery, and the spec version a file was judged by, since a refused
--         file may be judged again by a newer one.
-- Needs:  0001.
-- Runs:   with foreign keys off, as SQLite demands where a table is made anew, and checked after;
--         in one transaction; about a second for 100,000 files.
-- Rule:   released migrations are never edited; add the next number.

CREATE TABLE job_file_with_parts (
  file_number            INTEGER PRIMARY KEY,           -- the ledger's own number
  relative_path          TEXT    NOT NULL,              -- the partner's own name
  content_sha256         TEXT    NOT NULL,              -- of the bytes that travel
  original_sha256        TEXT    NOT NULL,              -- of the partner's whole file
  part_number            INTEGER NOT NULL DEFAULT 1,    -- 1-based
  part_count             INTEGER NOT NULL DEFAULT 1,    -- 1: the file travels whole
  first_source_row       INTEGER NOT NULL DEFAULT 1,    -- number in the whole file of the first row
  head_bytes             INTEGER NOT NULL DEFAULT 0,    -- of the whole file's start, sent before ...
  begin_byte             INTEGER NOT NULL DEFAULT 0,    -- ... its bytes from here
  end_byte               INTEGER NOT NULL,              -- ... up to here, this one excluded
  export_number          INTEGER NOT NULL DEFAULT 1,    -- 2 when the same bytes are exported again
  file_tag               TEXT    NOT NULL,              -- selects the file spec
  spec_version           INTEGER NOT NULL DEFAULT 0,    -- of the spec when it was hashed; 0: unknown
  delivery_date          TEXT    NOT NULL DEFAULT '',   -- 'YYYY-MM-DD' as its name says; '': by its day
  chunk_number           INTEGER NOT NULL DEFAULT 1,    -- of the files the partner makes as one set
  chunk_count            INTEGER NOT NULL DEFAULT 1,
  size_bytes             INTEGER NOT NULL,              -- of the bytes that travel
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
  CONSTRAINT a_version_is_a_path_and_a_content
    UNIQUE (relative_path, original_sha256, export_number, part_number),
  CONSTRAINT central_names_a_file_once UNIQUE (job_file_id),
  CONSTRAINT a_content_has_64_hex_digits CHECK (content_sha256 NOT GLOB '*[^0-9a-f]*' AND length(content_sha256) = 64),
  CONSTRAINT an_original_has_64_hex_digits CHECK (original_sha256 NOT GLOB '*[^0-9a-f]*' AND length(original_sha256) = 64),
  CONSTRAINT a_whole_file_is_its_own_original CHECK (part_count > 1 OR original_sha256 = content_sha256),
  CONSTRAINT a_part_is_one_of_its_count CHECK (part_number BETWEEN 1 AND part_count),
  CONSTRAINT a_chunk_is_one_of_its_count CHECK (chunk_number BETWEEN 1 AND chunk_count),
  CONSTRAINT rows_are_counted_from_one CHECK (first_source_row >= 1 AND (part_number > 1 OR first_source_row = 1)),
  CONSTRAINT what_travels_is_a_head_and_a_range CHECK (
    head_bytes BETWEEN 0 AND begin_byte AND begin_byte <= end_byte
    AND size_bytes = head_bytes + end_byte - begin_byte),
  CONSTRAINT a_registered_file_has_a_job CHECK (job_file_id IS NULL OR job_number IS NOT NULL),
  CONSTRAINT a_state_is_one_we_know CHECK (state IN (
    'ready', 'queued', 'uploading', 'uploaded', 'unsettled', 'received', 'verified', 'staged',
    'processed', 'archived', 'duplicate', 'refused', 'superseded', 'vanished'))
) STRICT;

INSERT INTO job_file_with_parts (
  file_number, relative_path, content_sha256, original_sha256, end_byte, export_number, file_tag,
  size_bytes, mtime_ns, state, job_number, job_file_id, entity, rows_staged, duplicate_of,
  error_code, error, attempt_count, next_attempt_at_ms, central_seq, discovered_at_ms,
  updated_at_ms)
SELECT
  file_number, relative_path, content_sha256, content_sha256, size_bytes, export_number, file_tag,
  size_bytes, mtime_ns, state, job_number, job_file_id, entity, rows_staged, duplicate_of,
  error_code, error, attempt_count, next_attempt_at_ms, central_seq, discovered_at_ms,
  updated_at_ms
  FROM job_file;

DROP TABLE job_file;
ALTER TABLE job_file_with_parts RENAME TO job_file;

CREATE INDEX files_by_content ON job_file (file_tag, original_sha256, part_number);
CREATE INDEX parts_of_files ON job_file (relative_path, original_sha256, export_number)
  WHERE part_count > 1;
CREATE INDEX files_by_job ON job_file (job_number, state);
CREATE INDEX files_in_our_hands ON job_file (state, next_attempt_at_ms)
  WHERE state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled');

CREATE TRIGGER a_version_keeps_its_identity
BEFORE UPDATE OF relative_path, content_sha256, original_sha256, part_number, part_count,
  first_source_row, head_bytes, begin_byte, end_byte, export_number, file_tag, size_bytes,
  discovered_at_ms
ON job_file
WHEN NEW.relative_path <> OLD.relative_path OR NEW.content_sha256 <> OLD.content_sha256
  OR NEW.original_sha256 <> OLD.original_sha256 OR NEW.part_number <> OLD.part_number
  OR NEW.part_count <> OLD.part_count OR NEW.first_source_row <> OLD.first_source_row
  OR NEW.head_bytes <> OLD.head_bytes OR NEW.begin_byte <> OLD.begin_byte
  OR NEW.end_byte <> OLD.end_byte OR NEW.export_number <> OLD.export_number
  OR NEW.file_tag <> OLD.file_tag OR NEW.size_bytes <> OLD.size_bytes
  OR NEW.discovered_at_ms <> OLD.discovered_at_ms
BEGIN
  SELECT RAISE(ABORT, 'what was recorded at discovery is never changed');
END;

CREATE TRIGGER a_version_is_never_removed BEFORE DELETE ON job_file
BEGIN
  SELECT RAISE(ABORT, 'a version of a file is never forgotten');
END;
