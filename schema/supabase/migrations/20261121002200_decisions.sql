-- 0022 What people decide: resume, retry, skip, retire, close; each with a reason, a name and an event.
-- Why:    a halted agency needs a way on.
-- Needs:  0021.   Locks: none.
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

CREATE FUNCTION ingest.check_decision(p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF coalesce(length(btrim(p_reason)), 0) NOT BETWEEN 1 AND 500 OR coalesce(length(btrim(p_actor)), 0) NOT BETWEEN 1 AND 200
     OR ingest.plain_text(p_reason) <> p_reason OR ingest.plain_text(p_actor) <> p_actor THEN
    PERFORM ingest.refuse('WB-5006', 400, 'a decision names its reason (1 to 500 characters, no address) and who made it',
      'Give a reason in words.');
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.check_decision(text, text) IS 'Refuses (WB-5006) a decision without reason or name.';

-- The partner's whole file that a job_file stands for or is a part of.
CREATE FUNCTION ingest.whole_file(p_file ingest.job_file) RETURNS SETOF ingest.job_file
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT f.* FROM ingest.job_file AS f
   WHERE f.tenant_id = p_file.tenant_id
     AND (f.job_file_id = coalesce(p_file.split_of, p_file.job_file_id)
          OR f.split_of = coalesce(p_file.split_of, p_file.job_file_id)
          OR p_file.part_count > 1 AND p_file.split_of IS NULL AND f.part_count = p_file.part_count AND f.split_of IS NULL
             AND f.file_tag = p_file.file_tag AND f.original_sha256 = p_file.original_sha256 AND f.job_id = p_file.job_id)
   ORDER BY f.opened_seq
$$;
COMMENT ON FUNCTION ingest.whole_file(ingest.job_file) IS 'The file itself, or the split file and all its parts.';

-- Locks the tenant of a file and reads the file. A person's call names the tenant that it must be of.
CREATE FUNCTION ingest.file_to_decide(p_job_file_id uuid, p_tenant_id uuid) RETURNS ingest.job_file
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file ingest.job_file;
BEGIN
  SELECT f.* INTO v_file FROM ingest.job_file AS f
   WHERE f.job_file_id = p_job_file_id AND f.tenant_id = coalesce(p_tenant_id, f.tenant_id);
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2104', 404, 'no such file is registered here', 'Correct the id.');
  END IF;
  PERFORM ingest.lock_tenant(v_file.tenant_id);
  SELECT f.* INTO STRICT v_file FROM ingest.job_file AS f WHERE f.job_file_id = p_job_file_id;
  RETURN v_file;
END
$$;
COMMENT ON FUNCTION ingest.file_to_decide(uuid, uuid) IS 'The file that a decision is about, with its tenant locked; refused (WB-2104) when there is none.';

CREATE FUNCTION ingest.reactivate(p_tenant_id uuid, p_reason text, p_actor text) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  UPDATE ingest.tenant AS t
     SET state = 'active', state_reason = p_reason, state_changed_at = ingest.clock(), halted_by_file = NULL
   WHERE t.tenant_id = p_tenant_id AND t.state = 'halted';
  IF FOUND THEN
    UPDATE ingest.job_file AS f SET next_attempt_at = ingest.clock()
     WHERE f.tenant_id = p_tenant_id AND f.state IN ('received', 'verified', 'staged', 'processed')
       AND f.next_attempt_at > ingest.clock();
    PERFORM ingest.append_event(p_tenant_id, 'tenant_resumed', p_actor, p_details => jsonb_build_object('reason', p_reason));
  END IF;
  RETURN (SELECT t.state FROM ingest.tenant AS t WHERE t.tenant_id = p_tenant_id);
END
$$;
COMMENT ON FUNCTION ingest.reactivate(uuid, text, text) IS 'Ends a halt: steps that failed are due at once; an agency that is not halted stays as it is.';

-- After a decision about a file: its agency goes on if this file is what halted it.
CREATE FUNCTION ingest.resume_after(p_file ingest.job_file, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF EXISTS (SELECT FROM ingest.tenant AS t JOIN ingest.whole_file(p_file) AS w ON w.job_file_id = t.halted_by_file
              WHERE t.tenant_id = p_file.tenant_id AND t.state = 'halted') THEN
    PERFORM ingest.reactivate(p_file.tenant_id, p_reason, p_actor);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.resume_after(ingest.job_file, text, text) IS 'Resumes an agency that this file had halted.';

CREATE FUNCTION ingest.do_retry(p_file ingest.job_file, p_reason text, p_actor text, p_options jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file    ingest.job_file;
  v_count   integer := 0;
  v_details jsonb := jsonb_build_object('reason', p_reason);
BEGIN
  IF jsonb_typeof(coalesce(p_options, '{}')) <> 'object' OR coalesce(jsonb_typeof(p_options -> 'allow_older'), 'boolean') <> 'boolean' THEN
    PERFORM ingest.malformed('options is an object; allow_older is a boolean');
  ELSIF (p_options ->> 'allow_older')::boolean THEN
    v_details := v_details || '{"allow_older": true}';
  END IF;
  IF EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state = 'retired' AND NOT ingest.is_reopenable(w)) THEN
    PERFORM ingest.not_possible('a file of which a part is retired is not retried; let the agency export it again');
  ELSIF EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state = 'refused' AND w.error_code = 'WB-2115') THEN
    PERFORM ingest.not_possible('the agency changed or removed this file before it was sent: there is nothing to read; let it export the file again');
  END IF;
  -- With a chunk goes the rest of its set, as far as it was given up only because the set was not whole.
  FOR v_file IN
    SELECT DISTINCT w.* FROM (
        SELECT p_file AS file
        UNION ALL SELECT m FROM ingest.set_members(p_file, 'chunk') AS m
                   WHERE p_file.chunk_count > 1 AND m.error_code = 'WB-2111' AND m.skipped_at IS NULL) AS s,
      LATERAL ingest.whole_file(s.file) AS w
     WHERE ingest.is_reopenable(w) ORDER BY w.split_of NULLS FIRST, w.opened_seq
  LOOP
    -- Of a file that is cut again, the cut reopens the parts; of one that was registered anew, the new one counts.
    CONTINUE WHEN v_file.split_of IS NOT NULL AND (v_file.object_path IS NULL
        OR (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = v_file.split_of) <> 'split')
      OR v_file.state = 'retired' AND EXISTS (
        SELECT FROM ingest.whole_file(v_file) AS w
         WHERE w.part_number = v_file.part_number AND w.split_of IS NOT DISTINCT FROM v_file.split_of
           AND w.relative_path = v_file.relative_path AND w.job_file_id <> v_file.job_file_id AND w.state <> 'retired');
    PERFORM ingest.reopen_file(v_file, p_actor, v_details);
    v_count := v_count + 1;
  END LOOP;
  IF v_count = 0 THEN
    PERFORM ingest.not_possible(format('a file that is %s is not retried; only a refused one is', p_file.state));
  END IF;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('files', v_count,
    'state', (SELECT f.state FROM ingest.job_file AS f WHERE f.job_file_id = p_file.job_file_id));
END
$$;
COMMENT ON FUNCTION ingest.do_retry(ingest.job_file, text, text, jsonb) IS
  'Retries a refused file with all parts of it that were refused or taken back.';

CREATE FUNCTION ingest.do_skip(p_file ingest.job_file, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_count integer := 0;
BEGIN
  FOR v_file IN SELECT w.* FROM ingest.whole_file(p_file) AS w
                 WHERE w.state IN ('awaiting_upload', 'received', 'verified', 'split')
                    OR ingest.is_reopenable(w) AND w.skipped_at IS NULL LOOP
    PERFORM ingest.move_file(v_file.job_file_id, 'skipped', p_actor, jsonb_build_object('reason', p_reason),
      coalesce(CASE WHEN ingest.is_reopenable(v_file) THEN v_file.error END, jsonb_build_object('code', 'WB-2116', 'message', 'set aside by the central team: ' || p_reason)));
    v_count := v_count + 1;
  END LOOP;
  IF v_count = 0 AND p_file.skipped_at IS NULL THEN
    PERFORM ingest.not_possible(format('a file that is %s is not skipped', p_file.state));
  END IF;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('files', v_count, 'state', 'refused');
END
$$;
COMMENT ON FUNCTION ingest.do_skip(ingest.job_file, text, text) IS 'Sets a file aside with all unstaged parts of it: it counts as settled.';

CREATE FUNCTION ingest.do_retire(p_file ingest.job_file, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_file  ingest.job_file;
  v_all   bigint := 0;
  v_count integer := 0;
  v_more  jsonb := jsonb_build_object('reason', p_reason);
  v_error jsonb := jsonb_build_object('code', 'WB-2117', 'message', 'its rows were taken out by the central team: ' || p_reason);
BEGIN
  IF NOT EXISTS (SELECT FROM ingest.whole_file(p_file) AS w WHERE w.state IN ('staged', 'processed', 'archived')) THEN
    PERFORM ingest.not_possible(format('a file that is %s has no rows to retire', p_file.state));
  END IF;
  FOR v_file IN SELECT w.* FROM ingest.whole_file(p_file) AS w LOOP
    IF v_file.state IN ('staged', 'processed', 'archived', 'split') THEN
      v_all := v_all + ingest.take_back(v_file, v_error, p_actor, v_more);
      v_count := v_count + 1;
    ELSIF v_file.state IN ('awaiting_upload', 'received', 'verified') THEN
      PERFORM ingest.move_file(v_file.job_file_id, 'skipped', p_actor, v_more, v_error);
    END IF;
  END LOOP;
  PERFORM ingest.resume_after(p_file, p_reason, p_actor);
  RETURN jsonb_build_object('rows', v_all, 'files', v_count, 'state', 'retired');
END
$$;
COMMENT ON FUNCTION ingest.do_retire(ingest.job_file, text, text) IS
  'Removes the staged rows of a file and all its parts; the same content may come again.';

-- An agent that is gone closes nothing: its delivery would stay open, and history that it began would go
-- ahead of nightly files for ever.
CREATE FUNCTION ingest.close_job(p_slug text, p_job_key text, p_reason text, p_actor text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
  v_job       ingest.job;
BEGIN
  PERFORM ingest.authorize('ingest.close_job');
  PERFORM ingest.check_decision(p_reason, p_actor);
  v_tenant_id := ingest.tenant_by_slug(p_slug);
  PERFORM ingest.lock_tenant(v_tenant_id);
  SELECT j.* INTO v_job FROM ingest.job AS j WHERE j.tenant_id = v_tenant_id AND j.job_key = p_job_key;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2102', 404, 'no job of this agency has this key', 'Correct the job key.');
  ELSIF v_job.state = 'open' THEN
    PERFORM ingest.end_job(v_job, p_reason, 'operator:' || p_actor);
  END IF;
  RETURN (SELECT j.state FROM ingest.job AS j WHERE j.job_id = v_job.job_id);
END
$$;
COMMENT ON FUNCTION ingest.close_job(text, text, text, text) IS
  'An operator closes a job whose agent is gone; files that were never sent are skipped on their own; returns the job''s state.';

CREATE FUNCTION ingest.resume_tenant(p_slug text, p_reason text, p_actor text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  PERFORM ingest.authorize('ingest.resume_tenant');
  PERFORM ingest.check_decision(p_reason, p_actor);
  v_tenant_id := ingest.tenant_by_slug(p_slug);
  PERFORM ingest.lock_tenant(v_tenant_id);
  RETURN ingest.reactivate(v_tenant_id, p_reason, 'operator:' || p_actor);
END
$$;
COMMENT ON FUNCTION ingest.resume_tenant(text, text, text) IS 'An operator lets a halted agency go on; returns its state.';

CREATE FUNCTION ingest.retry_file(p_job_file_id uuid, p_reason text, p_actor text, p_options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.retry_file');
  PERFORM ingest.check_decision(p_reason, p_actor);
  RETURN ingest.do_retry(ingest.file_to_decide(p_job_file_id, NULL), p_reason, 'operator:' || p_actor, p_options);
END
$$;
COMMENT ON FUNCTION ingest.retry_file(uuid, text, text, jsonb) IS
  'An operator has a refused file read again, by the newest spec; option allow_older stages it though newer ones are processed.';

CREATE FUNCTION ingest.skip_file(p_job_file_id uuid, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.skip_file');
  PERFORM ingest.check_decision(p_reason, p_actor);
  RETURN ingest.do_skip(ingest.file_to_decide(p_job_file_id, NULL), p_reason, 'operator:' || p_actor);
END
$$;
COMMENT ON FUNCTION ingest.skip_file(uuid, text, text) IS 'An operator sets a refused or waiting file aside: nothing waits for it any more.';

CREATE FUNCTION ingest.retire_file(p_job_file_id uuid, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.authorize('ingest.retire_file');
  PERFORM ingest.check_decision(p_reason, p_actor);
  RETURN ingest.do_retire(ingest.file_to_decide(p_job_file_id, NULL), p_reason, 'operator:' || p_actor);
END
$$;
COMMENT ON FUNCTION ingest.retire_file(uuid, text, text) IS 'An operator removes the staged rows of a file; returns how many rows of how many files.';

CREATE FUNCTION public.ingest_decide(
  action text, tenant text, job_file_id uuid DEFAULT NULL, reason text DEFAULT NULL, options jsonb DEFAULT '{}'
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid := (SELECT t.tenant_id FROM ingest.tenant AS t WHERE t.slug = ingest_decide.tenant);
  v_actor     text := (ingest.authorize('public.ingest_decide', v_tenant_id)).actor;
  v_file      ingest.job_file;
BEGIN
  PERFORM ingest.check_decision(ingest_decide.reason, v_actor);
  IF ingest_decide.action = 'resume' THEN
    PERFORM ingest.lock_tenant(v_tenant_id);
    RETURN jsonb_build_object('state', ingest.reactivate(v_tenant_id, ingest_decide.reason, v_actor));
  ELSIF ingest_decide.action IS NULL OR ingest_decide.action NOT IN ('retry', 'skip', 'retire') THEN
    PERFORM ingest.malformed('action is resume, retry, skip or retire');
  END IF;
  v_file := ingest.file_to_decide(ingest_decide.job_file_id, v_tenant_id);
  RETURN CASE ingest_decide.action
    WHEN 'retry' THEN ingest.do_retry(v_file, ingest_decide.reason, v_actor, ingest_decide.options)
    WHEN 'skip' THEN ingest.do_skip(v_file, ingest_decide.reason, v_actor)
    ELSE ingest.do_retire(v_file, ingest_decide.reason, v_actor) END;
END
$$;
COMMENT ON FUNCTION public.ingest_decide(text, text, uuid, text, jsonb) IS
  'A signed-in operator of the agency resumes it, or retries, skips or retires one of its files.';

CREATE FUNCTION public.ingest_deliveries(tenant text, days integer DEFAULT 7) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid := (SELECT t.tenant_id FROM ingest.tenant AS t WHERE t.slug = ingest_deliveries.tenant);
BEGIN
  PERFORM ingest.authorize('public.ingest_deliveries', v_tenant_id);
  RETURN jsonb_build_object(
    'tenant', (SELECT jsonb_build_object('state', t.state, 'reason', t.state_reason) FROM ingest.tenant AS t WHERE t.tenant_id = v_tenant_id),
    'deliveries', ingest.delivery_rows(v_tenant_id, least(greatest(coalesce(ingest_deliveries.days, 7), 1), 366)));
END
$$;
COMMENT ON FUNCTION public.ingest_deliveries(text, integer) IS 'A signed-in member sees the agency''s deliveries of the last days.';
