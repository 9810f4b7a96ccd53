-- 0004 Append-only records (artifact, job_event, ledger_anchor), and what is going on: leases, waits, alerts, orphans, stale tags.
-- Why:    proof of custody is a record that nobody can alter; a lease keeps two workers apart.
-- Needs:  0003.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE TABLE ingest.artifact (
  artifact_id    uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id      uuid        NOT NULL,
  job_id         uuid        NOT NULL,
  job_file_id    uuid,
  kind           text        NOT NULL,
  content        jsonb       NOT NULL,
  content_sha256 text        NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  created_by     text        NOT NULL,
  CONSTRAINT an_artifact_exists_once PRIMARY KEY (artifact_id),
  CONSTRAINT an_artifact_belongs_to_a_job FOREIGN KEY (job_id) REFERENCES ingest.job (job_id),
  CONSTRAINT an_artifact_is_of_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, job_file_id) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT an_artifact_is_of_a_known_kind CHECK (kind IN (
    'manifest', 'preflight_report', 'validation_report', 'rejected_rows', 'receipt')),
  CONSTRAINT an_artifact_is_an_object CHECK (jsonb_typeof(content) = 'object'),
  CONSTRAINT an_artifact_hash_is_sha256_in_hex CHECK (content_sha256 ~ '^[0-9a-f]{64}$')
);
CREATE INDEX artifact_by_file ON ingest.artifact (job_file_id, created_at);
CREATE INDEX artifact_by_job ON ingest.artifact (job_id, created_at);
COMMENT ON TABLE  ingest.artifact IS 'An output of ingestion, such as a validation report. Append-only.';
COMMENT ON COLUMN ingest.artifact.artifact_id IS 'Identity.';
COMMENT ON COLUMN ingest.artifact.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.artifact.job_id IS 'The job it is about.';
COMMENT ON COLUMN ingest.artifact.job_file_id IS 'The file it is about; null when it is about the whole job.';
COMMENT ON COLUMN ingest.artifact.kind IS 'manifest, preflight_report, validation_report, rejected_rows or receipt.';
COMMENT ON COLUMN ingest.artifact.content IS 'The artifact itself. It holds no value of the file, with one exception: rejected_rows have the text of the rows that were set aside when the file spec says send_quarantined_rows.';
COMMENT ON COLUMN ingest.artifact.content_sha256 IS 'SHA-256 of the content''s canonical text, in hex.';
COMMENT ON COLUMN ingest.artifact.created_at IS 'When it was made.';
COMMENT ON COLUMN ingest.artifact.created_by IS 'Who made it: worker:<name> or agent:<id>.';
CREATE TRIGGER an_artifact_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.artifact
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.job_event (
  tenant_id   uuid        NOT NULL,
  seq         bigint      NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  event       text        NOT NULL,
  actor       text        NOT NULL,
  job_id      uuid,
  job_file_id uuid,
  from_state  text,
  to_state    text,
  details     jsonb       NOT NULL DEFAULT '{}',
  CONSTRAINT an_event_has_its_own_number PRIMARY KEY (tenant_id, seq),
  CONSTRAINT an_event_belongs_to_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT an_event_is_about_a_known_job FOREIGN KEY (job_id) REFERENCES ingest.job (job_id),
  CONSTRAINT an_event_is_about_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, job_file_id) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT event_numbers_start_at_one CHECK (seq >= 1),
  CONSTRAINT an_event_has_a_plain_name CHECK (event ~ '^[a-z][a-z_]{1,40}$'),
  CONSTRAINT a_move_names_both_states CHECK ((from_state IS NULL) = (to_state IS NULL)),
  CONSTRAINT event_details_are_an_object CHECK (jsonb_typeof(details) = 'object'),
  CONSTRAINT event_details_hold_no_token_and_no_url CHECK (
    details::text !~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)')
);
CREATE INDEX job_event_by_file ON ingest.job_event (job_file_id, seq) WHERE job_file_id IS NOT NULL;
CREATE INDEX job_event_by_job ON ingest.job_event (job_id, seq) WHERE job_id IS NOT NULL;
COMMENT ON TABLE  ingest.job_event IS 'Everything that happened in a tenant''s registry, in order, without gaps. Append-only.';
COMMENT ON COLUMN ingest.job_event.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.job_event.seq IS '1, 2, 3 … per tenant; the order of commits, so a cursor misses nothing.';
COMMENT ON COLUMN ingest.job_event.at IS 'When it happened.';
COMMENT ON COLUMN ingest.job_event.event IS 'What happened.';
COMMENT ON COLUMN ingest.job_event.actor IS 'Who did it: agent:<id>, worker:<name>, operator:<name> or central.';
COMMENT ON COLUMN ingest.job_event.job_id IS 'The job concerned; null when it concerns the tenant.';
COMMENT ON COLUMN ingest.job_event.job_file_id IS 'The file concerned; null when it concerns the job or the tenant.';
COMMENT ON COLUMN ingest.job_event.from_state IS 'The file''s state before; null when it did not move.';
COMMENT ON COLUMN ingest.job_event.to_state IS 'The file''s state after; null when it did not move.';
COMMENT ON COLUMN ingest.job_event.details IS 'Facts of the event; never a token, a URL or a value of a file.';
CREATE TRIGGER an_event_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.job_event
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.ledger_anchor (
  agent_id     uuid        NOT NULL,
  ledger_id    text        NOT NULL DEFAULT '',
  ledger_seq   bigint      NOT NULL,
  ledger_hash  text        NOT NULL,
  tenant_id    uuid        NOT NULL,
  is_divergent boolean     NOT NULL,
  anchored_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT a_ledger_head_is_anchored_once PRIMARY KEY (agent_id, ledger_id, ledger_seq, ledger_hash),
  CONSTRAINT an_anchor_is_of_an_agent_of_its_tenant
    FOREIGN KEY (tenant_id, agent_id) REFERENCES ingest.agent (tenant_id, agent_id),
  CONSTRAINT a_ledger_starts_at_zero CHECK (ledger_seq >= 0),
  CONSTRAINT a_ledger_hash_is_sha256_in_hex CHECK (ledger_hash ~ '^[0-9a-f]{64}$')
);
CREATE INDEX ledger_anchor_by_time ON ingest.ledger_anchor (agent_id, anchored_at DESC);
COMMENT ON TABLE  ingest.ledger_anchor IS 'Heads of the agents'' hash-chained ledgers, as told with each sync: a ledger that is altered later no longer fits. Append-only.';
COMMENT ON COLUMN ingest.ledger_anchor.agent_id IS 'The agent whose ledger it is.';
COMMENT ON COLUMN ingest.ledger_anchor.ledger_seq IS 'Number of the ledger''s latest event.';
COMMENT ON COLUMN ingest.ledger_anchor.ledger_hash IS 'Chain hash of that event, SHA-256 in hex.';
COMMENT ON COLUMN ingest.ledger_anchor.tenant_id IS 'The agent''s tenant.';
COMMENT ON COLUMN ingest.ledger_anchor.is_divergent IS 'True when the ledger went back, or told another hash for the same number before.';
COMMENT ON COLUMN ingest.ledger_anchor.anchored_at IS 'When it was told.';
COMMENT ON COLUMN ingest.ledger_anchor.ledger_id IS 'The ledger whose head it is; empty when the agent named none.';
CREATE TRIGGER an_anchor_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.ledger_anchor
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.lease (
  tenant_id   uuid        NOT NULL,
  fence       bigint      NOT NULL DEFAULT 0,
  holder      text,
  step        text,
  job_file_id uuid,
  claimed_at  timestamptz,
  expires_at  timestamptz,
  CONSTRAINT a_tenant_has_one_lease PRIMARY KEY (tenant_id),
  CONSTRAINT a_lease_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT a_lease_is_on_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, job_file_id) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT a_step_is_one_of_five CHECK (step IN ('verify', 'split', 'stage', 'rename', 'archive')),
  CONSTRAINT a_held_lease_names_holder_step_file_and_end CHECK (
    num_nulls(holder, step, job_file_id, expires_at) IN (0, 4))
);
COMMENT ON TABLE  ingest.lease IS 'Who works for a tenant now: one step at a time. The row stays when the lease is given back.';
COMMENT ON COLUMN ingest.lease.tenant_id IS 'The tenant worked for.';
COMMENT ON COLUMN ingest.lease.fence IS 'Grows with every claim; a worker whose fence is not the latest is refused.';
COMMENT ON COLUMN ingest.lease.holder IS 'The worker; null while free.';
COMMENT ON COLUMN ingest.lease.step IS 'verify, split, stage, rename or archive; null while free.';
COMMENT ON COLUMN ingest.lease.job_file_id IS 'The file worked on; null while free.';
COMMENT ON COLUMN ingest.lease.claimed_at IS 'When the lease was last claimed; the tenant waiting longest is served first.';
COMMENT ON COLUMN ingest.lease.expires_at IS 'From when on another worker may take over; null while free.';
CREATE TRIGGER a_lease_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.lease
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

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
    'tenant_halted', 'step_exhausted', 'file_missing', 'file_refused', 'delivery_late', 'file_stale', 'ledger_diverged', 'ledger_replaced',
    'agent_key_changed', 'scheduler_failed')),
  CONSTRAINT an_alert_code_is_one_of_ours CHECK (code ~ '^WB-[0-9]{4}$'),
  CONSTRAINT alert_details_are_an_object CHECK (jsonb_typeof(details) = 'object'),
  CONSTRAINT alert_details_hold_no_token_and_no_url CHECK (
    (message || details::text) !~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)')
);
CREATE INDEX alert_unsent ON ingest.alert (next_attempt_at) WHERE sent_at IS NULL;
COMMENT ON TABLE  ingest.alert IS 'What a person must hear of; sent by any worker, kept for good.';
COMMENT ON COLUMN ingest.alert.alert_id IS 'Identity, growing.';
COMMENT ON COLUMN ingest.alert.tenant_id IS 'The agency concerned.';
COMMENT ON COLUMN ingest.alert.kind IS 'tenant_halted, step_exhausted, file_missing, file_refused, delivery_late, file_stale, ledger_diverged, ledger_replaced, agent_key_changed or scheduler_failed.';
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

CREATE TABLE ingest.stale_tag (
  tenant_id uuid        NOT NULL,
  file_tag  text        NOT NULL,
  since     timestamptz NOT NULL,
  told_at   timestamptz NOT NULL,
  CONSTRAINT a_tag_is_stale_once PRIMARY KEY (tenant_id, file_tag),
  CONSTRAINT a_stale_tag_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id)
);
COMMENT ON TABLE  ingest.stale_tag IS 'Tags of which no file has come for longer than their file spec allows (stale_after_hours); a row goes when one comes.';
COMMENT ON COLUMN ingest.stale_tag.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.stale_tag.file_tag IS 'The tag.';
COMMENT ON COLUMN ingest.stale_tag.since IS 'When its last file was registered; before there is any, when the spec first set the limit.';
COMMENT ON COLUMN ingest.stale_tag.told_at IS 'When the alert file_stale was raised, once for the row''s life.';

CREATE TABLE ingest.orphan (
  orphan_id       bigint      GENERATED ALWAYS AS IDENTITY,
  tenant_id       uuid        NOT NULL,
  job_file_id     uuid        NOT NULL,
  bucket          text        NOT NULL,
  object_path     text        NOT NULL,
  size_bytes      bigint      NOT NULL,
  reason          text        NOT NULL,
  found_at        timestamptz NOT NULL,
  removed_at      timestamptz,
  attempts        integer     NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  last_problem    text,
  CONSTRAINT an_orphan_is_found_once PRIMARY KEY (orphan_id),
  CONSTRAINT an_orphan_was_of_a_file_of_its_tenant
    FOREIGN KEY (tenant_id, job_file_id) REFERENCES ingest.job_file (tenant_id, job_file_id),
  CONSTRAINT an_orphan_has_a_known_reason CHECK (reason IN ('withdrawn', 'duplicate', 'wrong_size', 'superseded', 'cut_again'))
);
CREATE UNIQUE INDEX an_object_is_an_orphan_once ON ingest.orphan (bucket, object_path) WHERE removed_at IS NULL;
CREATE INDEX orphan_by_path ON ingest.orphan (bucket, object_path);
CREATE INDEX orphan_to_remove ON ingest.orphan (next_attempt_at) WHERE removed_at IS NULL;
COMMENT ON TABLE  ingest.orphan IS 'Stored objects that no file wants any more; written before anything is removed, kept for good. A path that is here is never read from again.';
COMMENT ON COLUMN ingest.orphan.orphan_id IS 'Identity, growing.';
COMMENT ON COLUMN ingest.orphan.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.orphan.job_file_id IS 'The file that the object was sent or cut for.';
COMMENT ON COLUMN ingest.orphan.bucket IS 'Where the object is.';
COMMENT ON COLUMN ingest.orphan.object_path IS 'Its path in the bucket.';
COMMENT ON COLUMN ingest.orphan.size_bytes IS 'Its size when it was found.';
COMMENT ON COLUMN ingest.orphan.reason IS 'withdrawn = its agent said that these bytes do not count; duplicate = another copy is kept; wrong_size = a refused file''s, of another size than promised; superseded = at a path that its file has left; cut_again = a part of a cut that does not count.';
COMMENT ON COLUMN ingest.orphan.found_at IS 'When it was found.';
COMMENT ON COLUMN ingest.orphan.removed_at IS 'When it was gone from the bucket; null before.';
COMMENT ON COLUMN ingest.orphan.attempts IS 'How often removal was begun.';
COMMENT ON COLUMN ingest.orphan.next_attempt_at IS 'Not removed before this time.';
COMMENT ON COLUMN ingest.orphan.last_problem IS 'Why the latest attempt failed; null after success.';
CREATE TRIGGER an_orphan_keeps_what_it_says BEFORE UPDATE ON ingest.orphan
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('orphan_id', 'tenant_id', 'job_file_id', 'bucket', 'object_path', 'size_bytes', 'reason', 'found_at');
CREATE TRIGGER an_orphan_is_never_forgotten BEFORE DELETE OR TRUNCATE ON ingest.orphan
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.orphan_walk (
  bucket         text        NOT NULL,
  after_path     text        NOT NULL DEFAULT '',
  objects        bigint      NOT NULL DEFAULT 0,
  unknown        bigint      NOT NULL DEFAULT 0,
  ended_at       timestamptz,
  ended_objects  bigint,
  ended_unknown  bigint,
  CONSTRAINT a_bucket_is_walked_once_at_a_time PRIMARY KEY (bucket)
);
COMMENT ON TABLE  ingest.orphan_walk IS 'How far the walk through each bucket has come that looks for orphans, and what the last one counted.';
COMMENT ON COLUMN ingest.orphan_walk.bucket IS 'The bucket.';
COMMENT ON COLUMN ingest.orphan_walk.after_path IS 'The path that was looked at last; empty between two walks.';
COMMENT ON COLUMN ingest.orphan_walk.objects IS 'Objects seen so far in this walk.';
COMMENT ON COLUMN ingest.orphan_walk.unknown IS 'Of these, those that no registered file explains; they are never removed.';
COMMENT ON COLUMN ingest.orphan_walk.ended_at IS 'When the last whole walk ended; null before the first.';
COMMENT ON COLUMN ingest.orphan_walk.ended_objects IS 'Objects that it saw.';
COMMENT ON COLUMN ingest.orphan_walk.ended_unknown IS 'Of these, those that no registered file explains.';
CREATE TRIGGER a_walk_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.orphan_walk
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.artifact ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.ledger_anchor ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.pending_wait ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.alert ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.stale_tag ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.orphan ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.orphan_walk ENABLE ROW LEVEL SECURITY;

-- Adding to them ------------------------------------------------------------------------------------

-- First call of every function that changes a tenant's registry. One tenant's changes happen one
-- after the other: no cursor misses an event that commits late, and no two functions deadlock.
CREATE FUNCTION ingest.lock_tenant(p_tenant_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = p_tenant_id FOR UPDATE;
END
$$;
COMMENT ON FUNCTION ingest.lock_tenant(uuid) IS 'Locks the tenant''s clock until the transaction ends.';

-- The next p_count numbers of a tenant's log: one change of the clock for a whole batch.
CREATE FUNCTION ingest.take_numbers(p_tenant_id uuid, p_count bigint) RETURNS bigint
LANGUAGE sql SET search_path = '' AS $$
  UPDATE ingest.tenant_clock AS c SET last_seq = c.last_seq + p_count
   WHERE c.tenant_id = p_tenant_id RETURNING c.last_seq - p_count
$$;
COMMENT ON FUNCTION ingest.take_numbers(uuid, bigint) IS 'Reserves numbers for a batch of events; returns the one before the first.';

CREATE FUNCTION ingest.append_event(
  p_tenant_id uuid, p_event text, p_actor text, p_job_id uuid DEFAULT NULL, p_job_file_id uuid DEFAULT NULL,
  p_from text DEFAULT NULL, p_to text DEFAULT NULL, p_details jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_seq bigint;
BEGIN
  UPDATE ingest.tenant_clock AS c SET last_seq = c.last_seq + 1
   WHERE c.tenant_id = p_tenant_id RETURNING c.last_seq INTO STRICT v_seq;
  INSERT INTO ingest.job_event (tenant_id, seq, at, event, actor, job_id, job_file_id, from_state, to_state, details)
  VALUES (p_tenant_id, v_seq, ingest.clock(), p_event, p_actor, p_job_id, p_job_file_id, p_from, p_to, p_details);
  RETURN v_seq;
END
$$;
COMMENT ON FUNCTION ingest.append_event(uuid, text, text, uuid, uuid, text, text, jsonb) IS
  'Appends one event under the tenant''s next number and returns the number.';

CREATE FUNCTION ingest.add_artifact(p_file ingest.job_file, p_kind text, p_content jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF p_content IS NOT NULL THEN
    INSERT INTO ingest.artifact (tenant_id, job_id, job_file_id, kind, content, content_sha256, created_by)
    VALUES (p_file.tenant_id, p_file.job_id, p_file.job_file_id, p_kind, p_content, ingest.sha256_hex(p_content::text), p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.add_artifact(ingest.job_file, text, jsonb, text) IS 'Keeps an artifact of a file; null is none.';

CREATE FUNCTION ingest.raise_alert(p_tenant_id uuid, p_kind text, p_code text, p_message text, p_details jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  INSERT INTO ingest.alert (tenant_id, kind, code, message, details, created_at, next_attempt_at)
  VALUES (p_tenant_id, p_kind, p_code, p_message, p_details, ingest.clock(), ingest.clock())
$$;
COMMENT ON FUNCTION ingest.raise_alert(uuid, text, text, text, jsonb) IS 'Puts an alert into the outbox.';
