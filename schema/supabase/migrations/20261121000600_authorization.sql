-- 0006 Who may call what: the list of entry points and the one function that decides.
-- Why:    every entry point is for an agent with its token, a service key, a signed-in member with a
--         role, or a machine with an enrolment code; a list can be read and walked, scattered checks cannot.
-- Needs:  0005.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number. A later migration that adds an
--         entry point lists it here and ends as 0024 does; a test holds it.

CREATE TABLE ingest.entry_point (
  function   text NOT NULL,
  caller     text NOT NULL,
  least_role text,
  decided_by text NOT NULL DEFAULT 'authorize',
  CONSTRAINT an_entry_point_is_listed_once PRIMARY KEY (function),
  CONSTRAINT a_caller_is_of_a_known_kind CHECK (caller IN ('agent', 'service', 'person', 'enrolment', 'storage')),
  CONSTRAINT a_person_needs_a_role_and_nobody_else CHECK ((caller = 'person') = (least_role IS NOT NULL)),
  CONSTRAINT a_least_role_is_viewer_or_operator CHECK (least_role IN ('viewer', 'operator')),
  CONSTRAINT a_call_is_decided_in_a_known_way CHECK (
    decided_by IN ('authorize', 'row security', 'enrolment code', 'reservation', 'nothing to decide'))
);
COMMENT ON TABLE  ingest.entry_point IS 'Every function that can be called from outside, and by whom. What is not listed cannot be called.';
COMMENT ON COLUMN ingest.entry_point.function IS 'Schema and name; entry points are not overloaded.';
COMMENT ON COLUMN ingest.entry_point.caller IS 'agent = x-agent-token; service = the service key; person = signed in; enrolment = an unused code; storage = a policy on Storage''s table asks, for whoever uploads.';
COMMENT ON COLUMN ingest.entry_point.least_role IS 'Role in the tenant that a person needs at least: viewer, or operator (who may also what viewers may).';
COMMENT ON COLUMN ingest.entry_point.decided_by IS 'authorize = ingest.authorize, first thing in the function; row security = it runs with the caller''s rights or reads the caller''s own rows; reservation = it tells only whether a path, which cannot be guessed, is awaited; nothing to decide = it computes and reads nothing.';
CREATE TRIGGER an_entry_point_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.entry_point
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
ALTER TABLE ingest.entry_point ENABLE ROW LEVEL SECURITY;

INSERT INTO ingest.entry_point (function, caller)
  SELECT 'public.' || f, 'agent' FROM unnest(ARRAY['ingest_open_job', 'ingest_renew_uploads', 'ingest_confirm_uploads',
    'ingest_withdraw_files', 'ingest_close_job', 'ingest_sync', 'ingest_inventory']) AS f
  UNION ALL SELECT 'ingest.' || f, 'service' FROM unnest(ARRAY[
    -- the worker
    'note_arrivals', 'sweep', 'claim_next', 'heartbeat', 'release_step', 'finish_verify', 'finish_split', 'finish_stage',
    'refuse_file', 'finish_move', 'fail_step', 'usual_row_count', 'known_keys', 'repeated_keys', 'unknown_references',
    'next_alerts', 'finish_alert', 'find_orphans', 'next_orphans', 'finish_orphan',
    -- operators
    'create_tenant', 'set_tenant_state', 'create_enrolment_code', 'put_file_spec', 'withdraw_file_spec', 'put_delivery_plan',
    'revoke_agent', 'accept_ledger', 'put_setting', 'close_job', 'resume_tenant', 'retry_file', 'skip_file', 'retire_file',
    'delivery_report', 'tenant_report', 'orphan_report']) AS f;
INSERT INTO ingest.entry_point (function, caller, least_role, decided_by) VALUES
  ('public.ingest_enroll',      'enrolment', NULL, 'enrolment code'),
  ('ingest.is_upload_reserved', 'storage',   NULL, 'reservation'),
  ('ingest.part_path',          'service',   NULL, 'nothing to decide'),
  ('public.ingest_decide',      'person', 'operator', 'authorize'),
  ('public.ingest_deliveries',  'person', 'viewer',   'authorize'),
  ('ingest.my_tenants',         'person', 'viewer',   'row security'),
  ('staging.lineage',           'person', 'viewer',   'row security');

CREATE TYPE ingest.caller AS (kind text, actor text, agent ingest.agent);
COMMENT ON TYPE ingest.caller IS 'Who calls: the kind, the name that events use, and the agent if it is one.';

-- In a function that runs with its owner's rights the setting "role" still names who was put on, and
-- session_user who logged in: the pair tells a service key from a partner's key.
CREATE FUNCTION ingest.is_service() RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT pg_catalog.pg_has_role(coalesce(nullif(current_setting('role', true), 'none'), session_user), 'service_role', 'MEMBER')
$$;
COMMENT ON FUNCTION ingest.is_service() IS 'True when the caller is the service role or may take it.';

CREATE FUNCTION ingest.my_tenants() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT u.tenant_id FROM ingest.tenant_user AS u WHERE u.user_id = auth.uid()
$$;
COMMENT ON FUNCTION ingest.my_tenants() IS 'The tenants that the signed-in person is a member of.';

-- Locks the tenant, then reads the agent again, so that a revocation that committed a moment ago is seen.
CREATE FUNCTION ingest.agent_by_token() RETURNS ingest.agent
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_hash  text;
  v_agent ingest.agent;
  v_state text;
BEGIN
  v_hash := ingest.sha256_hex(nullif(nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-agent-token', ''));
  SELECT a.* INTO v_agent FROM ingest.agent AS a WHERE a.token_sha256 = v_hash;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2001', 401, 'this agent is not known here', 'Enrol the agent again.');
  END IF;
  PERFORM ingest.lock_tenant(v_agent.tenant_id);
  SELECT a.* INTO STRICT v_agent FROM ingest.agent AS a WHERE a.agent_id = v_agent.agent_id;
  IF v_agent.revoked_at IS NOT NULL THEN
    PERFORM ingest.refuse('WB-2002', 403, 'this agent was revoked', 'Ask the central team why, then enrol again.');
  ELSIF v_agent.ledger_refused_at IS NOT NULL THEN
    PERFORM ingest.refuse('WB-2007', 403, v_agent.ledger_refused_reason,
      'Look for a copy of this agent, or tell the central team that its state was restored; they decide.');
  END IF;
  SELECT t.state INTO STRICT v_state FROM ingest.tenant AS t WHERE t.tenant_id = v_agent.tenant_id;
  IF v_state = 'closed' THEN
    PERFORM ingest.refuse('WB-2006', 403, 'this agency is closed', 'Ask the central team to open the agency again.');
  END IF;
  RETURN v_agent;
END
$$;
COMMENT ON FUNCTION ingest.agent_by_token() IS
  'The agent whose token the request carries, with its tenant locked; refused (WB-2001, WB-2002, WB-2006, WB-2007) otherwise.';

CREATE FUNCTION ingest.authorize(p_function text, p_tenant_id uuid DEFAULT NULL) RETURNS ingest.caller
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_entry  ingest.entry_point;
  v_caller ingest.caller;
  v_agent  ingest.agent;
BEGIN
  SELECT e.* INTO v_entry FROM ingest.entry_point AS e WHERE e.function = p_function;
  v_caller.kind := v_entry.caller;
  CASE v_entry.caller
    WHEN 'agent' THEN
      v_agent := ingest.agent_by_token();
      v_caller.agent := v_agent;
      v_caller.actor := 'agent:' || v_agent.agent_id;
      RETURN v_caller;
    WHEN 'enrolment' THEN
      v_caller.actor := 'enrolment';  -- the code is the proof; the function looks it up
      RETURN v_caller;
    WHEN 'service' THEN
      IF ingest.is_service() THEN
        v_caller.actor := 'service';
        RETURN v_caller;
      END IF;
    WHEN 'person' THEN
      IF EXISTS (SELECT FROM ingest.tenant_user AS u
                  WHERE u.tenant_id = p_tenant_id AND u.user_id = auth.uid()
                    AND u.role IN (v_entry.least_role, 'operator')) THEN
        v_caller.actor := 'person:' || auth.uid();
        RETURN v_caller;
      END IF;
    ELSE
      NULL;
  END CASE;
  PERFORM ingest.refuse('WB-2005', 403, 'this call is not allowed for this caller',
    'Use the key or sign-in that the call is for; ask the central team for a role in the agency.');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.authorize(text, uuid) IS
  'The one decision of who may call: as ingest.entry_point lists it, else refused (WB-2001, WB-2002, WB-2005, WB-2006, WB-2007).';
