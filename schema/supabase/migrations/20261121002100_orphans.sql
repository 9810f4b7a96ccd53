-- 0021 Orphans: stored objects that no file wants any more are found, recorded, and removed by the worker.
-- Why:    uploads that came for a path that was given up stayed in the bucket for ever.
-- Needs:  0020.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

-- Judges one object under its tenant's lock, and records it as an orphan before anything is removed.
CREATE FUNCTION ingest.note_orphan(p_bucket text, p_path text) RETURNS boolean
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_until  timestamptz := ingest.clock() - make_interval(secs => ingest.setting_bigint('orphan_grace_s'));
  v_owner  ingest.job_file;
  v_named  ingest.job_file;
  v_object storage.objects;
  v_size   bigint;
  v_reason text;
BEGIN
  SELECT f.* INTO v_owner FROM ingest.job_file AS f WHERE f.job_file_id = ingest.file_of_path(p_path) AND f.bucket = p_bucket;
  SELECT o.* INTO v_object FROM storage.objects AS o WHERE o.bucket_id = p_bucket AND o.name = p_path AND o.metadata ? 'eTag';
  IF v_owner.job_file_id IS NULL OR v_object.id IS NULL OR greatest(v_object.created_at, v_object.updated_at) > v_until THEN
    RETURN false;
  END IF;
  SELECT f.* INTO v_named FROM ingest.job_file AS f WHERE f.bucket = p_bucket AND f.object_path = p_path;
  v_size := CASE WHEN v_object.metadata ->> 'size' ~ '^[0-9]{1,18}$' THEN (v_object.metadata ->> 'size')::bigint ELSE -1 END;
  v_reason := CASE WHEN v_named.job_file_id IS NOT NULL THEN ingest.judge_named_object(v_named, v_size)
                   ELSE ingest.judge_unnamed_object(v_owner, p_path) END;
  -- The grace begins when the last thing happened to its file: what a person has just decided may be decided otherwise.
  IF v_reason IS NULL OR EXISTS (SELECT FROM ingest.job_event AS e
       WHERE e.job_file_id = coalesce(v_named.job_file_id, v_owner.job_file_id) AND e.at > v_until AND e.event !~ '^orphan_') THEN
    RETURN false;
  END IF;
  INSERT INTO ingest.orphan (tenant_id, job_file_id, bucket, object_path, size_bytes, reason, found_at, next_attempt_at)
  VALUES (v_owner.tenant_id, coalesce(v_named.job_file_id, v_owner.job_file_id), p_bucket, p_path, v_size, v_reason, ingest.clock(), ingest.clock())
  ON CONFLICT (bucket, object_path) WHERE removed_at IS NULL DO NOTHING;
  IF FOUND THEN
    PERFORM ingest.append_event(v_owner.tenant_id, 'orphan_found', 'central', v_owner.job_id, coalesce(v_named.job_file_id, v_owner.job_file_id),
      p_details => jsonb_build_object('path', p_path, 'bucket', p_bucket, 'size_bytes', v_size, 'reason', v_reason));
  END IF;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION ingest.note_orphan(text, text) IS 'Records the object as an orphan if it is one and its grace is over; the caller holds the tenant''s lock.';

-- At a path that a row names: does the row still want it?
CREATE FUNCTION ingest.judge_named_object(p_file ingest.job_file, p_size bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE
    -- A retry reads a refused file from its path, unless the bytes were withdrawn or have another size. One that
    -- was cut goes on from its parts.
    WHEN p_file.state = 'refused' AND EXISTS (SELECT FROM ingest.job_file AS g
           WHERE g.split_of = p_file.job_file_id AND g.object_path IS NOT NULL) THEN NULL
    WHEN p_file.state = 'refused' AND p_file.withdrawn_at IS NOT NULL AND p_file.error_code IN ('WB-2114', 'WB-2115') THEN 'withdrawn'
    WHEN p_file.state = 'refused' AND p_file.split_of IS NULL AND p_size <> p_file.size_bytes THEN 'wrong_size'
    WHEN p_file.state = 'duplicate' AND (SELECT ingest.stored_size(g.bucket, g.object_path) = g.size_bytes
           FROM ingest.job_file AS g WHERE g.job_file_id = p_file.duplicate_of) THEN 'duplicate'
    END
$$;
COMMENT ON FUNCTION ingest.judge_named_object(ingest.job_file, bigint) IS 'Why the object at a file''s own path is not wanted any more; null when it is, or may be.';

-- At a path that no row names. Only what the log proves is removed: its file was there once and has left. A registry
-- that was restored from a backup knows less than the bucket, and what it does not know it must not touch. Nor is
-- anything removed while a file lacks the bytes that it should have: this may be the only copy, or on its way.
CREATE FUNCTION ingest.judge_unnamed_object(p_file ingest.job_file, p_path text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_stem   text := regexp_replace(p_path, '-part[0-9]{5}(\.[a-z0-9]{1,8})$', '\1');
  v_reason text;
BEGIN
  SELECT CASE WHEN bool_or(e.details ->> 'object_path' = p_path) THEN 'superseded'
              WHEN v_stem <> p_path AND bool_or(e.details ->> 'object_path' = v_stem) THEN 'cut_again' END INTO v_reason
    FROM ingest.job_event AS e
   WHERE e.job_file_id = p_file.job_file_id
      OR e.job_file_id IN (SELECT g.job_file_id FROM ingest.job_file AS g WHERE g.split_of = p_file.job_file_id);
  IF v_reason IS NULL
     -- A worker may be cutting the file just now, or again after a retry: to these very paths.
     OR v_stem <> p_path AND v_stem = p_file.object_path AND p_file.state NOT IN ('duplicate', 'retired') THEN
    RETURN NULL;
  END IF;
  IF EXISTS (
    SELECT FROM (SELECT p_file.* UNION ALL SELECT g.* FROM ingest.job_file AS g WHERE g.split_of = p_file.job_file_id) AS g
     WHERE g.state IN ('received', 'verified', 'split', 'staged', 'processed', 'archived')
       AND ingest.stored_size(g.bucket, g.object_path) IS DISTINCT FROM g.size_bytes) THEN
    RETURN NULL;
  END IF;
  RETURN v_reason;
END
$$;
COMMENT ON FUNCTION ingest.judge_unnamed_object(ingest.job_file, text) IS 'Why an object at a path that no file names any more may be removed; null when it may not.';

CREATE TYPE ingest.walked AS (path text, tenant_id uuid, is_known boolean, is_suspect boolean);
COMMENT ON TYPE ingest.walked IS 'An object of the bucket: whose it is, whether a registered file explains it, and whether it needs a judgement.';

CREATE FUNCTION ingest.walk_objects(p_bucket text, p_after text, p_limit integer) RETURNS SETOF ingest.walked
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT o.name, f.tenant_id, f.job_file_id IS NOT NULL,
         f.job_file_id IS NOT NULL
         AND NOT EXISTS (SELECT FROM ingest.job_file AS n WHERE n.bucket = p_bucket AND n.object_path = o.name
                            AND n.state NOT IN ('refused', 'duplicate'))
         AND NOT EXISTS (SELECT FROM ingest.orphan AS r WHERE r.bucket = p_bucket AND r.object_path = o.name AND r.removed_at IS NULL)
    FROM (SELECT s.name FROM storage.objects AS s
           WHERE s.bucket_id = p_bucket AND s.name > p_after ORDER BY s.name LIMIT p_limit) AS o
    LEFT JOIN ingest.job_file AS f ON f.job_file_id = ingest.file_of_path(o.name) AND f.bucket = p_bucket
   ORDER BY o.name
$$;
COMMENT ON FUNCTION ingest.walk_objects(text, text, integer) IS 'The next objects of a bucket after a path.';

CREATE FUNCTION ingest.find_orphans(p_limit integer DEFAULT 2000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_walk  ingest.orphan_walk;
  v       ingest.walked;
  v_last  text;
  v_seen  bigint := 0;
  v_alien bigint := 0;
  v_count integer := 0;
BEGIN
  PERFORM ingest.authorize('ingest.find_orphans');
  IF coalesce(p_limit, 0) NOT BETWEEN 1 AND 100000 THEN
    PERFORM ingest.malformed('a round looks at 1 to 100000 objects');
  END IF;
  INSERT INTO ingest.orphan_walk (bucket) VALUES (ingest.setting_text('bucket')) ON CONFLICT DO NOTHING;
  SELECT w.* INTO v_walk FROM ingest.orphan_walk AS w
   WHERE w.after_path <> '' OR w.ended_at IS NULL
      OR w.ended_at <= ingest.clock() - make_interval(secs => ingest.setting_bigint('orphan_walk_s'))
   ORDER BY w.ended_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  FOR v IN SELECT o.* FROM ingest.walk_objects(v_walk.bucket, v_walk.after_path, p_limit) AS o ORDER BY o.tenant_id, o.path LOOP
    v_seen := v_seen + 1;
    v_alien := v_alien + (NOT v.is_known)::integer;
    v_last := greatest(v_last, v.path);
    IF v.is_suspect THEN
      -- A tenant that is busy now is looked at with the next walk; never wait here.
      PERFORM FROM ingest.tenant_clock AS c WHERE c.tenant_id = v.tenant_id FOR UPDATE SKIP LOCKED;
      IF FOUND AND ingest.note_orphan(v_walk.bucket, v.path) THEN
        v_count := v_count + 1;
      END IF;
    END IF;
  END LOOP;
  UPDATE ingest.orphan_walk AS w
     SET (after_path, objects, unknown, ended_at, ended_objects, ended_unknown) = (
       SELECT CASE WHEN e.is_over THEN '' ELSE v_last END, CASE WHEN e.is_over THEN 0 ELSE e.objects END,
              CASE WHEN e.is_over THEN 0 ELSE e.unknown END, CASE WHEN e.is_over THEN ingest.clock() ELSE w.ended_at END,
              CASE WHEN e.is_over THEN e.objects ELSE w.ended_objects END, CASE WHEN e.is_over THEN e.unknown ELSE w.ended_unknown END
         FROM (SELECT v_seen < p_limit AS is_over, w.objects + v_seen AS objects, w.unknown + v_alien AS unknown) AS e)
   WHERE w.bucket = v_walk.bucket;
  RETURN v_count;
END
$$;
COMMENT ON FUNCTION ingest.find_orphans(integer) IS
  'Looks at the next objects of a bucket whose walk is due, records those that no file wants, and returns how many; removes nothing.';

CREATE FUNCTION ingest.next_orphans(p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_orphans jsonb;
BEGIN
  PERFORM ingest.authorize('ingest.next_orphans');
  IF coalesce(p_limit, 0) NOT BETWEEN 1 AND 1000 THEN
    PERFORM ingest.malformed('orphans are asked for 1 to 1000 at a time');
  END IF;
  WITH taken AS (
    UPDATE ingest.orphan AS r SET attempts = r.attempts + 1, next_attempt_at = ingest.clock() + interval '5 minutes'
     WHERE r.orphan_id IN (SELECT w.orphan_id FROM ingest.orphan AS w
                            WHERE w.removed_at IS NULL AND w.next_attempt_at <= ingest.clock()
                            ORDER BY w.next_attempt_at, w.orphan_id LIMIT p_limit FOR UPDATE SKIP LOCKED)
    RETURNING r.*)
  SELECT coalesce(jsonb_agg(jsonb_build_object('orphan_id', r.orphan_id, 'tenant', t.slug, 'bucket', r.bucket, 'object_path', r.object_path,
           'reason', r.reason, 'attempts', r.attempts) ORDER BY r.orphan_id), '[]') INTO v_orphans
    FROM taken AS r JOIN ingest.tenant AS t ON t.tenant_id = r.tenant_id;
  RETURN v_orphans;
END
$$;
COMMENT ON FUNCTION ingest.next_orphans(integer) IS 'Orphans to remove now; each is the caller''s for five minutes.';

CREATE FUNCTION ingest.finish_orphan(p_orphan_id bigint, p_problem text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v         ingest.orphan;
  v_problem text := p_problem;
BEGIN
  PERFORM ingest.authorize('ingest.finish_orphan');
  SELECT r.* INTO v FROM ingest.orphan AS r WHERE r.orphan_id = p_orphan_id;
  IF NOT FOUND THEN
    PERFORM ingest.malformed('no orphan has this number');
  END IF;
  PERFORM ingest.lock_tenant(v.tenant_id);
  -- Storage's word is no proof.
  IF v_problem IS NULL AND EXISTS (SELECT FROM storage.objects AS o WHERE o.bucket_id = v.bucket AND o.name = v.object_path) THEN
    v_problem := 'Storage says that it is removed, and it is still there';
  END IF;
  UPDATE ingest.orphan AS r
     SET removed_at = CASE WHEN v_problem IS NULL THEN ingest.clock() END, last_problem = ingest.plain_text(v_problem),
         next_attempt_at = ingest.clock() + least(interval '30 seconds' * power(2, least(greatest(r.attempts, 1) - 1, 12)), interval '1 hour')
   WHERE r.orphan_id = p_orphan_id AND r.removed_at IS NULL;
  IF FOUND AND v_problem IS NULL THEN
    PERFORM ingest.append_event(v.tenant_id, 'orphan_removed', 'central', (SELECT f.job_id FROM ingest.job_file AS f WHERE f.job_file_id = v.job_file_id),
      v.job_file_id, p_details => jsonb_build_object('path', v.object_path, 'bucket', v.bucket, 'size_bytes', v.size_bytes, 'reason', v.reason));
  END IF;
  RETURN v_problem IS NULL;
END
$$;
COMMENT ON FUNCTION ingest.finish_orphan(bigint, text) IS
  'The object is gone (true), or its removal is tried again after 30 s, 1 min, 2 min … at most an hour (false).';

CREATE FUNCTION ingest.orphan_report(p_slug text DEFAULT NULL, p_limit integer DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_tenant_id uuid;
BEGIN
  PERFORM ingest.authorize('ingest.orphan_report');
  v_tenant_id := CASE WHEN p_slug IS NOT NULL THEN ingest.tenant_by_slug(p_slug) END;
  RETURN jsonb_build_object(
    'buckets', (SELECT coalesce(jsonb_agg(jsonb_build_object('bucket', w.bucket, 'walked_at', ingest.iso(w.ended_at),
                  'objects', w.ended_objects, 'unknown', w.ended_unknown) ORDER BY w.bucket), '[]') FROM ingest.orphan_walk AS w),
    'counts', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.tenant, c.reason), '[]') FROM (
        SELECT t.slug AS tenant, r.reason, count(*) FILTER (WHERE r.removed_at IS NULL) AS waiting,
               count(*) FILTER (WHERE r.removed_at IS NOT NULL) AS removed,
               coalesce(sum(greatest(r.size_bytes, 0)) FILTER (WHERE r.removed_at IS NOT NULL), 0)::bigint AS removed_bytes
          FROM ingest.orphan AS r JOIN ingest.tenant AS t ON t.tenant_id = r.tenant_id
         WHERE v_tenant_id IS NULL OR r.tenant_id = v_tenant_id GROUP BY t.slug, r.reason) AS c),
    'orphans', (SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', o.slug, 'job_file_id', o.job_file_id, 'bucket', o.bucket,
                  'object_path', o.object_path, 'size_bytes', o.size_bytes, 'reason', o.reason, 'found_at', ingest.iso(o.found_at),
                  'removed_at', ingest.iso(o.removed_at), 'attempts', o.attempts, 'problem', o.last_problem)
                  ORDER BY o.removed_at IS NOT NULL, o.orphan_id DESC), '[]')
       FROM (SELECT r.*, t.slug FROM ingest.orphan AS r JOIN ingest.tenant AS t ON t.tenant_id = r.tenant_id
              WHERE v_tenant_id IS NULL OR r.tenant_id = v_tenant_id
              ORDER BY r.removed_at IS NOT NULL, r.orphan_id DESC LIMIT least(greatest(coalesce(p_limit, 100), 1), 100000)) AS o));
END
$$;
COMMENT ON FUNCTION ingest.orphan_report(text, integer) IS 'What the walks counted, orphans by agency and reason, and the newest of them, those that wait first.';
