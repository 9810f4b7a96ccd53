-- 0008 Deliveries against their plan: what is expected, what has come, what is late, missing or surplus.
-- Why:    a gap in a night is told, not found months later.
-- Needs:  0007.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- Plans ---------------------------------------------------------------------------------------------

-- What put_delivery_plan stores has every key, so that nothing below repeats a default.
CREATE FUNCTION ingest.full_plan(p_plan jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT '{"name": "nightly", "day_starts": "00:00", "deadline": "00:00", "deadline_days": 1, "wait_s": 300,
           "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "older_files": "refuse"}'::jsonb
      || p_plan || jsonb_build_object('files', (
           SELECT jsonb_agg('{"rank": 0, "required": true, "many": false}'::jsonb || f.entry ORDER BY f.position)
             FROM jsonb_array_elements(p_plan -> 'files') WITH ORDINALITY AS f (entry, position)))
$$;
COMMENT ON FUNCTION ingest.full_plan(jsonb) IS 'A plan with every default written out.';

CREATE FUNCTION ingest.planned_file(p_plan jsonb, p_file_tag text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT f.entry FROM jsonb_array_elements(p_plan -> 'files') AS f (entry) WHERE f.entry ->> 'file_tag' = p_file_tag
$$;
COMMENT ON FUNCTION ingest.planned_file(jsonb, text) IS 'What the plan says of a tag; null when it is not in it.';

CREATE FUNCTION ingest.tag_rank(p_plan jsonb, p_file_tag text) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT coalesce((ingest.planned_file(p_plan, p_file_tag) ->> 'rank')::integer, 2147483647)
$$;
COMMENT ON FUNCTION ingest.tag_rank(jsonb, text) IS 'Rank of a tag in a plan; the largest integer when unlisted or without plan.';

CREATE FUNCTION ingest.is_expected(p_plan jsonb, p_date date) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT p_plan -> 'weekdays' ? (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[extract(isodow FROM p_date)::integer]
$$;
COMMENT ON FUNCTION ingest.is_expected(jsonb, date) IS 'Is a delivery expected on this date?';

CREATE FUNCTION ingest.required_tags(p_plan jsonb, p_date date) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT coalesce(array_agg(f.entry ->> 'file_tag' ORDER BY (f.entry ->> 'rank')::integer, f.entry ->> 'file_tag'), '{}')
    FROM jsonb_array_elements(p_plan -> 'files') AS f (entry)
   WHERE (f.entry ->> 'required')::boolean AND ingest.is_expected(p_plan, p_date)
$$;
COMMENT ON FUNCTION ingest.required_tags(jsonb, date) IS 'Tags whose absence is missed on this date, in order of rank.';

-- PostgreSQL turns local time into UTC by the zone's rules of that date; a time that the change of the
-- clocks skips is read as the standard time before it, one that comes twice as the second.
CREATE FUNCTION ingest.deadline_of(p_plan jsonb, p_date date, p_time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT (p_date + (p_plan ->> 'deadline_days')::integer + (p_plan ->> 'deadline')::time) AT TIME ZONE p_time_zone
$$;
COMMENT ON FUNCTION ingest.deadline_of(jsonb, date, text) IS 'Until when the required files of a date are expected.';

-- What has come -------------------------------------------------------------------------------------

-- A tag has come when a file of it has, with all its parts, or all chunks of a set have.
CREATE FUNCTION ingest.tag_has_arrived(p_tenant_id uuid, p_date date, p_name text, p_file_tag text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT FROM (
      SELECT f.chunk_number, max(f.chunk_count) AS chunk_count FROM ingest.job_file AS f
       WHERE f.tenant_id = p_tenant_id AND f.delivery_date = p_date AND f.file_tag = p_file_tag
         AND f.delivery_name = p_name AND f.split_of IS NULL
         AND (f.state IN ('received', 'verified', 'split', 'staged', 'processed', 'archived', 'duplicate')
              OR f.skipped_at IS NOT NULL)
       GROUP BY f.original_sha256, f.chunk_number
      HAVING count(DISTINCT f.part_number) = max(f.part_count)) AS whole
     GROUP BY whole.chunk_count
    HAVING count(DISTINCT whole.chunk_number) = whole.chunk_count)
$$;
COMMENT ON FUNCTION ingest.tag_has_arrived(uuid, date, text, text) IS 'Has a tag''s file come in full, with all parts and chunks?';

CREATE FUNCTION ingest.move_delivery(p_delivery ingest.delivery, p_event text, p_actor text) RETURNS ingest.delivery
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v    ingest.delivery;
  v_to text;
BEGIN
  SELECT m.to_state INTO v_to FROM ingest.delivery_move AS m
   WHERE m.from_state = p_delivery.state AND m.event = p_event;
  IF v_to IS NULL THEN
    PERFORM ingest.refuse('WB-2105', 500, format('a delivery does not move from %s by %s', p_delivery.state, p_event),
      'Report it; this is a defect.');
  END IF;
  UPDATE ingest.delivery AS d
     SET state = v_to, last_event = p_event, state_changed_at = ingest.clock()
   WHERE d.tenant_id = p_delivery.tenant_id AND d.delivery_date = p_delivery.delivery_date
     AND d.delivery_name = p_delivery.delivery_name RETURNING d.* INTO STRICT v;
  PERFORM ingest.append_event(v.tenant_id, p_event, p_actor, p_details => jsonb_build_object(
    'delivery_date', v.delivery_date, 'delivery_name', ingest.plain_text(v.delivery_name), 'missing', v.missing));
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.move_delivery(ingest.delivery, text, text) IS
  'Moves a delivery as ingest.delivery_move lists it and appends the event.';

CREATE FUNCTION ingest.tell_missing(p_delivery ingest.delivery, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_tag text;
BEGIN
  IF NOT p_delivery.is_missing_told THEN
    UPDATE ingest.delivery AS d SET is_missing_told = true
     WHERE d.tenant_id = p_delivery.tenant_id AND d.delivery_date = p_delivery.delivery_date
       AND d.delivery_name = p_delivery.delivery_name;
    FOREACH v_tag IN ARRAY p_delivery.missing LOOP
      PERFORM ingest.append_event(p_delivery.tenant_id, 'file_missing', p_actor, p_details => jsonb_build_object(
        'file_tag', v_tag, 'delivery_date', p_delivery.delivery_date,
        'delivery_name', ingest.plain_text(p_delivery.delivery_name)));
    END LOOP;
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.tell_missing(ingest.delivery, text) IS 'Appends one event file_missing per missing tag, once per delivery.';

CREATE TYPE ingest.silence AS (cause text, last_seen_at timestamptz, words text);
COMMENT ON TYPE ingest.silence IS 'Why nothing comes, as far as central can tell: no_export, agent_down, agent_refused or no_agent; when an agent was last heard of; and the same in words.';

-- One agent that is at work is enough, unless it is known which one carried the last file.
CREATE FUNCTION ingest.why_silent(p_tenant_id uuid, p_agent_id uuid DEFAULT NULL) RETURNS ingest.silence
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v         ingest.silence;
  v_agents  bigint;
  v_refused timestamptz;
BEGIN
  SELECT count(*), max(a.last_seen_at), min(a.ledger_refused_at) INTO v_agents, v.last_seen_at, v_refused
    FROM ingest.agent AS a
   WHERE a.tenant_id = p_tenant_id AND a.revoked_at IS NULL
     AND (a.agent_id = p_agent_id OR NOT EXISTS (
            SELECT FROM ingest.agent AS o WHERE o.tenant_id = p_tenant_id AND o.agent_id = p_agent_id AND o.revoked_at IS NULL));
  IF v_agents = 0 THEN
    v.cause := 'no_agent';
    v.words := 'no agent is enrolled';
  ELSIF v.last_seen_at > ingest.clock() - make_interval(secs => ingest.setting_bigint('agent_silent_s')) THEN
    v.cause := 'no_export';
    v.words := format('no export: the agent is at work, it was heard of at %s', ingest.iso(v.last_seen_at));
  ELSIF v_refused IS NOT NULL THEN
    v.cause := 'agent_refused';
    v.words := format('agent refused: its ledger does not go on (WB-2007), since %s', ingest.iso(v_refused));
  ELSE
    v.cause := 'agent_down';
    v.words := CASE WHEN v.last_seen_at IS NULL THEN 'agent down: it was never heard of'
                    ELSE format('agent down: it was last heard of at %s', ingest.iso(v.last_seen_at)) END;
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.why_silent(uuid, uuid) IS
  'Was the agent (without one: any of the agency''s) heard of within agent_silent_s? Then nothing was exported; else the agent is down.';

-- An alert about a delivery that is not as planned.
CREATE FUNCTION ingest.alert_of_delivery(p_delivery ingest.delivery, p_kind text) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  SELECT ingest.raise_alert(p_delivery.tenant_id, p_kind, NULL,
    format('%s: delivery %s of %s %s; missing: %s; %s', t.slug, ingest.plain_text(p_delivery.delivery_name),
           p_delivery.delivery_date,
           CASE p_kind WHEN 'delivery_late' THEN 'is late' ELSE 'ended with files missing' END,
           array_to_string(p_delivery.missing, ', '), w.words),
    jsonb_build_object('delivery_date', p_delivery.delivery_date, 'missing', p_delivery.missing,
      'delivery_name', ingest.plain_text(p_delivery.delivery_name), 'deadline_at', ingest.iso(p_delivery.deadline_at),
      'cause', w.cause, 'agent_last_seen_at', ingest.iso(w.last_seen_at)))
    FROM ingest.tenant AS t, ingest.why_silent(p_delivery.tenant_id) AS w WHERE t.tenant_id = p_delivery.tenant_id
$$;
COMMENT ON FUNCTION ingest.alert_of_delivery(ingest.delivery, text) IS
  'Raises delivery_late or file_missing, naming date, tags, and whether the agent is at work.';

-- Finds or opens a delivery. The caller holds the tenant's lock.
CREATE FUNCTION ingest.open_delivery(p_tenant_id uuid, p_date date, p_name text, p_kind text, p_actor text)
RETURNS ingest.delivery
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v        ingest.delivery;
  v_plan   ingest.delivery_plan := ingest.current_plan(p_tenant_id);
  v_zone   text;
  v_is_new boolean;
BEGIN
  SELECT d.* INTO v FROM ingest.delivery AS d
   WHERE d.tenant_id = p_tenant_id AND d.delivery_date = p_date AND d.delivery_name = p_name;
  v_is_new := NOT FOUND;
  IF v_is_new THEN
    INSERT INTO ingest.delivery (tenant_id, delivery_date, delivery_name, opened_at, state_changed_at)
    VALUES (p_tenant_id, p_date, p_name, ingest.clock(), ingest.clock()) RETURNING * INTO v;
    PERFORM ingest.append_event(p_tenant_id, 'delivery_opened', p_actor, p_details => jsonb_build_object(
      'delivery_date', p_date, 'delivery_name', ingest.plain_text(p_name)));
  END IF;
  IF p_kind = 'nightly' AND v.plan_version IS NULL AND v.state = 'open' AND v_plan.plan ->> 'name' = p_name THEN
    SELECT t.time_zone INTO STRICT v_zone FROM ingest.tenant AS t WHERE t.tenant_id = p_tenant_id;
    UPDATE ingest.delivery AS d
       SET plan_version = v_plan.version, deadline_at = ingest.deadline_of(v_plan.plan, p_date, v_zone),
           missing = ARRAY(SELECT r.tag FROM unnest(ingest.required_tags(v_plan.plan, p_date)) WITH ORDINALITY AS r (tag, position)
                            WHERE NOT ingest.tag_has_arrived(p_tenant_id, p_date, p_name, r.tag) ORDER BY r.position)
     WHERE d.tenant_id = p_tenant_id AND d.delivery_date = p_date AND d.delivery_name = p_name RETURNING d.* INTO v;
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.open_delivery(uuid, date, text, text, text) IS
  'Finds or opens a delivery; a nightly one of the plan''s name gets its plan and deadline.';

-- Looks whether a delivery is complete, partial or closed by now. The caller holds the tenant's lock.
CREATE FUNCTION ingest.judge_delivery(p_tenant_id uuid, p_date date, p_name text, p_actor text) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v        ingest.delivery;
  v_jobs   bigint;
  v_open   bigint;
  v_going  bigint;
  v_needed boolean;
BEGIN
  SELECT d.* INTO v FROM ingest.delivery AS d
   WHERE d.tenant_id = p_tenant_id AND d.delivery_date = p_date AND d.delivery_name = p_name FOR UPDATE;
  IF NOT FOUND OR v.state = 'closed' THEN
    RETURN v.state;
  END IF;
  SELECT count(*), count(*) FILTER (WHERE j.state = 'open'), count(*) FILTER (WHERE j.state <> 'complete')
    INTO v_jobs, v_open, v_going
    FROM ingest.job AS j
   WHERE j.tenant_id = p_tenant_id AND j.delivery_date = p_date AND j.delivery_name = p_name;
  SELECT cardinality(ingest.required_tags(p.plan, p_date)) > 0 INTO v_needed
    FROM ingest.delivery_plan AS p WHERE p.tenant_id = p_tenant_id AND p.version = v.plan_version;
  IF v.state IN ('open', 'late', 'partial') AND v.missing = '{}' AND (coalesce(v_needed, false) OR v_jobs > 0 AND v_open = 0) THEN
    v := ingest.move_delivery(v, 'delivery_complete', p_actor);
  ELSIF v.state IN ('open', 'late') AND v.missing <> '{}' AND v_jobs > 0 AND v_open = 0 THEN
    PERFORM ingest.tell_missing(v, p_actor);
    v := ingest.move_delivery(v, 'delivery_partial', p_actor);
    PERFORM ingest.alert_of_delivery(v, 'file_missing');
  END IF;
  IF v.state IN ('complete', 'partial') AND v_jobs > 0 AND v_going = 0 THEN
    v := ingest.move_delivery(v, 'delivery_closed', p_actor);
  END IF;
  RETURN v.state;
END
$$;
COMMENT ON FUNCTION ingest.judge_delivery(uuid, date, text, text) IS
  'Moves a delivery on when its files and jobs say so, and returns its state; null when there is none.';

-- What the plan thinks of a file that was registered, or that has just come.
CREATE FUNCTION ingest.note_planned_file(p_file ingest.job_file, p_has_come boolean, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_delivery ingest.delivery;
  v_file     jsonb;
  v_event    text;
BEGIN
  SELECT d.* INTO v_delivery FROM ingest.delivery AS d
   WHERE d.tenant_id = p_file.tenant_id AND d.delivery_date = p_file.delivery_date
     AND d.delivery_name = p_file.delivery_name AND d.plan_version IS NOT NULL;
  IF NOT FOUND OR p_file.precedence <> 1 OR p_file.split_of IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT ingest.planned_file(p.plan, p_file.file_tag) INTO v_file FROM ingest.delivery_plan AS p
   WHERE p.tenant_id = p_file.tenant_id AND p.version = v_delivery.plan_version;
  IF p_file.part_number = 1 AND p_file.skipped_at IS NULL THEN
    v_event := CASE
      WHEN p_has_come THEN CASE WHEN v_file IS NOT NULL AND v_delivery.deadline_at <= ingest.clock() THEN 'file_late' END
      WHEN v_file IS NULL THEN 'file_unexpected'
      WHEN NOT (v_file ->> 'many')::boolean AND p_file.state <> 'duplicate' AND EXISTS (
        SELECT FROM ingest.job_file AS f
         WHERE f.tenant_id = p_file.tenant_id AND f.delivery_date = p_file.delivery_date AND f.file_tag = p_file.file_tag
           AND f.delivery_name = p_file.delivery_name AND f.split_of IS NULL AND f.precedence = 1
           AND f.opened_seq < p_file.opened_seq AND f.chunk_number = p_file.chunk_number
           AND f.original_sha256 <> p_file.original_sha256
           AND f.state NOT IN ('refused', 'retired', 'duplicate')) THEN 'file_surplus' END;
    IF v_event IS NOT NULL THEN
      PERFORM ingest.append_event(p_file.tenant_id, v_event, p_actor, p_file.job_id, p_file.job_file_id,
        p_details => jsonb_build_object('file_tag', p_file.file_tag, 'delivery_date', p_file.delivery_date));
    END IF;
  END IF;
  IF p_has_come AND p_file.file_tag = ANY (v_delivery.missing) AND ingest.tag_has_arrived(
       p_file.tenant_id, p_file.delivery_date, p_file.delivery_name, p_file.file_tag) THEN
    UPDATE ingest.delivery AS d SET missing = array_remove(d.missing, p_file.file_tag)
     WHERE d.tenant_id = p_file.tenant_id AND d.delivery_date = p_file.delivery_date
       AND d.delivery_name = p_file.delivery_name RETURNING d.* INTO v_delivery;
    IF v_delivery.missing = '{}' THEN
      PERFORM ingest.judge_delivery(p_file.tenant_id, p_file.delivery_date, p_file.delivery_name, p_actor);
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_planned_file(ingest.job_file, boolean, text) IS
  'Appends file_unexpected, file_surplus or file_late, and takes the tag off the missing ones when it has come in full.';
