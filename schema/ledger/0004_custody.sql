-- 0004 Custody: uploads that go on where they broke off, what central is still to be told, and files
-- that are read again now and then.
-- Why:    a gigabyte is not sent twice because a line broke; central does not wait for bytes that
--         will never come; a rewrite that kept size and time is found.
-- Needs:  0003.
-- Rule:   released migrations are never edited; add the next number.

ALTER TABLE job_file ADD COLUMN upload_url TEXT NOT NULL DEFAULT '';             -- of an upload in chunks; '' without
ALTER TABLE job_file ADD COLUMN upload_path TEXT NOT NULL DEFAULT '';            -- object path it belongs to
ALTER TABLE job_file ADD COLUMN upload_offset_bytes INTEGER NOT NULL DEFAULT 0;  -- storage had so many
ALTER TABLE job_file ADD COLUMN gave_up_at_ms INTEGER NOT NULL DEFAULT 0;        -- 0: still tried
ALTER TABLE job_file ADD COLUMN withdrawn_at_ms INTEGER NOT NULL DEFAULT 0;      -- central was told that the bytes will not come

-- Superseded or vanished after central had registered them, and central does not know yet.
CREATE INDEX files_to_withdraw ON job_file (file_number)
  WHERE state IN ('superseded', 'vanished') AND job_file_id IS NOT NULL AND withdrawn_at_ms = 0;

ALTER TABLE path ADD COLUMN change_ns INTEGER NOT NULL DEFAULT 0;     -- the system's own change time as last seen; 0: unknown
ALTER TABLE path ADD COLUMN hashed_at_ms INTEGER NOT NULL DEFAULT 0;  -- when its bytes were last read; 0: not since they changed
ALTER TABLE path ADD COLUMN content_sha256 TEXT NOT NULL DEFAULT '';  -- of the bytes as last read; '' when not known

CREATE INDEX paths_by_hash_time ON path (hashed_at_ms) WHERE state = 'recorded';

-- What was never read comes first: a remount makes every name due again, and new files do not wait.
DROP INDEX paths_that_need_work;
CREATE INDEX paths_that_need_work ON path (state, hashed_at_ms) WHERE state <> 'recorded';
-- 1: central told it to a ledger that was lost. Central keeps neither where a part lies in its file
-- nor more of a file's time than milliseconds; hashing the file finds both.
ALTER TABLE job_file ADD COLUMN is_recovered INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER a_version_keeps_its_identity;

CREATE TRIGGER a_version_keeps_its_identity
BEFORE UPDATE OF relative_path, content_sha256, original_sha256, part_number, part_count,
  first_source_row, head_bytes, begin_byte, end_byte, export_number, file_tag, size_bytes,
  discovered_at_ms
ON job_file
WHEN NEW.relative_path <> OLD.relative_path OR NEW.content_sha256 <> OLD.content_sha256
  OR NEW.original_sha256 <> OLD.original_sha256 OR NEW.part_number <> OLD.part_number
  OR NEW.part_count <> OLD.part_count OR NEW.first_source_row <> OLD.first_source_row
  OR OLD.is_recovered = 0 AND (NEW.head_bytes <> OLD.head_bytes OR NEW.begin_byte <> OLD.begin_byte
                               OR NEW.end_byte <> OLD.end_byte)
  OR NEW.export_number <> OLD.export_number OR NEW.file_tag <> OLD.file_tag
  OR NEW.size_bytes <> OLD.size_bytes OR NEW.discovered_at_ms <> OLD.discovered_at_ms
BEGIN
  SELECT RAISE(ABORT, 'what was recorded at discovery is never changed');
END;
