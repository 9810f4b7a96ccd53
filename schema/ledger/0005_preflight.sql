-- 0005 Preflight: what the agent itself found in a file before it was sent.
-- Why:    central is told of it when the file is registered, also after a restart; people at the
--         agency read it without asking central. The hash of the report is in the file's first
--         event, so it cannot be altered unseen.
-- Needs:  0004.
-- Rule:   released migrations are never edited; add the next number.

CREATE TABLE preflight (
  file_number        INTEGER PRIMARY KEY REFERENCES job_file (file_number),  -- of several parts the first
  is_refused         INTEGER NOT NULL,             -- 1: the file's spec refuses it as a whole
  spec_version       INTEGER NOT NULL,             -- of the spec that it was read by
  row_count          INTEGER NOT NULL,             -- of the whole file, header excluded
  quarantined_count  INTEGER NOT NULL,             -- of these, set aside
  finding_count      INTEGER NOT NULL,
  quarantine_file    TEXT    NOT NULL DEFAULT '',  -- copy of the rows set aside, in the state folder; '' without
  report             TEXT    NOT NULL,             -- JSON as central is told it; never a value of the file
  CONSTRAINT a_file_is_refused_or_not CHECK (is_refused IN (0, 1)),
  CONSTRAINT a_report_is_json CHECK (json_valid(report))
) STRICT;

CREATE INDEX preflights_to_look_at ON preflight (file_number) WHERE finding_count > 0;

CREATE TRIGGER a_preflight_is_never_changed BEFORE UPDATE ON preflight
BEGIN
  SELECT RAISE(ABORT, 'a preflight is told once');
END;

CREATE TRIGGER a_preflight_is_never_removed BEFORE DELETE ON preflight
BEGIN
  SELECT RAISE(ABORT, 'a preflight is never forgotten');
END;
