-- 0043 A tag that has not come for too long is told of, and whether its agent is at work tells where to look.
-- Why:    an export that is switched off makes no error anywhere; and "no export" and "agent down" are mended by different people.
-- Needs:  0042.   Locks: ingest.alert for an instant; ingest.job_file while an index is built.
-- Rule:   released migrations are never edited; add the next number.

INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('agent_silent_s', '900', false, 'An agent that was not heard of for so long counts as down.');

CREATE INDEX job_file_by_tag_and_opening ON ingest.job_file (tenant_id, file_tag, opened_at) WHERE precedence = 1 AND split_of IS NULL;

ALTER TABLE ingest.alert DROP CONSTRAINT an_alert_is_of_a_known_kind;
ALTER TABLE ingest.alert ADD CONSTRAINT an_alert_is_of_a_known_kind CHECK (kind IN (
  'tenant_halted', 'step_exhausted', 'file_missing', 'file_refused', 'delivery_late', 'file_stale', 'ledger_diverged', 'ledger_replaced',
  'agent_key_changed', 'scheduler_failed'));
COMMENT ON COLUMN ingest.alert.kind IS 'tenant_halted, step_exhausted, file_missing, file_refused, delivery_late, file_stale, ledger_diverged, ledger_replaced, agent_key_changed or scheduler_failed.';

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
ALTER TABLE ingest.stale_tag ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ingest.stale_tag TO authenticated;
CREATE POLICY members_read_their_tenants_rows ON ingest.stale_tag FOR SELECT TO authenticated
  USING (tenant_id IN (SELECT ingest.my_tenants()));

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

CREATE OR REPLACE FUNCTION ingest.sweep() RETURNS integer
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

CREATE OR REPLACE FUNCTION ingest.alert_of_delivery(p_delivery ingest.delivery, p_kind text) RETURNS void
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

CREATE OR REPLACE FUNCTION ingest.tenant_report() RETURNS jsonb
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
