-- 0013 What operators call: tenants, enrolment codes, file specs, revocation, settings.
-- Why:    the registry's own rows are made by functions that check and record, not by hand.
-- Needs:  0012.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.tenant_by_slug(p_slug text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  SELECT t.tenant_id INTO v_tenant_id FROM ingest.tenant AS t WHERE t.slug = p_slug;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-5006', 404, 'no agency has this slug', 'Create the agency first, or correct the slug.');
  END IF;
  RETURN v_tenant_id;
END
$$;
COMMENT ON FUNCTION ingest.tenant_by_slug(text) IS 'The tenant of a slug; refused (WB-5006) when there is none.';

CREATE FUNCTION ingest.create_tenant(p_slug text, p_display_name text, p_time_zone text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant ingest.tenant;
BEGIN
  IF p_slug IS NULL OR p_slug !~ '^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$' OR p_slug = 'archive'
     OR coalesce(length(btrim(p_display_name)), 0) NOT BETWEEN 1 AND 200 OR p_time_zone IS NULL THEN
    PERFORM ingest.refuse('WB-5006', 400,
      'an agency needs a slug of at most 40 of a-z 0-9 _ - (not archive), a name and a time zone', 'Correct the argument.');
  END IF;
  INSERT INTO ingest.tenant (slug, display_name, time_zone) VALUES (p_slug, btrim(p_display_name), p_time_zone)
  ON CONFLICT (slug) DO NOTHING RETURNING * INTO v_tenant;
  IF FOUND THEN
    INSERT INTO ingest.tenant_clock (tenant_id) VALUES (v_tenant.tenant_id);
    INSERT INTO ingest.lease (tenant_id) VALUES (v_tenant.tenant_id);
    PERFORM ingest.append_event(v_tenant.tenant_id, 'tenant_created', 'operator');
    RETURN v_tenant.tenant_id;
  END IF;
  SELECT t.* INTO STRICT v_tenant FROM ingest.tenant AS t WHERE t.slug = p_slug;
  IF (v_tenant.display_name, v_tenant.time_zone) IS DISTINCT FROM (btrim(p_display_name), p_time_zone) THEN
    PERFORM ingest.refuse('WB-5006', 409, 'another agency, or other facts, are registered under this slug', 'Choose another slug.');
  END IF;
  RETURN v_tenant.tenant_id;
END
$$;
COMMENT ON FUNCTION ingest.create_tenant(text, text, text) IS 'Registers an agency; the same facts again give the same id.';

CREATE FUNCTION ingest.set_tenant_state(p_slug text, p_state text, p_reason text, p_actor text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid := ingest.tenant_by_slug(p_slug);
  v_old       text;
BEGIN
  IF p_state IS NULL OR p_state NOT IN ('active', 'halted', 'closed') THEN
    PERFORM ingest.refuse('WB-5006', 400, 'a tenant is active, halted or closed', 'Correct the argument.');
  END IF;
  PERFORM ingest.lock_tenant(v_tenant_id);
  SELECT t.state INTO STRICT v_old FROM ingest.tenant AS t WHERE t.tenant_id = v_tenant_id;
  IF v_old <> p_state THEN
    UPDATE ingest.tenant AS t SET state = p_state, state_reason = p_reason, state_changed_at = clock_timestamp()
     WHERE t.tenant_id = v_tenant_id;
    PERFORM ingest.append_event(v_tenant_id, 'tenant_' || p_state, 'operator:' || p_actor,
      p_details => jsonb_build_object('before', v_old));
  END IF;
  RETURN p_state;
END
$$;
COMMENT ON FUNCTION ingest.set_tenant_state(text, text, text, text) IS 'Halts, closes or opens an agency again; returns the state.';

CREATE FUNCTION ingest.create_enrolment_code(p_slug text, p_ttl_s integer, p_actor text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid := ingest.tenant_by_slug(p_slug);
  v_code      text := '';
  v_byte      integer;
BEGIN
  IF p_ttl_s IS NULL OR p_ttl_s NOT BETWEEN 1 AND 2592000 OR coalesce(btrim(p_actor), '') = '' THEN
    PERFORM ingest.refuse('WB-5006', 400, 'a code lives 1 second to 30 days and names who made it', 'Correct the argument.');
  END IF;
  -- 16 characters of 5 random bits; the alphabet is Crockford's, without I, L, O, U.
  FOR v_byte IN SELECT get_byte(r.bytes, g.i) FROM (SELECT extensions.gen_random_bytes(16) AS bytes) AS r,
                                                   generate_series(0, 15) AS g (i) LOOP
    v_code := v_code || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (v_byte & 31) + 1, 1);
  END LOOP;
  PERFORM ingest.lock_tenant(v_tenant_id);
  INSERT INTO ingest.enrolment_code (tenant_id, code_sha256, created_by, created_at, expires_at)
  VALUES (v_tenant_id, ingest.sha256_hex(v_code), p_actor, clock_timestamp(), clock_timestamp() + make_interval(secs => p_ttl_s));
  PERFORM ingest.append_event(v_tenant_id, 'enrolment_code_created', 'operator:' || p_actor,
    p_details => jsonb_build_object('ttl_s', p_ttl_s));
  RETURN regexp_replace(v_code, '(....)(?=.)', '\1-', 'g');
END
$$;
COMMENT ON FUNCTION ingest.create_enrolment_code(text, integer, text) IS
  'A new single-use code, XXXX-XXXX-XXXX-XXXX; shown this once, only its hash is kept.';

CREATE FUNCTION ingest.put_file_spec(p_slug text, p_spec jsonb, p_actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid := ingest.tenant_by_slug(p_slug);
  v_latest    ingest.file_spec;
  v_sha256    text := ingest.sha256_hex(p_spec::text);
BEGIN
  IF p_spec IS NULL OR jsonb_typeof(p_spec) <> 'object' OR coalesce(p_spec ->> 'file_tag', '') !~ '^[a-z][a-z0-9_]{0,62}$'
     OR jsonb_typeof(p_spec -> 'columns') IS DISTINCT FROM 'array'
     OR NOT EXISTS (SELECT FROM ingest.entity AS e WHERE e.entity = p_spec ->> 'entity') THEN
    PERFORM ingest.refuse('WB-3014', 400,
      'a file spec is an object with file_tag (a-z 0-9 _), a known entity and columns', 'Correct the spec.');
  END IF;
  PERFORM ingest.lock_tenant(v_tenant_id);
  SELECT s.* INTO v_latest FROM ingest.file_spec AS s
   WHERE s.tenant_id = v_tenant_id AND s.file_tag = p_spec ->> 'file_tag' ORDER BY s.version DESC LIMIT 1;
  IF v_latest.spec_sha256 IS NOT DISTINCT FROM v_sha256 THEN
    RETURN v_latest.version;
  END IF;
  INSERT INTO ingest.file_spec (tenant_id, file_tag, version, entity, spec, spec_sha256, created_by)
  VALUES (v_tenant_id, p_spec ->> 'file_tag', coalesce(v_latest.version, 0) + 1, p_spec ->> 'entity', p_spec,
          v_sha256, p_actor)
  RETURNING * INTO v_latest;
  PERFORM ingest.append_event(v_tenant_id, 'file_spec_published', 'operator:' || p_actor,
    p_details => jsonb_build_object('file_tag', v_latest.file_tag, 'version', v_latest.version));
  RETURN v_latest.version;
END
$$;
COMMENT ON FUNCTION ingest.put_file_spec(text, jsonb, text) IS
  'Puts a spec in force and returns its version; the spec in force again changes nothing.';

CREATE FUNCTION ingest.revoke_agent(p_agent_id uuid, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  SELECT a.tenant_id INTO v_tenant_id FROM ingest.agent AS a WHERE a.agent_id = p_agent_id;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2001', 404, 'no agent has this id', 'Correct the id.');
  END IF;
  PERFORM ingest.lock_tenant(v_tenant_id);
  UPDATE ingest.agent AS a SET revoked_at = clock_timestamp(), revoked_reason = p_reason
   WHERE a.agent_id = p_agent_id AND a.revoked_at IS NULL;
  IF FOUND THEN
    PERFORM ingest.append_event(v_tenant_id, 'agent_revoked', 'operator:' || p_actor,
      p_details => jsonb_build_object('agent_id', p_agent_id));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.revoke_agent(uuid, text, text) IS 'Refuses the agent from now on; its next call already sees it.';

CREATE FUNCTION ingest.put_setting(p_name text, p_value jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  UPDATE ingest.setting AS s SET value = p_value, updated_at = clock_timestamp(), updated_by = 'operator:' || p_actor
   WHERE s.name = p_name;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-5006', 404, 'no setting has this name', 'See the table ingest.setting.');
  END IF;
EXCEPTION WHEN check_violation OR not_null_violation THEN
  PERFORM ingest.refuse('WB-5006', 400, 'this setting does not take such a value', 'See the setting''s description.');
END
$$;
COMMENT ON FUNCTION ingest.put_setting(text, jsonb, text) IS 'Sets a known setting to a value it takes.';
