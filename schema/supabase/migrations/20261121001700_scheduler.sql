-- 0017 ingest.claim_next: the one next step of an agency, in its order, under a lease.
-- Why:    what is ingested next is decided in one place, once, for any number of workers (docs/decisions/0005).
-- Needs:  0016.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- What is next --------------------------------------------------------------------------------------

CREATE TYPE ingest.due_step AS (job_file_id uuid, step text);
COMMENT ON TYPE ingest.due_step IS 'A file and the step that is due for it.';

CREATE FUNCTION ingest.is_split_due(p_file ingest.job_file) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT NOT p_file.is_split_judged AND p_file.part_count = 1
     AND coalesce(s.spec ->> 'format', 'csv') IN ('csv', 'jsonl', 'fixed_width')
     AND coalesce(s.spec ->> 'container', 'none') = 'none' AND s.spec ->> 'quirk' IS NULL
     AND (p_file.size_bytes > (s.spec ->> 'split_bytes')::bigint OR p_file.size_bytes > 2 * (s.spec ->> 'split_rows')::bigint)
    FROM ingest.file_spec AS s
   WHERE s.tenant_id = p_file.tenant_id AND s.file_tag = p_file.file_tag AND s.version = p_file.file_spec_version
$$;
COMMENT ON FUNCTION ingest.is_split_due(ingest.job_file) IS
  'Must central look whether this file is to be split? A record takes two bytes at least, so size tells most that need not.';

-- Required tags of lower rank in the file's delivery that nothing of is settled.
CREATE FUNCTION ingest.missing_before(p_file ingest.job_file) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(array_agg(f.entry ->> 'file_tag' ORDER BY (f.entry ->> 'rank')::integer, f.entry ->> 'file_tag'), '{}')
    FROM ingest.delivery AS d
    JOIN ingest.delivery_plan AS p ON p.tenant_id = d.tenant_id AND p.version = d.plan_version,
         jsonb_array_elements(p.plan -> 'files') AS f (entry)
   WHERE d.tenant_id = p_file.tenant_id AND d.delivery_date = p_file.delivery_date AND d.delivery_name = p_file.delivery_name
     AND p_file.precedence = 1 AND (f.entry ->> 'required')::boolean AND ingest.is_expected(p.plan, d.delivery_date)
     AND (f.entry ->> 'rank')::integer < ingest.tag_rank(p.plan, p_file.file_tag)
     AND NOT EXISTS (SELECT FROM ingest.job_file AS o
                      WHERE o.tenant_id = p_file.tenant_id AND o.delivery_date = p_file.delivery_date
                        AND o.file_tag = f.entry ->> 'file_tag' AND o.delivery_name = p_file.delivery_name
                        AND (o.state IN ('staged', 'processed', 'archived', 'duplicate') OR o.skipped_at IS NOT NULL))
$$;
COMMENT ON FUNCTION ingest.missing_before(ingest.job_file) IS 'Tags that the plan stages before this file and that have not been yet.';

-- The first file in order: the step it is due for, 'wait', or 'again' when it was refused and the next is first.
CREATE FUNCTION ingest.judge_candidate(p_file ingest.job_file) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_plan  ingest.delivery_plan;
  v_set   ingest.set_state;
  v_names text[];
  v_until timestamptz;
  v_due   boolean := p_file.next_attempt_at <= ingest.clock();
BEGIN
  IF p_file.state = 'received' THEN
    RETURN CASE WHEN v_due THEN 'verify' ELSE 'wait' END;
  END IF;
  v_plan := ingest.current_plan(p_file.tenant_id);
  IF v_plan.plan ->> 'older_files' = 'refuse' AND NOT p_file.allow_older
     AND NOT (SELECT j.allow_older FROM ingest.job AS j WHERE j.job_id = p_file.job_id)
     AND p_file.delivery_date < (SELECT max(f.delivery_date) FROM ingest.job_file AS f
                                  WHERE f.tenant_id = p_file.tenant_id AND f.file_tag = p_file.file_tag
                                    AND f.state IN ('staged', 'processed', 'archived')
                                    -- A wrong date far ahead in one name must not shut out every night after it.
                                    AND f.delivery_date <= (ingest.clock() AT TIME ZONE 'UTC')::date + 2) THEN
    PERFORM ingest.alert_of_refusal(p_file, 'WB-2113', 'a newer file of its tag is processed already');
    PERFORM ingest.refuse_one(p_file,
      '{"code": "WB-2113", "message": "a newer file of this tag is processed already"}', 'central', false);
    RETURN 'again';
  ELSIF ingest.is_split_due(p_file) THEN
    RETURN CASE WHEN v_due THEN 'split' ELSE 'wait' END;
  END IF;
  v_set := ingest.settle_set(p_file);
  IF v_set.verdict = 'refused' THEN
    RETURN 'again';
  ELSIF v_set.verdict = 'waits' THEN
    PERFORM ingest.note_wait(p_file, 'set', v_set.missing, v_set.until);
    RETURN 'wait';
  END IF;
  IF p_file.precedence = 1 THEN
    v_names := ARRAY(SELECT ingest.plain_text(j.job_key) FROM ingest.job AS j
                      WHERE j.tenant_id = p_file.tenant_id AND j.precedence = 0 AND j.state <> 'complete' ORDER BY j.opened_at LIMIT 20);
    IF v_names <> '{}' THEN
      PERFORM ingest.note_wait(p_file, 'history', v_names, NULL);
      RETURN 'wait';
    END IF;
    v_names := ingest.missing_before(p_file);
    v_until := p_file.verified_at + make_interval(secs => (v_plan.plan ->> 'wait_s')::double precision);
    IF v_names <> '{}' AND v_until > ingest.clock() THEN
      PERFORM ingest.note_wait(p_file, 'files', v_names, v_until);
      RETURN 'wait';
    ELSIF v_names <> '{}' AND v_due AND NOT EXISTS (
      SELECT FROM ingest.job_event AS e WHERE e.job_file_id = p_file.job_file_id AND e.event = 'ran_without') THEN
      PERFORM ingest.append_event(p_file.tenant_id, 'ran_without', 'central', p_file.job_id, p_file.job_file_id,
        p_details => jsonb_build_object('missing', v_names));
    END IF;
  END IF;
  DELETE FROM ingest.pending_wait AS w WHERE w.tenant_id = p_file.tenant_id;
  RETURN CASE WHEN v_due THEN 'stage' ELSE 'wait' END;
END
$$;
COMMENT ON FUNCTION ingest.judge_candidate(ingest.job_file) IS
  'verify, split or stage; wait (and for what, in ingest.pending_wait); or again, when the file was refused.';

CREATE FUNCTION ingest.note_wait(p_file ingest.job_file, p_reason text, p_missing text[], p_until timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_old ingest.pending_wait;
BEGIN
  SELECT w.* INTO v_old FROM ingest.pending_wait AS w WHERE w.tenant_id = p_file.tenant_id;
  IF (v_old.job_file_id, v_old.reason, v_old.missing, v_old.until)
     IS NOT DISTINCT FROM (p_file.job_file_id, p_reason, p_missing, p_until) THEN
    RETURN;
  END IF;
  INSERT INTO ingest.pending_wait AS w (tenant_id, job_file_id, reason, missing, since, until)
  VALUES (p_file.tenant_id, p_file.job_file_id, p_reason, p_missing, ingest.clock(), p_until)
  ON CONFLICT (tenant_id) DO UPDATE SET job_file_id = excluded.job_file_id, reason = excluded.reason,
    missing = excluded.missing, since = excluded.since, until = excluded.until;
  IF NOT EXISTS (SELECT FROM ingest.job_event AS e WHERE e.job_file_id = p_file.job_file_id
                    AND e.event = 'waiting' AND e.details -> 'missing' = to_jsonb(p_missing)) THEN
    PERFORM ingest.append_event(p_file.tenant_id, 'waiting', 'central', p_file.job_id, p_file.job_file_id,
      p_details => jsonb_build_object('reason', p_reason, 'missing', p_missing, 'until', ingest.iso(p_until)));
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_wait(ingest.job_file, text, text[], timestamptz) IS
  'Keeps the tenant''s one pending wait, and appends waiting once for each thing that a file waits for.';

-- Files whose delivery is over, or that a later delivery has overtaken, go to the archive.
CREATE FUNCTION ingest.next_to_archive(p_tenant_id uuid) RETURNS ingest.job_file
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT (f).* FROM ingest.job AS j
    LEFT JOIN ingest.delivery AS d ON d.tenant_id = j.tenant_id AND d.delivery_date = j.delivery_date
                                  AND d.delivery_name = j.delivery_name
    -- One file of each job, by index: a job that is not over may hold many that are processed.
    CROSS JOIN LATERAL (SELECT o AS f FROM ingest.job_file AS o
                         WHERE o.job_id = j.job_id AND o.state = 'processed' AND o.next_attempt_at <= ingest.clock()
                         ORDER BY o.opened_seq LIMIT 1) AS due
   WHERE j.tenant_id = p_tenant_id
     AND (d.state IN ('complete', 'closed')
          OR d.plan_version IS NULL AND j.state <> 'open'
          OR d.state = 'partial' AND NOT EXISTS (
               SELECT FROM ingest.job AS o WHERE o.tenant_id = j.tenant_id AND o.delivery_date = j.delivery_date
                  AND o.delivery_name = j.delivery_name AND o.state = 'open')
          OR j.delivery_date < (SELECT max(l.delivery_date) FROM ingest.job_file AS l
                                 WHERE l.tenant_id = p_tenant_id AND l.state IN ('staged', 'processed', 'archived')))
   ORDER BY j.delivery_date, (f).opened_seq LIMIT 1
$$;
COMMENT ON FUNCTION ingest.next_to_archive(uuid) IS 'The next processed file that may be archived, or a row of nulls.';

-- The caller holds the tenant's lock.
CREATE FUNCTION ingest.next_step(p_tenant_id uuid) RETURNS ingest.due_step
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
  v_step text;
BEGIN
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.tenant_id = p_tenant_id AND f.state = 'staged' AND f.next_attempt_at <= ingest.clock()
   ORDER BY f.delivery_date, f.opened_seq LIMIT 1;
  IF FOUND THEN
    RETURN ROW(v_file.job_file_id, 'rename'::text);
  END IF;
  LOOP
    SELECT f.* INTO v_file FROM ingest.job_file AS f
     WHERE f.tenant_id = p_tenant_id AND f.state IN ('received', 'verified')
     ORDER BY f.precedence, f.delivery_date, f.tag_rank, f.file_tag, f.chunk_number, f.set_seq, f.part_number, f.opened_seq LIMIT 1;
    IF NOT FOUND THEN
      DELETE FROM ingest.pending_wait AS w WHERE w.tenant_id = p_tenant_id;
      EXIT;
    END IF;
    v_step := ingest.judge_candidate(v_file);
    IF v_step NOT IN ('wait', 'again') THEN
      RETURN ROW(v_file.job_file_id, v_step);
    ELSIF (SELECT t.state FROM ingest.tenant AS t WHERE t.tenant_id = p_tenant_id) <> 'active' THEN
      RETURN NULL;
    END IF;
    EXIT WHEN v_step = 'wait';
  END LOOP;
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.tenant_id = p_tenant_id AND f.state = 'received' AND f.next_attempt_at <= ingest.clock()
   ORDER BY f.precedence, f.delivery_date, f.tag_rank, f.file_tag, f.chunk_number, f.set_seq, f.part_number, f.opened_seq LIMIT 1;
  IF FOUND THEN
    RETURN ROW(v_file.job_file_id, 'verify'::text);
  END IF;
  v_file := ingest.next_to_archive(p_tenant_id);
  IF v_file.job_file_id IS NOT NULL THEN
    RETURN ROW(v_file.job_file_id, 'archive'::text);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.next_step(uuid) IS
  'What is next for a tenant: rename what is staged; the first file in order; verify others while it waits; archive. Null = nothing now.';

-- The lease -----------------------------------------------------------------------------------------

CREATE FUNCTION ingest.describe_claim(p_file ingest.job_file, p_step text, p_fence bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
      'tenant_id', p_file.tenant_id, 'tenant', t.slug, 'fence', p_fence, 'step', p_step,
      'job_id', p_file.job_id, 'job_key', j.job_key, 'job_file_id', p_file.job_file_id,
      'bucket', p_file.bucket, 'object_path', p_file.object_path, 'target_path', ingest.target_path(p_file, p_step),
      'content_sha256', p_file.content_sha256, 'original_sha256', p_file.original_sha256,
      'size_bytes', p_file.size_bytes, 'file_tag', p_file.file_tag,
      'entity', p_file.entity, 'relative_path', p_file.relative_path, 'part_number', p_file.part_number,
      'part_count', p_file.part_count, 'first_source_row', p_file.first_source_row, 'split_of', p_file.split_of,
      'delivery_kind', j.kind)
    || jsonb_build_object(
      -- Rows that are newest already are not staged again: neither those of the dump when it comes again, nor
      -- those that one date's snapshot in a dump shares with the date before.
      'skip_known_rows', j.kind = 'history' AND EXISTS (
        SELECT FROM ingest.job_file AS o WHERE o.tenant_id = p_file.tenant_id AND o.entity = p_file.entity
           AND o.file_tag = p_file.file_tag AND o.state IN ('staged', 'processed', 'archived') AND o.job_id <> p_file.job_id),
      'spec', s.spec, 'spec_version', s.version, 'attempt', p_file.attempt_count)
    FROM ingest.tenant AS t, ingest.job AS j, ingest.file_spec AS s
   WHERE t.tenant_id = p_file.tenant_id AND j.job_id = p_file.job_id AND s.tenant_id = p_file.tenant_id
     AND s.file_tag = p_file.file_tag AND s.version = p_file.file_spec_version
$$;
COMMENT ON FUNCTION ingest.describe_claim(ingest.job_file, text, bigint) IS 'All that a worker needs to do one step of one file.';

CREATE FUNCTION ingest.pause_after(p_attempts bigint) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT least(interval '5 seconds' * power(2, least(p_attempts - 1, 16)), interval '15 minutes')
$$;
COMMENT ON FUNCTION ingest.pause_after(bigint) IS 'The pause after a failed attempt: 5 s, 10 s, 20 s … at most 15 min.';

CREATE FUNCTION ingest.alert_of_step(p_file ingest.job_file, p_step text, p_error jsonb) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  SELECT ingest.raise_alert(p_file.tenant_id, 'step_exhausted', p_error ->> 'code',
    format('%s: %s of %s failed %s times: %s', t.slug, p_step, ingest.plain_text(p_file.relative_path),
           p_file.attempt_count, p_error ->> 'message'),
    jsonb_build_object('job_file_id', p_file.job_file_id, 'file_tag', p_file.file_tag, 'step', p_step,
      'attempt', p_file.attempt_count, 'error', p_error))
    FROM ingest.tenant AS t WHERE t.tenant_id = p_file.tenant_id
$$;
COMMENT ON FUNCTION ingest.alert_of_step(ingest.job_file, text, jsonb) IS 'Raises step_exhausted: a step fails again and again, and is still tried.';

-- A worker vanished in the middle of a step. A file that does this again and again gets growing pauses.
CREATE FUNCTION ingest.note_lost_lease(p_lease ingest.lease) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
  v_over bigint;
BEGIN
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_lease.job_file_id;
  v_over := v_file.attempt_count - ingest.setting_bigint('max_attempts');
  IF v_over >= 0 THEN
    UPDATE ingest.job_file AS f SET next_attempt_at = ingest.clock() + ingest.pause_after(v_over + 1)
     WHERE f.job_file_id = p_lease.job_file_id;
  END IF;
  PERFORM ingest.append_event(p_lease.tenant_id, 'lease_expired', 'central', v_file.job_id, v_file.job_file_id,
    p_details => jsonb_build_object('worker', p_lease.holder, 'step', p_lease.step, 'attempt', v_file.attempt_count));
  PERFORM ingest.free_lease(p_lease.tenant_id, p_lease.job_file_id);
  IF v_over = 0 THEN
    PERFORM ingest.alert_of_step(v_file, p_lease.step, '{"code": "WB-5002", "message": "workers vanish in this step"}');
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.note_lost_lease(ingest.lease) IS
  'Records that a lease ran out and frees it; after max_attempts the file waits an hour.';

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

CREATE FUNCTION ingest.claim_next(p_worker text, p_lease_s integer DEFAULT NULL) RETURNS jsonb
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
COMMENT ON FUNCTION ingest.claim_next(text, integer) IS
  'Gives the caller one due step of a tenant nobody works for, or null; the tenant waiting longest comes first.';

CREATE FUNCTION ingest.heartbeat(p_tenant_id uuid, p_fence bigint, p_lease_s integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.heartbeat');
  UPDATE ingest.lease AS l
     SET expires_at = ingest.clock() + make_interval(secs => coalesce(p_lease_s, ingest.setting_bigint('lease_s')))
   WHERE l.tenant_id = p_tenant_id AND l.fence = p_fence AND l.holder IS NOT NULL;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION ingest.heartbeat(uuid, bigint, integer) IS
  'Prolongs a lease; false when it is lost, and the step must be dropped.';
