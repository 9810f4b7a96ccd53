-- 0007 Who calls: the agent behind a request; RPC ingest_enroll.
-- Why:    an agent has a publishable key and a token; its rights come from the token alone.
-- Needs:  0006.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.sha256_hex(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$
  SELECT encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION ingest.sha256_hex(text) IS 'SHA-256 of the text''s UTF-8 bytes, in hex.';

-- The only source of identity in an RPC. Locks the tenant, then reads the agent again, so that a
-- revocation that committed a moment ago is seen.
CREATE FUNCTION ingest.begin_agent_call() RETURNS ingest.agent
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
  END IF;
  SELECT t.state INTO STRICT v_state FROM ingest.tenant AS t WHERE t.tenant_id = v_agent.tenant_id;
  IF v_state = 'closed' THEN
    PERFORM ingest.refuse('WB-2006', 403, 'this agency is closed', 'Ask the central team to open the agency again.');
  END IF;
  RETURN v_agent;
END
$$;
COMMENT ON FUNCTION ingest.begin_agent_call() IS
  'The agent whose token the request carries, with its tenant locked; refused (WB-2001, WB-2002, WB-2006) otherwise.';

CREATE FUNCTION ingest.current_specs(p_tenant_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'digest', ingest.sha256_hex(coalesce(string_agg(s.file_tag || ' ' || s.version || ' ' || s.spec_sha256, E'\n' ORDER BY s.file_tag), '')),
    'specs', coalesce(jsonb_agg(jsonb_build_object('file_tag', s.file_tag, 'version', s.version, 'spec', s.spec)
                                ORDER BY s.file_tag), '[]'))
    FROM (SELECT DISTINCT ON (v.file_tag) v.file_tag, v.version, v.spec, v.spec_sha256
            FROM ingest.file_spec AS v WHERE v.tenant_id = p_tenant_id
           ORDER BY v.file_tag, v.version DESC) AS s
$$;
COMMENT ON FUNCTION ingest.current_specs(uuid) IS 'The file specs in force of a tenant, and a digest that changes when any of them does.';

-- A code as people type it: case, dashes and spaces do not matter, and O, I, L are read as 0, 1, 1.
CREATE FUNCTION ingest.plain_code(p_code text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT translate(upper(regexp_replace(coalesce(p_code, ''), '[-[:space:]]', '', 'g')), 'OIL', '011')
$$;
COMMENT ON FUNCTION ingest.plain_code(text) IS 'The 16 characters of an enrolment code, whatever way it was typed.';

CREATE FUNCTION public.ingest_enroll(code text, agent_name text, secret_hash text, machine jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_code   ingest.enrolment_code;
  v_agent  ingest.agent;
  v_tenant ingest.tenant;
BEGIN
  IF ingest_enroll.secret_hash IS NULL OR ingest_enroll.secret_hash !~ '^[0-9a-f]{64}$'
     OR ingest_enroll.agent_name IS NULL OR length(btrim(ingest_enroll.agent_name)) NOT BETWEEN 1 AND 100
     OR jsonb_typeof(coalesce(ingest_enroll.machine, '{}')) <> 'object'
     OR octet_length(ingest_enroll.machine::text) > 8192 THEN
    PERFORM ingest.refuse('WB-2101', 400,
      'enrolment takes a name of 1 to 100 characters, a SHA-256 in hex and an object of at most 8 KiB', 'Update the agent.');
  END IF;
  SELECT c.* INTO v_code FROM ingest.enrolment_code AS c
   WHERE c.code_sha256 = ingest.sha256_hex(ingest.plain_code(ingest_enroll.code));
  IF FOUND THEN
    PERFORM ingest.lock_tenant(v_code.tenant_id);
    SELECT c.* INTO STRICT v_code FROM ingest.enrolment_code AS c
     WHERE c.enrolment_code_id = v_code.enrolment_code_id FOR UPDATE;
    SELECT t.* INTO STRICT v_tenant FROM ingest.tenant AS t WHERE t.tenant_id = v_code.tenant_id;
    SELECT a.* INTO v_agent FROM ingest.agent AS a WHERE a.token_sha256 = ingest_enroll.secret_hash;
  END IF;
  -- Wrong, used, expired, a closed agency, a secret already in use: one answer, so nothing is learnt.
  -- The same code with the same secret again is a lost answer, and gets it again.
  IF v_code.enrolment_code_id IS NULL OR v_tenant.state = 'closed' OR v_agent.revoked_at IS NOT NULL
     OR v_agent.enrolment_code_id IS DISTINCT FROM v_code.enrolment_code_id
        AND (v_agent.agent_id IS NOT NULL OR v_code.used_at IS NOT NULL OR v_code.expires_at <= clock_timestamp()) THEN
    PERFORM ingest.refuse('WB-2003', 403, 'this enrolment code is wrong, used or expired', 'Ask for a fresh enrolment code.');
  END IF;
  IF v_agent.agent_id IS NULL THEN
    INSERT INTO ingest.agent (tenant_id, enrolment_code_id, agent_name, token_sha256, machine)
    VALUES (v_code.tenant_id, v_code.enrolment_code_id, btrim(ingest_enroll.agent_name),
            ingest_enroll.secret_hash, coalesce(ingest_enroll.machine, '{}'))
    RETURNING * INTO v_agent;
    UPDATE ingest.enrolment_code AS c SET used_at = clock_timestamp()
     WHERE c.enrolment_code_id = v_code.enrolment_code_id;
    PERFORM ingest.append_event(v_code.tenant_id, 'agent_enrolled', 'agent:' || v_agent.agent_id,
      p_details => jsonb_build_object('agent_id', v_agent.agent_id));
  END IF;
  RETURN jsonb_build_object(
    'agent_id', v_agent.agent_id,
    'tenant', jsonb_build_object('tenant_id', v_tenant.tenant_id, 'slug', v_tenant.slug,
                                 'display_name', v_tenant.display_name, 'time_zone', v_tenant.time_zone),
    'server_time', ingest.iso(clock_timestamp()),
    'settings', ingest.agent_settings(),
    'file_specs', ingest.current_specs(v_tenant.tenant_id));
END
$$;
COMMENT ON FUNCTION public.ingest_enroll(text, text, text, jsonb) IS
  'Turns a machine that holds an unused code into an agent; schema/wire/ingest_enroll.schema.json.';
