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
