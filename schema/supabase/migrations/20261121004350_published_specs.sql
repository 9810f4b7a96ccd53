-- 0043.5 A file spec is published only with time zones that this database knows, and a limit of staleness that it can count with.
-- Why:    PostgreSQL casts the timestamps of staged rows by these names; one that it does not know fails months later, in a query.
-- Needs:  0043.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

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

CREATE OR REPLACE FUNCTION ingest.put_file_spec(p_slug text, p_spec jsonb, p_actor text) RETURNS integer
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
