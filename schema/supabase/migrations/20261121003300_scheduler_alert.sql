-- 0033 ingest.claim_next tells people of an agency that it steps over.
-- Why:    a defect that one agency's records bring out stopped that agency with a line in the database's log only.
-- Needs:  0032.   Locks: ingest.tenant for an instant.
-- Rule:   released migrations are never edited; add the next number.

ALTER TABLE ingest.tenant
  ADD COLUMN scheduler_failed_at timestamptz,
  ADD COLUMN scheduler_problem   text,
  ADD CONSTRAINT a_failing_scheduler_says_why CHECK ((scheduler_failed_at IS NULL) = (scheduler_problem IS NULL));
COMMENT ON COLUMN ingest.tenant.scheduler_failed_at IS 'Since when no next step of it can be found, because the search fails; null while it works.';
COMMENT ON COLUMN ingest.tenant.scheduler_problem IS 'Where it fails: a WB code or SQLSTATE, and the function; never a value.';

-- The function that failed is the top of the context; its words may quote a value and are left out.
CREATE FUNCTION ingest.cause_of_failure(p_sqlstate text, p_message text, p_context text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT CASE WHEN p_sqlstate = 'PGRST' THEN coalesce(substring(p_message FROM '"code" ?: ?"(WB-[0-9]{4})"'), 'a refusal')
              ELSE 'SQLSTATE ' || p_sqlstate END
      || coalesce(' in ' || substring(
           regexp_replace(p_context, 'function ingest\.(refuse|malformed|not_possible)\(', '', 'g') FROM 'function ([a-z_]+\.[a-z_]+)\('), '')
$$;
COMMENT ON FUNCTION ingest.cause_of_failure(text, text, text) IS 'A failure in words that hold no value: its code and the function.';

-- One event and one alert for each agency and cause, however often it is polled.
CREATE FUNCTION ingest.note_scheduler_failure(p_tenant_id uuid, p_cause text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_tenant ingest.tenant;
BEGIN
  UPDATE ingest.tenant AS t SET scheduler_failed_at = ingest.clock(), scheduler_problem = p_cause
   WHERE t.tenant_id = p_tenant_id AND t.scheduler_problem IS DISTINCT FROM p_cause RETURNING t.* INTO v_tenant;
  IF FOUND THEN
    PERFORM ingest.append_event(p_tenant_id, 'scheduler_failed', 'central', p_details => jsonb_build_object('cause', p_cause));
    PERFORM ingest.raise_alert(p_tenant_id, 'scheduler_failed', 'WB-9001',
      format('%s is not worked for: its next step cannot be found (%s); other agencies go on', v_tenant.slug, p_cause),
      jsonb_build_object('cause', p_cause));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_scheduler_failure(uuid, text) IS 'Keeps, and tells once, that an agency''s next step cannot be found.';

CREATE FUNCTION ingest.note_scheduler_works(p_tenant_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  UPDATE ingest.tenant AS t SET scheduler_failed_at = NULL, scheduler_problem = NULL
   WHERE t.tenant_id = p_tenant_id AND t.scheduler_failed_at IS NOT NULL;
  IF FOUND THEN
    PERFORM ingest.append_event(p_tenant_id, 'scheduler_works', 'central');
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_scheduler_works(uuid) IS 'Ends what ingest.note_scheduler_failure kept: the next failure is told again.';

CREATE OR REPLACE FUNCTION ingest.claim_next(p_worker text, p_lease_s integer DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
  v_lease     ingest.lease;
  v_due       ingest.due_step;
  v_file      ingest.job_file;
  v_message   text;
  v_context   text;
  v_life      interval := make_interval(secs => coalesce(p_lease_s, ingest.setting_bigint('lease_s')));
BEGIN
  PERFORM ingest.authorize('ingest.claim_next');
  IF coalesce(length(btrim(p_worker)), 0) NOT BETWEEN 1 AND 200 OR v_life NOT BETWEEN '1 second' AND '1 day' THEN
    PERFORM ingest.malformed('a claim names its worker and asks for 1 second to 1 day');
  END IF;
  FOR v_tenant_id IN
    SELECT t.tenant_id FROM ingest.tenant AS t JOIN ingest.lease AS l ON l.tenant_id = t.tenant_id
     WHERE t.state = 'active' AND (l.holder IS NULL OR l.expires_at <= ingest.clock())
       AND (EXISTS (SELECT FROM ingest.job_file AS f WHERE f.tenant_id = t.tenant_id AND f.state IN ('received', 'verified'))
            OR EXISTS (SELECT FROM ingest.job_file AS f WHERE f.tenant_id = t.tenant_id AND f.state IN ('staged', 'processed')))
     ORDER BY l.claimed_at NULLS FIRST, t.tenant_id
  LOOP
    PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v_tenant_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    SELECT l.* INTO STRICT v_lease FROM ingest.lease AS l WHERE l.tenant_id = v_tenant_id FOR UPDATE;
    CONTINUE WHEN v_lease.holder IS NOT NULL AND v_lease.expires_at > ingest.clock();
    IF v_lease.holder IS NOT NULL THEN
      PERFORM ingest.note_lost_lease(v_lease);
    END IF;
    -- A defect that one agency's records bring out must not keep the others waiting.
    BEGIN
      v_due := ingest.next_step(v_tenant_id);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_context = PG_EXCEPTION_CONTEXT;
      PERFORM ingest.note_scheduler_failure(v_tenant_id, ingest.cause_of_failure(SQLSTATE, v_message, v_context));
      CONTINUE;
    END;
    PERFORM ingest.note_scheduler_works(v_tenant_id);
    CONTINUE WHEN v_due.job_file_id IS NULL;
    UPDATE ingest.job_file AS f SET attempt_count = f.attempt_count + 1
     WHERE f.job_file_id = v_due.job_file_id RETURNING f.* INTO v_file;
    UPDATE ingest.lease AS l
       SET fence = l.fence + 1, holder = btrim(p_worker), step = v_due.step, job_file_id = v_file.job_file_id,
           claimed_at = ingest.clock(), expires_at = ingest.clock() + v_life
     WHERE l.tenant_id = v_tenant_id RETURNING l.* INTO v_lease;
    RETURN ingest.describe_claim(v_file, v_due.step, v_lease.fence);
  END LOOP;
  RETURN NULL;
END
$$;

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
        'failing', (SELECT coalesce(jsonb_agg(jsonb_build_object('job_file_id', f.job_file_id, 'relative_path', f.relative_path,
                             'state', f.state, 'attempt', f.attempt_count, 'error', f.error,
                             'next_attempt_at', ingest.iso(f.next_attempt_at)) ORDER BY f.opened_seq), '[]')
                      FROM ingest.job_file AS f
                     WHERE f.tenant_id = t.tenant_id AND f.error IS NOT NULL
                       AND f.state IN ('received', 'verified', 'staged', 'processed'))) ORDER BY t.slug), '[]')
      FROM ingest.tenant AS t);
END
$$;
