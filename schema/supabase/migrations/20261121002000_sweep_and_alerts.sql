-- 0020 ingest.sweep: deadlines, sets that never became whole, tags that have not come; and the way of alerts.
-- Why:    what does not happen makes no error anywhere; and "no export" and "agent down" are mended by different people.
-- Needs:  0019.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE FUNCTION ingest.sweep_deliveries(p_tenant_id uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v       ingest.delivery;
  v_count integer := 0;
BEGIN
  FOR v IN SELECT d.* FROM ingest.delivery AS d
            WHERE d.tenant_id = p_tenant_id AND d.state IN ('open', 'late') AND d.deadline_at <= ingest.clock()
              AND d.missing <> '{}' ORDER BY d.delivery_date LOOP
    IF v.state = 'open' THEN
      PERFORM ingest.tell_missing(v, 'central');
      v := ingest.move_delivery(v, 'delivery_late', 'central');
      PERFORM ingest.alert_of_delivery(v, 'delivery_late');
      v_count := v_count + 1;
      -- Its jobs may be closed already.
      v.state := ingest.judge_delivery(p_tenant_id, v.delivery_date, v.delivery_name, 'central');
    END IF;
    IF v.state = 'late' AND v.deadline_at + interval '1 day' <= ingest.clock() THEN
      v := ingest.move_delivery(v, 'delivery_partial', 'central');
      PERFORM ingest.alert_of_delivery(v, 'file_missing');
      PERFORM ingest.judge_delivery(p_tenant_id, v.delivery_date, v.delivery_name, 'central');
      v_count := v_count + 1;
    END IF;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.sweep_deliveries(uuid) IS 'Moves deliveries whose deadline passed to late, and a day later to partial.';

CREATE FUNCTION ingest.sweep_sets(p_tenant_id uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_count integer := 0;
BEGIN
  FOR v_file IN
    SELECT DISTINCT ON (f.file_tag, f.delivery_date, f.delivery_name, CASE WHEN f.part_count > 1 THEN f.original_sha256 END) f.*
      FROM ingest.job_file AS f
     WHERE f.tenant_id = p_tenant_id AND f.state IN ('received', 'verified') AND (f.part_count > 1 OR f.chunk_count > 1)
       AND f.split_of IS NULL
     ORDER BY f.file_tag, f.delivery_date, f.delivery_name, CASE WHEN f.part_count > 1 THEN f.original_sha256 END, f.opened_seq
  LOOP
    IF (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = v_file.job_file_id) = 'verified'
       AND (ingest.settle_set(v_file)).verdict = 'refused' THEN
      v_count := v_count + 1;
    END IF;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.sweep_sets(uuid) IS 'Refuses sets that are mixed or were not whole in time.';

-- Expected dates whose deadline passed while the plan was in force and nothing came at all.
CREATE FUNCTION ingest.sweep_unseen(p_tenant ingest.tenant) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_plan  ingest.delivery_plan := ingest.current_plan(p_tenant.tenant_id);
  v_today date := (ingest.clock() AT TIME ZONE p_tenant.time_zone)::date;
  v_date  date;
  v_count integer := 0;
BEGIN
  FOR v_date IN
    SELECT g.day::date FROM generate_series(v_today - 31, v_today, interval '1 day') AS g (day)
     WHERE v_plan.plan IS NOT NULL AND ingest.required_tags(v_plan.plan, g.day::date) <> '{}'
       AND ingest.deadline_of(v_plan.plan, g.day::date, p_tenant.time_zone) <= ingest.clock()
       AND ingest.deadline_of(v_plan.plan, g.day::date, p_tenant.time_zone) > v_plan.created_at
       AND NOT EXISTS (SELECT FROM ingest.delivery AS d
                        WHERE d.tenant_id = p_tenant.tenant_id AND d.delivery_date = g.day::date
                          AND d.delivery_name = v_plan.plan ->> 'name')
     ORDER BY g.day
  LOOP
    PERFORM ingest.open_delivery(p_tenant.tenant_id, v_date, v_plan.plan ->> 'name', 'nightly', 'central');
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.sweep_unseen(ingest.tenant) IS 'Opens the deliveries of expected dates on which nothing came; their files are then missed.';

-- Tags that have a limit, what it is, and since when nothing has come.
CREATE FUNCTION ingest.awaited_tags(p_tenant_id uuid)
RETURNS TABLE (file_tag text, stale_after interval, since timestamptz, agent_id uuid)
LANGUAGE sql STABLE SET search_path = '' SET enable_seqscan = off AS $$
  SELECT s.file_tag, make_interval(hours => (s.spec ->> 'stale_after_hours')::integer),
         greatest(last.opened_at, (SELECT min(o.created_at) FROM ingest.file_spec AS o
                                    WHERE o.tenant_id = p_tenant_id AND o.file_tag = s.file_tag
                                      AND coalesce(o.spec ->> 'stale_after_hours', '0') <> '0')), last.agent_id
    FROM (SELECT DISTINCT ON (n.file_tag) n.* FROM ingest.file_spec AS n
           WHERE n.tenant_id = p_tenant_id ORDER BY n.file_tag, n.version DESC) AS s
    LEFT JOIN LATERAL (SELECT f.opened_at, f.agent_id FROM ingest.job_file AS f
                        WHERE f.tenant_id = p_tenant_id AND f.file_tag = s.file_tag AND f.precedence = 1 AND f.split_of IS NULL
                        ORDER BY f.opened_at DESC LIMIT 1) AS last ON true
   WHERE NOT s.is_withdrawn AND coalesce(s.spec ->> 'stale_after_hours', '0') <> '0'
$$;
COMMENT ON FUNCTION ingest.awaited_tags(uuid) IS
  'Tags whose newest spec says stale_after_hours, since when none of their files was registered (history does not count), and who carried the last.';

CREATE FUNCTION ingest.tell_stale(p_tenant ingest.tenant, p_file_tag text, p_since timestamptz, p_after interval, p_agent_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_why   ingest.silence := ingest.why_silent(p_tenant.tenant_id, p_agent_id);
  v_facts jsonb := jsonb_build_object('file_tag', p_file_tag, 'since', ingest.iso(p_since), 'hours', extract(epoch FROM p_after)::bigint / 3600,
                     'cause', v_why.cause, 'agent_last_seen_at', ingest.iso(v_why.last_seen_at));
BEGIN
  PERFORM ingest.append_event(p_tenant.tenant_id, 'file_stale', 'central', p_details => v_facts);
  PERFORM ingest.raise_alert(p_tenant.tenant_id, 'file_stale', NULL,
    format('%s: no file %s has come since %s, more than %s hours; %s', p_tenant.slug, p_file_tag, ingest.iso(p_since), v_facts ->> 'hours', v_why.words),
    v_facts);
END
$$;
COMMENT ON FUNCTION ingest.tell_stale(ingest.tenant, text, timestamptz, interval, uuid) IS 'Writes the event and raises the alert file_stale.';

CREATE FUNCTION ingest.sweep_stale(p_tenant ingest.tenant) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v       record;
  v_count integer := 0;
BEGIN
  FOR v IN
    SELECT coalesce(a.file_tag, s.file_tag) AS file_tag, a.since, a.stale_after, a.agent_id, s.told_at,
           a.since + a.stale_after <= ingest.clock() AS is_stale
      FROM ingest.awaited_tags(p_tenant.tenant_id) AS a
      FULL JOIN (SELECT t.* FROM ingest.stale_tag AS t WHERE t.tenant_id = p_tenant.tenant_id) AS s USING (file_tag)
     ORDER BY 1
  LOOP
    IF v.is_stale AND v.told_at IS NULL THEN
      INSERT INTO ingest.stale_tag (tenant_id, file_tag, since, told_at) VALUES (p_tenant.tenant_id, v.file_tag, v.since, ingest.clock());
      PERFORM ingest.tell_stale(p_tenant, v.file_tag, v.since, v.stale_after, v.agent_id);
      v_count := v_count + 1;
    ELSIF v.told_at IS NOT NULL AND v.is_stale IS NOT TRUE THEN
      DELETE FROM ingest.stale_tag AS t WHERE t.tenant_id = p_tenant.tenant_id AND t.file_tag = v.file_tag;
      PERFORM ingest.append_event(p_tenant.tenant_id, 'file_not_stale', 'central', p_details => jsonb_build_object('file_tag', v.file_tag));
      v_count := v_count + 1;
    END IF;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.sweep_stale(ingest.tenant) IS
  'Tells once of each tag that has not come for longer than its spec allows, and forgets it when a file comes or the limit goes.';

CREATE FUNCTION ingest.sweep() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant ingest.tenant;
  v_count  integer := 0;
BEGIN
  PERFORM ingest.authorize('ingest.sweep');
  FOR v_tenant IN SELECT t.* FROM ingest.tenant AS t WHERE t.state <> 'closed' ORDER BY t.tenant_id LOOP
    PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_tenant.tenant_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    v_count := v_count + ingest.sweep_unseen(v_tenant) + ingest.sweep_deliveries(v_tenant.tenant_id) + ingest.sweep_stale(v_tenant);
    IF v_tenant.state = 'active' THEN
      v_count := v_count + ingest.sweep_sets(v_tenant.tenant_id);
    END IF;
  END LOOP;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.sweep() IS
  'Everything that is due by the clock: late and missing files, partial deliveries, stale tags, sets given up; returns how many things changed.';

CREATE FUNCTION ingest.next_alerts(p_worker text, p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_alerts jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.next_alerts');
  IF coalesce(length(btrim(p_worker)), 0) NOT BETWEEN 1 AND 200 OR coalesce(p_limit, 0) NOT BETWEEN 1 AND 1000 THEN
    PERFORM ingest.malformed('alerts are asked for by a named worker, 1 to 1000 at a time');
  END IF;
  WITH taken AS (
    UPDATE ingest.alert AS a SET attempts = a.attempts + 1, next_attempt_at = ingest.clock() + interval '60 seconds'
     WHERE a.alert_id IN (SELECT w.alert_id FROM ingest.alert AS w
                           WHERE w.sent_at IS NULL AND w.next_attempt_at <= ingest.clock()
                           ORDER BY w.alert_id LIMIT p_limit FOR UPDATE SKIP LOCKED)
    RETURNING a.*)
  SELECT coalesce(jsonb_agg(jsonb_build_object('alert_id', a.alert_id, 'tenant_id', a.tenant_id, 'tenant', t.slug,
           'kind', a.kind, 'code', a.code, 'message', a.message, 'details', a.details,
           'created_at', ingest.iso(a.created_at), 'attempts', a.attempts) ORDER BY a.alert_id), '[]') INTO v_alerts
    FROM taken AS a JOIN ingest.tenant AS t ON t.tenant_id = a.tenant_id;
  RETURN v_alerts;
END
$$;
COMMENT ON FUNCTION ingest.next_alerts(text, integer) IS 'Alerts to send now; each is the caller''s for 60 seconds.';

CREATE FUNCTION ingest.finish_alert(p_alert_id bigint, p_ok boolean, p_problem text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.finish_alert');
  UPDATE ingest.alert AS a
     SET sent_at = CASE WHEN p_ok THEN ingest.clock() END,
         last_problem = CASE WHEN NOT p_ok THEN ingest.plain_text(coalesce(p_problem, 'not said')) END,
         next_attempt_at = ingest.clock() + least(interval '30 seconds' * power(2, least(a.attempts - 1, 12)), interval '1 hour')
   WHERE a.alert_id = p_alert_id AND a.sent_at IS NULL;
END
$$;
COMMENT ON FUNCTION ingest.finish_alert(bigint, boolean, text) IS 'The alert was sent, or is tried again after 30 s, 1 min, 2 min … at most an hour.';

CREATE FUNCTION ingest.delivery_rows(p_tenant_id uuid, p_days integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'tenant', r.slug, 'date', r.delivery_date, 'name', r.delivery_name, 'state', r.state, 'missing', r.missing,
           'deadline_at', ingest.iso(r.deadline_at), 'state_changed_at', ingest.iso(r.state_changed_at),
           'files', (SELECT coalesce(jsonb_object_agg(c.state, c.n), '{}') FROM (
               SELECT f.state, count(*) AS n FROM ingest.job_file AS f
                WHERE f.tenant_id = r.tenant_id AND f.delivery_date = r.delivery_date AND f.delivery_name = r.delivery_name
                  AND f.split_of IS NULL GROUP BY f.state) AS c)) ORDER BY r.slug, r.delivery_date DESC, r.delivery_name), '[]')
    FROM (SELECT d.*, t.slug FROM ingest.delivery AS d JOIN ingest.tenant AS t ON t.tenant_id = d.tenant_id
           WHERE (p_tenant_id IS NULL OR d.tenant_id = p_tenant_id)
             AND d.delivery_date > (ingest.clock() AT TIME ZONE t.time_zone)::date - p_days) AS r
$$;
COMMENT ON FUNCTION ingest.delivery_rows(uuid, integer) IS 'Deliveries of the last days with counts of their files by state.';

CREATE FUNCTION ingest.delivery_report(p_slug text DEFAULT NULL, p_days integer DEFAULT 7) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.delivery_report');
  RETURN ingest.delivery_rows(CASE WHEN p_slug IS NOT NULL THEN ingest.tenant_by_slug(p_slug) END, coalesce(p_days, 7));
END
$$;
COMMENT ON FUNCTION ingest.delivery_report(text, integer) IS 'Deliveries of the last days, of one agency or all.';

CREATE FUNCTION ingest.tenant_report() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.tenant_report');
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'tenant', t.slug, 'display_name', t.display_name, 'time_zone', t.time_zone, 'state', t.state,
        'reason', t.state_reason, 'since', ingest.iso(t.state_changed_at), 'halted_by_file', t.halted_by_file,
        'scheduler', CASE WHEN t.scheduler_failed_at IS NOT NULL THEN jsonb_build_object('problem', t.scheduler_problem,
                       'since', ingest.iso(t.scheduler_failed_at)) END,
        'wait', (SELECT jsonb_build_object('job_file_id', w.job_file_id, 'relative_path', f.relative_path, 'reason', w.reason,
                          'missing', w.missing, 'since', ingest.iso(w.since), 'until', ingest.iso(w.until))
                   FROM ingest.pending_wait AS w JOIN ingest.job_file AS f ON f.job_file_id = w.job_file_id
                  WHERE w.tenant_id = t.tenant_id),
        'lease', (SELECT jsonb_build_object('worker', l.holder, 'step', l.step, 'job_file_id', l.job_file_id,
                          'expires_at', ingest.iso(l.expires_at))
                    FROM ingest.lease AS l WHERE l.tenant_id = t.tenant_id AND l.holder IS NOT NULL),
        'files', (SELECT coalesce(jsonb_object_agg(c.state, c.n), '{}') FROM (
             SELECT f.state, count(*) AS n FROM ingest.job_file AS f WHERE f.tenant_id = t.tenant_id GROUP BY f.state) AS c),
        'stale', (SELECT coalesce(jsonb_agg(jsonb_build_object('file_tag', s.file_tag, 'since', ingest.iso(s.since)) ORDER BY s.file_tag), '[]')
                    FROM ingest.stale_tag AS s WHERE s.tenant_id = t.tenant_id),
        'agent', (SELECT jsonb_build_object('cause', w.cause, 'last_seen_at', ingest.iso(w.last_seen_at))
                    FROM ingest.why_silent(t.tenant_id) AS w),
        'failing', (SELECT coalesce(jsonb_agg(jsonb_build_object('job_file_id', f.job_file_id, 'relative_path', f.relative_path,
                             'state', f.state, 'attempt', f.attempt_count, 'error', f.error,
                             'next_attempt_at', ingest.iso(f.next_attempt_at)) ORDER BY f.opened_seq), '[]')
                      FROM ingest.job_file AS f
                     WHERE f.tenant_id = t.tenant_id AND f.error IS NOT NULL
                       AND f.state IN ('received', 'verified', 'staged', 'processed'))) ORDER BY t.slug), '[]')
      FROM ingest.tenant AS t);
END
$$;
COMMENT ON FUNCTION ingest.tenant_report() IS
  'Every agency: state and why, what it waits for, who works on it, files by state, what is stale, steps that fail.';
