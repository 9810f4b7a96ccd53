-- 0011 ingest_enroll.
-- Why:    a machine becomes an agent by a code that is good once and for a short time.
-- Needs:  0010.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

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
