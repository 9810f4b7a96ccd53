-- 0023 What the central team sets up: agencies, enrolment codes, file specs, delivery plans, settings.
-- Why:    an agency is a folder of configuration, never code.
-- Needs:  0022.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.create_tenant(p_slug text, p_display_name text, p_time_zone text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant ingest.tenant;
BEGIN
  PERFORM ingest.authorize('ingest.create_tenant');
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
  v_tenant_id uuid;
  v_old       text;
BEGIN
  PERFORM ingest.authorize('ingest.set_tenant_state');
  v_tenant_id := ingest.tenant_by_slug(p_slug);
  IF p_state IS NULL OR p_state NOT IN ('active', 'halted', 'closed') THEN
    PERFORM ingest.refuse('WB-5006', 400, 'a tenant is active, halted or closed', 'Correct the argument.');
  END IF;
  PERFORM ingest.lock_tenant(v_tenant_id);
  SELECT t.state INTO STRICT v_old FROM ingest.tenant AS t WHERE t.tenant_id = v_tenant_id;
  IF v_old <> p_state THEN
    UPDATE ingest.tenant AS t
       SET state = p_state, state_reason = p_reason, state_changed_at = ingest.clock(), halted_by_file = NULL
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
  v_tenant_id uuid;
  v_code      text := '';
  v_byte      integer;
BEGIN
  PERFORM ingest.authorize('ingest.create_enrolment_code');
  v_tenant_id := ingest.tenant_by_slug(p_slug);
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

CREATE FUNCTION ingest.revoke_agent(p_agent_id uuid, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  PERFORM ingest.authorize('ingest.revoke_agent');
  SELECT a.tenant_id INTO v_tenant_id FROM ingest.agent AS a WHERE a.agent_id = p_agent_id;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2001', 404, 'no agent has this id', 'Correct the id.');
  END IF;
  PERFORM ingest.lock_tenant(v_tenant_id);
  UPDATE ingest.agent AS a SET revoked_at = ingest.clock(), revoked_reason = p_reason
   WHERE a.agent_id = p_agent_id AND a.revoked_at IS NULL;
  IF FOUND THEN
    PERFORM ingest.append_event(v_tenant_id, 'agent_revoked', 'operator:' || p_actor,
      p_details => jsonb_build_object('agent_id', p_agent_id));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.revoke_agent(uuid, text, text) IS 'Refuses the agent from now on; its next call already sees it.';

-- Exact names: what PostgreSQL would take as well ("utc", "UTC+3" with its sign turned round) agents and people may not read alike.
CREATE FUNCTION ingest.check_time_zones(p_spec jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_unknown bigint;
BEGIN
  SELECT min(c.position) - 1 INTO v_unknown
    FROM jsonb_array_elements(p_spec -> 'columns') WITH ORDINALITY AS c (entry, position)
   WHERE jsonb_typeof(c.entry) = 'object' AND coalesce(c.entry ->> 'time_zone', '') NOT IN ('', 'UTC')
     AND c.entry ->> 'time_zone' <> ALL (ARRAY(SELECT z.name FROM pg_catalog.pg_timezone_names AS z));
  IF v_unknown IS NOT NULL THEN
    PERFORM ingest.refuse('WB-3014', 400, format('columns[%s].time_zone: this database knows no time zone of this name', v_unknown),
      'Name a zone as the IANA database does, such as Europe/Paris, or UTC.');
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.check_time_zones(jsonb) IS 'Refuses (WB-3014) a spec with a time zone that PostgreSQL does not know, naming its place.';

CREATE FUNCTION ingest.put_file_spec(p_slug text, p_spec jsonb, p_actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
  v_latest    ingest.file_spec;
  v_sha256    text := ingest.sha256_hex(p_spec::text);
BEGIN
  PERFORM ingest.authorize('ingest.put_file_spec');
  v_tenant_id := ingest.tenant_by_slug(p_slug);
  IF p_spec IS NULL OR jsonb_typeof(p_spec) <> 'object' OR coalesce(p_spec ->> 'file_tag', '') !~ '^[a-z][a-z0-9_]{0,62}$'
     OR jsonb_typeof(p_spec -> 'columns') IS DISTINCT FROM 'array'
     OR coalesce(p_spec ->> 'on_refusal', 'halt') NOT IN ('halt', 'quarantine')
     OR coalesce(p_spec ->> 'split_rows', '1') !~ '^[0-9]{1,15}$' OR coalesce(p_spec ->> 'split_bytes', '1') !~ '^[0-9]{1,15}$'
     OR coalesce(p_spec ->> 'stale_after_hours', '0') !~ '^[0-9]{1,4}$'
     OR NOT EXISTS (SELECT FROM ingest.entity AS e WHERE e.entity = p_spec ->> 'entity') THEN
    PERFORM ingest.refuse('WB-3014', 400,
      'a file spec is an object with file_tag (a-z 0-9 _), a known entity and columns', 'Correct the spec.');
  END IF;
  PERFORM ingest.check_time_zones(p_spec);
  PERFORM ingest.lock_tenant(v_tenant_id);
  v_latest := ingest.newest_spec(v_tenant_id, p_spec ->> 'file_tag');
  IF v_latest.spec_sha256 IS NOT DISTINCT FROM v_sha256 AND NOT v_latest.is_withdrawn THEN
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

CREATE FUNCTION ingest.withdraw_file_spec(p_slug text, p_file_tag text, p_actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
  v_latest    ingest.file_spec;
BEGIN
  PERFORM ingest.authorize('ingest.withdraw_file_spec');
  v_tenant_id := ingest.tenant_by_slug(p_slug);
  PERFORM ingest.lock_tenant(v_tenant_id);
  v_latest := ingest.newest_spec(v_tenant_id, p_file_tag);
  IF v_latest.version IS NULL THEN
    PERFORM ingest.refuse('WB-5006', 404, 'this agency has no file spec for this tag', 'Correct the tag.');
  ELSIF v_latest.is_withdrawn THEN
    RETURN v_latest.version;
  END IF;
  INSERT INTO ingest.file_spec (tenant_id, file_tag, version, entity, spec, spec_sha256, created_by, is_withdrawn)
  VALUES (v_tenant_id, p_file_tag, v_latest.version + 1, v_latest.entity, v_latest.spec, v_latest.spec_sha256, p_actor, true);
  PERFORM ingest.append_event(v_tenant_id, 'file_spec_withdrawn', 'operator:' || p_actor,
    p_details => jsonb_build_object('file_tag', p_file_tag, 'version', v_latest.version + 1));
  RETURN v_latest.version + 1;
END
$$;
COMMENT ON FUNCTION ingest.withdraw_file_spec(text, text, text) IS
  'From now on files of the tag are refused (WB-2108); what is under way goes on; returns the version.';

CREATE FUNCTION ingest.check_plan(p_plan jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_days jsonb := '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]';
  v_bad  text;
BEGIN
  v_bad := CASE
    WHEN jsonb_typeof(p_plan) <> 'object' THEN 'the plan'
    WHEN coalesce(jsonb_typeof(p_plan -> 'name'), 'string') <> 'string' OR length(btrim(coalesce(p_plan ->> 'name', 'x'))) NOT BETWEEN 1 AND 100 THEN 'name'
    WHEN coalesce(p_plan ->> 'day_starts', '00:00') !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' THEN 'day_starts'
    WHEN coalesce(p_plan ->> 'deadline', '00:00') !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' THEN 'deadline'
    WHEN coalesce(p_plan ->> 'deadline_days', '1') !~ '^[0-7]$' THEN 'deadline_days'
    WHEN coalesce(p_plan ->> 'wait_s', '0') !~ '^[0-9]{1,6}$' OR coalesce(p_plan ->> 'wait_s', '0')::integer > 604800 THEN 'wait_s'
    WHEN coalesce(p_plan ->> 'older_files', 'refuse') NOT IN ('refuse', 'accept') THEN 'older_files'
    WHEN coalesce(jsonb_typeof(p_plan -> 'weekdays'), 'array') <> 'array' OR NOT v_days @> coalesce(p_plan -> 'weekdays', v_days)
      OR p_plan -> 'weekdays' = '[]' THEN 'weekdays'
    WHEN jsonb_typeof(p_plan -> 'files') IS DISTINCT FROM 'array' THEN 'files'
    WHEN jsonb_array_length(p_plan -> 'files') NOT BETWEEN 1 AND 500 THEN 'files'
    WHEN EXISTS (SELECT FROM jsonb_array_elements(p_plan -> 'files') AS f (entry)
                  WHERE jsonb_typeof(f.entry) <> 'object' OR coalesce(f.entry ->> 'file_tag', '') !~ '^[a-z][a-z0-9_]{0,62}$'
                     OR coalesce(f.entry ->> 'rank', '0') !~ '^[0-9]{1,7}$'
                     OR coalesce(jsonb_typeof(f.entry -> 'required'), 'boolean') <> 'boolean'
                     OR coalesce(jsonb_typeof(f.entry -> 'many'), 'boolean') <> 'boolean') THEN 'files'
    WHEN (SELECT count(DISTINCT f.entry ->> 'file_tag') <> count(*) FROM jsonb_array_elements(p_plan -> 'files') AS f (entry)) THEN 'files'
  END;
  IF v_bad IS NOT NULL THEN
    PERFORM ingest.refuse('WB-3014', 400, format('delivery plan: %s is not as agreed', v_bad), 'Correct the plan; see config/agency.schema.json.');
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.check_plan(jsonb) IS 'Refuses (WB-3014) what is no delivery plan, naming the key.';

CREATE FUNCTION ingest.put_delivery_plan(p_slug text, p_plan jsonb, p_actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant ingest.tenant;
  v_now    ingest.delivery_plan;
  v_plan   jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.put_delivery_plan');
  SELECT t.* INTO STRICT v_tenant FROM ingest.tenant AS t WHERE t.tenant_id = ingest.tenant_by_slug(p_slug);
  IF p_plan IS NOT NULL AND p_plan <> 'null' THEN
    PERFORM ingest.check_plan(p_plan);
    v_plan := ingest.full_plan(p_plan);
  END IF;
  PERFORM ingest.lock_tenant(v_tenant.tenant_id);
  v_now := ingest.current_plan(v_tenant.tenant_id);
  IF v_now.plan IS NOT DISTINCT FROM v_plan THEN
    RETURN coalesce(v_now.version, 0);
  END IF;
  INSERT INTO ingest.delivery_plan (tenant_id, version, plan, created_at, created_by)
  VALUES (v_tenant.tenant_id, coalesce(v_now.version, 0) + 1, v_plan, ingest.clock(), p_actor) RETURNING * INTO v_now;
  PERFORM ingest.append_event(v_tenant.tenant_id, 'delivery_plan_published', 'operator:' || p_actor,
    p_details => jsonb_build_object('version', v_now.version, 'is_withdrawn', v_plan IS NULL));
  -- What is under way follows the new plan.
  UPDATE ingest.job_file AS f SET tag_rank = ingest.tag_rank(v_plan, f.file_tag)
   WHERE f.tenant_id = v_tenant.tenant_id AND f.precedence = 1 AND f.state IN ('awaiting_upload', 'received', 'verified')
     AND f.tag_rank <> ingest.tag_rank(v_plan, f.file_tag);
  UPDATE ingest.delivery AS d SET plan_version = NULL, deadline_at = NULL, missing = '{}'
   WHERE d.tenant_id = v_tenant.tenant_id AND d.state = 'open' AND d.plan_version IS NOT NULL;
  PERFORM ingest.open_delivery(d.tenant_id, d.delivery_date, d.delivery_name, 'nightly', 'operator:' || p_actor),
          ingest.judge_delivery(d.tenant_id, d.delivery_date, d.delivery_name, 'operator:' || p_actor)
     FROM ingest.delivery AS d
    WHERE d.tenant_id = v_tenant.tenant_id AND d.state = 'open' AND d.delivery_name = v_plan ->> 'name'
      AND NOT EXISTS (SELECT FROM ingest.job AS j WHERE j.tenant_id = d.tenant_id AND j.delivery_date = d.delivery_date
                         AND j.delivery_name = d.delivery_name AND j.kind <> 'nightly');
  RETURN v_now.version;
END
$$;
COMMENT ON FUNCTION ingest.put_delivery_plan(text, jsonb, text) IS
  'Puts a delivery plan in force (null: none) and returns its version; open deliveries follow it at once.';

CREATE FUNCTION ingest.put_setting(p_name text, p_value jsonb, p_actor text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.put_setting');
  UPDATE ingest.setting AS s SET value = p_value, updated_at = ingest.clock(), updated_by = 'operator:' || p_actor
   WHERE s.name = p_name;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-5006', 404, 'no setting has this name', 'See the table ingest.setting.');
  END IF;
EXCEPTION WHEN check_violation OR not_null_violation THEN
  PERFORM ingest.refuse('WB-5006', 400, 'this setting does not take such a value', 'See the setting''s description.');
END
$$;
COMMENT ON FUNCTION ingest.put_setting(text, jsonb, text) IS 'Sets a known setting to a value it takes.';
