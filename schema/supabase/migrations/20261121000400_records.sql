-- 0004 Append-only records (artifact, job_event, ledger_anchor) and the lease.
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
COMMENT ON COLUMN ingest.artifact.content IS 'The artifact itself; never holds a value of the file.';
COMMENT ON COLUMN ingest.artifact.content_sha256 IS 'SHA-256 of the content''s canonical text, in hex.';
COMMENT ON COLUMN ingest.artifact.created_at IS 'When it was made.';
COMMENT ON COLUMN ingest.artifact.created_by IS 'Who made it: worker:<name> or agent:<id>.';

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

CREATE TABLE ingest.ledger_anchor (
  agent_id    uuid        NOT NULL,
  ledger_seq  bigint      NOT NULL,
  ledger_hash text        NOT NULL,
  tenant_id   uuid        NOT NULL,
  is_divergent boolean    NOT NULL,
  anchored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT a_ledger_head_is_anchored_once PRIMARY KEY (agent_id, ledger_seq, ledger_hash),
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
  CONSTRAINT a_step_is_one_of_four CHECK (step IN ('verify', 'stage', 'rename', 'archive')),
  CONSTRAINT a_held_lease_names_holder_step_file_and_end CHECK (
    num_nulls(holder, step, job_file_id, expires_at) IN (0, 4))
);
COMMENT ON TABLE  ingest.lease IS 'Who works for a tenant now: one step at a time. The row stays when the lease is given back.';
COMMENT ON COLUMN ingest.lease.tenant_id IS 'The tenant worked for.';
COMMENT ON COLUMN ingest.lease.fence IS 'Grows with every claim; a worker whose fence is not the latest is refused.';
COMMENT ON COLUMN ingest.lease.holder IS 'The worker; null while free.';
COMMENT ON COLUMN ingest.lease.step IS 'verify, stage, rename or archive; null while free.';
COMMENT ON COLUMN ingest.lease.job_file_id IS 'The file worked on; null while free.';
COMMENT ON COLUMN ingest.lease.claimed_at IS 'When the lease was last claimed; the tenant waiting longest is served first.';
COMMENT ON COLUMN ingest.lease.expires_at IS 'From when on another worker may take over; null while free.';

CREATE TRIGGER an_artifact_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.artifact
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER an_event_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.job_event
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER an_anchor_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.ledger_anchor
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_lease_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.lease
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.artifact ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.job_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.ledger_anchor ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.lease ENABLE ROW LEVEL SECURITY;

-- First call of every function that changes a tenant's registry. One tenant's changes happen one
-- after the other: no cursor misses an event that commits late, and no two functions deadlock.
CREATE FUNCTION ingest.lock_tenant(p_tenant_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = p_tenant_id FOR UPDATE;
END
$$;
COMMENT ON FUNCTION ingest.lock_tenant(uuid) IS 'Locks the tenant''s clock until the transaction ends.';

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
  INSERT INTO ingest.job_event (tenant_id, seq, event, actor, job_id, job_file_id, from_state, to_state, details)
  VALUES (p_tenant_id, v_seq, p_event, p_actor, p_job_id, p_job_file_id, p_from, p_to, p_details);
  RETURN v_seq;
END
$$;
COMMENT ON FUNCTION ingest.append_event(uuid, text, text, uuid, uuid, text, text, jsonb) IS
  'Appends one event under the tenant''s next number and returns the number.';

-- Keeps the known keys of a problem and drops the rest, so that no value slips into the registry.
CREATE FUNCTION ingest.clean_error(p_error jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_error jsonb;
BEGIN
  IF p_error IS NULL OR p_error ->> 'code' IS NULL OR p_error ->> 'code' !~ '^WB-[0-9]{4}$' THEN
    PERFORM ingest.refuse('WB-2101', 400, 'an error needs a code of the form WB-0000', 'Update the caller.');
  END IF;
  SELECT jsonb_object_agg(e.key, e.value) INTO v_error
    FROM jsonb_each(p_error) AS e
   WHERE e.value <> 'null' AND CASE e.key
     WHEN 'code' THEN true
     WHEN 'message' THEN jsonb_typeof(e.value) = 'string'
     -- A header can look like an address or a token; column_number then names the column alone.
     WHEN 'column' THEN jsonb_typeof(e.value) = 'string'
       AND e.value #>> '{}' !~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)'
     ELSE e.key IN ('row', 'line', 'column_number', 'byte_offset', 'count') AND jsonb_typeof(e.value) = 'number'
   END;
  IF v_error ->> 'message' IS NULL OR v_error ->> 'message' ~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)' THEN
    v_error := v_error || '{"message": "see the code"}';
  END IF;
  RETURN v_error;
END
$$;
COMMENT ON FUNCTION ingest.clean_error(jsonb) IS
  'A problem reduced to code, message and place; refused (WB-2101) when it has no WB code.';

-- The one way a job_file moves. The caller holds the tenant's lock.
CREATE FUNCTION ingest.move_file(
  p_job_file_id uuid, p_event text, p_actor text, p_details jsonb DEFAULT '{}', p_error jsonb DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
  v_to   text;
  v_now  timestamptz := clock_timestamp();
BEGIN
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id FOR UPDATE;
  SELECT m.to_state INTO v_to FROM ingest.job_file_move AS m
   WHERE m.from_state = v_file.state AND m.event = p_event;
  IF v_to IS NULL THEN
    PERFORM ingest.refuse('WB-2105', 500, format('no move leads from %s by %s', v_file.state, p_event),
      'Report it; this is a defect.');
  END IF;
  UPDATE ingest.job_file AS f
     SET state = v_to, last_event = p_event, error = p_error, error_code = p_error ->> 'code',
         attempt_count = 0, next_attempt_at = v_now,
         received_at  = CASE v_to WHEN 'received' THEN v_now WHEN 'awaiting_upload' THEN NULL ELSE f.received_at END,
         verified_at  = CASE v_to WHEN 'verified' THEN v_now ELSE f.verified_at END,
         staged_at    = CASE v_to WHEN 'staged' THEN v_now ELSE f.staged_at END,
         rows_staged  = CASE v_to WHEN 'staged' THEN (p_details ->> 'rows_staged')::bigint ELSE f.rows_staged END,
         staged_by    = CASE v_to WHEN 'staged' THEN p_actor ELSE f.staged_by END,
         processed_at = CASE v_to WHEN 'processed' THEN v_now ELSE f.processed_at END,
         archived_at  = CASE v_to WHEN 'archived' THEN v_now ELSE f.archived_at END,
         object_path  = coalesce(p_details ->> 'object_path', f.object_path),
         upload_count = f.upload_count + (v_to = 'awaiting_upload')::integer,
         duplicate_of = coalesce((p_details ->> 'duplicate_of')::uuid, f.duplicate_of)
   WHERE f.job_file_id = p_job_file_id;
  PERFORM ingest.append_event(v_file.tenant_id, p_event, p_actor, v_file.job_id, p_job_file_id,
    v_file.state, v_to, p_details || CASE WHEN p_error IS NULL THEN '{}' ELSE jsonb_build_object('error', p_error) END);
  IF v_to IN ('archived', 'duplicate', 'refused') THEN
    PERFORM ingest.complete_job(v_file.job_id);
  END IF;
  RETURN v_to;
END
$$;
COMMENT ON FUNCTION ingest.move_file(uuid, text, text, jsonb, jsonb) IS
  'Moves a file as ingest.job_file_move lists it and appends the event; returns the new state.';

-- Only bytes that central has hashed itself make another file a duplicate: what has merely arrived
-- may turn out to be something else, and its twin must not have been sent away by then.
CREATE FUNCTION ingest.proven_copy(
  p_tenant_id uuid, p_file_tag text, p_original_sha256 text, p_part_number integer
) RETURNS uuid
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT f.job_file_id FROM ingest.job_file AS f
   WHERE f.tenant_id = p_tenant_id AND f.file_tag = p_file_tag
     AND f.original_sha256 = p_original_sha256 AND f.part_number = p_part_number
     AND f.state IN ('verified', 'staged', 'processed', 'archived')
$$;
COMMENT ON FUNCTION ingest.proven_copy(uuid, text, text, integer) IS
  'The file of the tenant that holds this content with its hash verified, or null.';

CREATE FUNCTION ingest.complete_job(p_job_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  UPDATE ingest.job AS j SET state = 'complete', completed_at = clock_timestamp()
   WHERE j.job_id = p_job_id AND j.state = 'closed'
     AND NOT EXISTS (SELECT FROM ingest.job_file AS f WHERE f.job_id = p_job_id
                        AND f.state NOT IN ('archived', 'duplicate', 'refused'))
  RETURNING j.tenant_id INTO v_tenant_id;
  IF FOUND THEN
    PERFORM ingest.append_event(v_tenant_id, 'job_completed', 'central', p_job_id);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.complete_job(uuid) IS 'Marks a closed job complete once every file of it is final.';
