-- 0026 What agents, anchors and settings say beside; new kinds of callers and moves.
-- Why:    uploads have two signers and two methods, a ledger proves itself, parts are taken back.
-- Needs:  0025.   Locks: ingest.setting, ingest.agent, ingest.alert, ingest.job_file and ingest.ledger_anchor for an instant.
-- Rule:   released migrations are never edited; add the next number.

ALTER TABLE ingest.setting DROP CONSTRAINT the_signing_mode_is_known;
ALTER TABLE ingest.setting ADD CONSTRAINT the_signing_mode_is_known CHECK (
  name <> 'signing_mode' OR value IN ('"database"', '"storage"'));
UPDATE ingest.setting SET description =
  'Who signs upload URLs: database = the RPC, with the secret in Vault; storage = the Storage API, for paths that are reserved.'
 WHERE name = 'signing_mode';
UPDATE ingest.setting SET description =
  'Life of an upload token; in signing mode storage what the Storage API gives its tokens.'
 WHERE name = 'upload_token_ttl_s';
INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('resumable_above_bytes', '6291456', true, 'Files larger than this are sent in chunks (TUS), which go on where they broke off.'),
  ('upload_chunk_bytes',    '6291456', true, 'Size of a chunk; hosted Supabase takes exactly 6291456.');

ALTER TABLE ingest.entry_point DROP CONSTRAINT a_caller_is_of_a_known_kind;
ALTER TABLE ingest.entry_point ADD CONSTRAINT a_caller_is_of_a_known_kind CHECK (
  caller IN ('agent', 'service', 'person', 'enrolment', 'storage'));
ALTER TABLE ingest.entry_point DROP CONSTRAINT a_call_is_decided_in_a_known_way;
ALTER TABLE ingest.entry_point ADD CONSTRAINT a_call_is_decided_in_a_known_way CHECK (
  decided_by IN ('authorize', 'row security', 'enrolment code', 'reservation', 'nothing to decide'));
COMMENT ON COLUMN ingest.entry_point.caller IS 'agent = x-agent-token; service = the service key; person = signed in; enrolment = an unused code; storage = a policy on Storage''s table asks, for whoever uploads.';
COMMENT ON COLUMN ingest.entry_point.decided_by IS 'authorize = ingest.authorize, first thing in the function; row security = it runs with the caller''s rights or reads the caller''s own rows; reservation = it tells only whether a path, which cannot be guessed, is awaited; nothing to decide = it computes and reads nothing.';

-- Files that are given up or taken back ---------------------------------------------------------------
ALTER TABLE ingest.job_file ADD COLUMN withdrawn_at timestamptz;
COMMENT ON COLUMN ingest.job_file.withdrawn_at IS 'When its agent said that these bytes will not be sent any more; null when they are awaited again.';
INSERT INTO ingest.job_file_move (from_state, event, to_state) VALUES
  ('retired', 'retried',            'received'),         -- taken back with its file (WB-2114); its object is stored
  ('retired', 'upload_asked_again', 'awaiting_upload'),  -- ... its object is not stored: a new path
  ('retired', 'skipped',            'refused');          -- ... and set aside with it
ALTER TABLE ingest.job_file DROP CONSTRAINT a_travelling_file_has_an_object_path;
ALTER TABLE ingest.job_file ADD CONSTRAINT a_travelling_file_has_an_object_path CHECK (
  state IN ('duplicate', 'refused', 'retired') OR (bucket IS NOT NULL AND object_path IS NOT NULL));
DROP TRIGGER a_job_file_changes_its_spec_only_when_retried ON ingest.job_file;
CREATE TRIGGER a_job_file_changes_its_spec_only_when_retried BEFORE UPDATE ON ingest.job_file
  FOR EACH ROW WHEN (NOT (OLD.state IN ('refused', 'retired') AND NEW.last_event IN ('retried', 'upload_asked_again')))
  EXECUTE FUNCTION ingest.keep_identity('entity', 'file_spec_version');

-- The ledger's proof --------------------------------------------------------------------------------
ALTER TABLE ingest.agent
  ADD COLUMN ledger_id             text,
  ADD COLUMN ledger_seq            bigint,
  ADD COLUMN ledger_hash           text,
  ADD COLUMN ledger_refused_at     timestamptz,
  ADD COLUMN ledger_refused_reason text,
  ADD COLUMN public_key            text,
  ADD CONSTRAINT a_ledger_is_named_with_its_head CHECK (num_nulls(ledger_id, ledger_seq, ledger_hash) IN (0, 2, 3)),
  ADD CONSTRAINT a_ledger_id_is_short_and_plain CHECK (ledger_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  ADD CONSTRAINT a_known_head_has_number_and_hash CHECK (
    (ledger_seq IS NULL) = (ledger_hash IS NULL) AND ledger_seq >= 0 AND ledger_hash ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT a_refused_ledger_says_why CHECK ((ledger_refused_at IS NULL) = (ledger_refused_reason IS NULL)),
  ADD CONSTRAINT a_public_key_is_pem CHECK (
    length(public_key) <= 8192 AND public_key ~ '^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n?$');
COMMENT ON COLUMN ingest.agent.ledger_id IS 'The ledger that it works from; null until it told one.';
COMMENT ON COLUMN ingest.agent.ledger_seq IS 'Number of the newest accepted head of that ledger; null = the next one told is accepted.';
COMMENT ON COLUMN ingest.agent.ledger_hash IS 'Chain hash of that head, SHA-256 in hex.';
COMMENT ON COLUMN ingest.agent.ledger_refused_at IS 'Since when its ledger, and with it every call, is refused (WB-2007); null = it is not.';
COMMENT ON COLUMN ingest.agent.ledger_refused_reason IS 'Why it is refused.';
COMMENT ON COLUMN ingest.agent.public_key IS 'What it signs its manifests with, PEM; kept when first told, never replaced by the agent.';
GRANT SELECT (ledger_id, ledger_seq, ledger_hash, ledger_refused_at, ledger_refused_reason, public_key) ON ingest.agent TO authenticated;

ALTER TABLE ingest.ledger_anchor ADD COLUMN ledger_id text NOT NULL DEFAULT '';
ALTER TABLE ingest.ledger_anchor DROP CONSTRAINT a_ledger_head_is_anchored_once;
ALTER TABLE ingest.ledger_anchor ADD CONSTRAINT a_ledger_head_is_anchored_once PRIMARY KEY (agent_id, ledger_id, ledger_seq, ledger_hash);
COMMENT ON COLUMN ingest.ledger_anchor.ledger_id IS 'The ledger whose head it is; empty when the agent named none.';

ALTER TABLE ingest.alert DROP CONSTRAINT an_alert_is_of_a_known_kind;
ALTER TABLE ingest.alert ADD CONSTRAINT an_alert_is_of_a_known_kind CHECK (kind IN (
  'tenant_halted', 'step_exhausted', 'file_missing', 'file_refused', 'delivery_late', 'ledger_diverged', 'ledger_replaced',
  'agent_key_changed', 'scheduler_failed'));
COMMENT ON COLUMN ingest.alert.kind IS 'tenant_halted, step_exhausted, file_missing, file_refused, delivery_late, ledger_diverged, ledger_replaced, agent_key_changed or scheduler_failed.';
