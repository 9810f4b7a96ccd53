-- 0001 Schemas, refusals, the append-only guard, time, text, settings, entities.
-- Why:    everything later refuses in one shape and protects records in one way.
-- Needs:  a Supabase project (roles anon, authenticated, service_role).   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE SCHEMA ingest;
CREATE SCHEMA staging;
COMMENT ON SCHEMA ingest IS 'The registry: who delivers, what was delivered, how far it has travelled. Not exposed over HTTP.';
COMMENT ON SCHEMA staging IS 'The rows of delivered files, one table per entity, each row with its lineage.';

-- Refusals ------------------------------------------------------------------------------------------

-- One shape for every refusal: PostgREST turns SQLSTATE PGRST into this status and body, and the
-- worker reads the same JSON. The message never holds a value, token or URL that the caller sent.
CREATE FUNCTION ingest.refuse(p_code text, p_status integer, p_message text, p_hint text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RAISE EXCEPTION USING
    ERRCODE = 'PGRST',
    MESSAGE = json_build_object('code', p_code, 'message', p_message, 'details', NULL, 'hint', p_hint)::text,
    DETAIL  = json_build_object('status', p_status, 'headers', json_build_object())::text;
END
$$;
COMMENT ON FUNCTION ingest.refuse(text, integer, text, text) IS
  'Ends the call with a WB code, an HTTP status, a message and a way out.';

CREATE FUNCTION ingest.malformed(p_message text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM ingest.refuse('WB-2101', 400, p_message, 'Update the agent; if it is current, report it.');
END
$$;
COMMENT ON FUNCTION ingest.malformed(text) IS 'Refuses the call (WB-2101); the message names the place, never the value.';

CREATE FUNCTION ingest.not_possible(p_message text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM ingest.refuse('WB-5006', 409, p_message, 'See the file''s state and its events.');
END
$$;
COMMENT ON FUNCTION ingest.not_possible(text) IS 'Refuses (WB-5006) a decision that the state of things does not allow.';

CREATE FUNCTION ingest.forbid_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM ingest.refuse('WB-2110', 409,
    format('%s.%s is a record of custody: %s is not possible', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP),
    'Records of custody are append-only; nothing to do.');
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.forbid_change() IS 'Trigger: refuses the statement (WB-2110), whoever runs it.';

-- What a record says of its origin is written once. The columns are named by the trigger's arguments.
CREATE FUNCTION ingest.keep_identity() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_old    jsonb := to_jsonb(OLD);
  v_new    jsonb := to_jsonb(NEW);
  v_column text;
BEGIN
  FOREACH v_column IN ARRAY TG_ARGV LOOP
    IF v_old -> v_column IS DISTINCT FROM v_new -> v_column THEN
      PERFORM ingest.refuse('WB-2110', 409,
        format('%s.%s.%s is written once', TG_TABLE_SCHEMA, TG_TABLE_NAME, v_column),
        'Records of custody are append-only; nothing to do.');
    END IF;
  END LOOP;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.keep_identity() IS 'Trigger: refuses (WB-2110) a change of the columns given as arguments.';

-- Time and text -------------------------------------------------------------------------------------

-- The one place that tells the time: a test that steps time by hand replaces this function.
CREATE FUNCTION ingest.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = '' AS $$
  SELECT clock_timestamp()
$$;
COMMENT ON FUNCTION ingest.clock() IS 'The time that every decision is made by.';

CREATE FUNCTION ingest.iso(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
COMMENT ON FUNCTION ingest.iso(timestamptz) IS 'A time as the wire writes it: ISO 8601, UTC, microseconds.';

CREATE FUNCTION ingest.read_time(p_text text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' SET datestyle = 'ISO, YMD' AS $$
BEGIN
  IF p_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$' THEN
    RETURN p_text::timestamptz;
  END IF;
  RETURN NULL;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.read_time(text) IS 'An ISO 8601 time with zone, or null when it is none.';

CREATE FUNCTION ingest.whole_number(p_entry jsonb, p_key text, p_default bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT CASE
    WHEN p_entry -> p_key IS NULL THEN p_default
    WHEN jsonb_typeof(p_entry -> p_key) = 'number' AND p_entry ->> p_key ~ '^[0-9]{1,15}$' THEN (p_entry ->> p_key)::bigint
  END
$$;
COMMENT ON FUNCTION ingest.whole_number(jsonb, text, bigint) IS
  'A whole number of at most 15 digits from a JSON object; the default when absent, null when it is anything else.';

CREATE FUNCTION ingest.plain_text(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT CASE WHEN p_text ~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)' THEN '(name withheld)' ELSE left(p_text, 500) END
$$;
COMMENT ON FUNCTION ingest.plain_text(text) IS 'A partner''s name fit for a message: withheld when it could be read as a token or an address.';

-- A code as people type it: case, dashes and spaces do not matter, and O, I, L are read as 0, 1, 1.
CREATE FUNCTION ingest.plain_code(p_code text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT translate(upper(regexp_replace(coalesce(p_code, ''), '[-[:space:]]', '', 'g')), 'OIL', '011')
$$;
COMMENT ON FUNCTION ingest.plain_code(text) IS 'The 16 characters of an enrolment code, whatever way it was typed.';

CREATE FUNCTION ingest.sha256_hex(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$
  SELECT encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION ingest.sha256_hex(text) IS 'SHA-256 of the text''s UTF-8 bytes, in hex.';

CREATE FUNCTION ingest.base64url(p_bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = '' AS $$
  SELECT translate(encode(p_bytes, 'base64'), E'+/=\n', '-_')
$$;
COMMENT ON FUNCTION ingest.base64url(bytea) IS 'base64url as JWTs use it: no padding, no newlines.';

CREATE FUNCTION ingest.is_plain(p_value jsonb, p_bytes_max integer) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT jsonb_typeof(p_value) = 'string' AND octet_length(p_value #>> '{}') <= p_bytes_max
     AND p_value #>> '{}' !~ '[\x01-\x1f\x7f\u0080-\u009F]'
     AND p_value #>> '{}' !~* '(token=|[a-z]://|eyJ[A-Za-z0-9_-]{8,}\.)'
$$;
COMMENT ON FUNCTION ingest.is_plain(jsonb, integer) IS
  'Is it a text of at most so many bytes, without line ends, control characters, tokens and addresses?';

-- Keeps the known keys of a problem and drops the rest, so that no value slips into the registry.
CREATE FUNCTION ingest.clean_error(p_error jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v_error   jsonb;
  v_message text := left(regexp_replace(p_error ->> 'message', '[\x01-\x1f\x7f\u0080-\u009F]+', ' ', 'g'), 1000);
BEGIN
  IF p_error IS NULL OR p_error ->> 'code' IS NULL OR p_error ->> 'code' !~ '^WB-[0-9]{4}$' THEN
    PERFORM ingest.refuse('WB-2101', 400, 'an error needs a code of the form WB-0000', 'Update the caller.');
  END IF;
  SELECT jsonb_object_agg(e.key, e.value) INTO v_error
    FROM jsonb_each(p_error) AS e
   WHERE CASE e.key
     WHEN 'code' THEN true
     -- A header can look like an address or a token; column_number then names the column alone.
     WHEN 'column' THEN ingest.is_plain(e.value, 255)
     ELSE e.key IN ('row', 'line', 'column_number', 'byte_offset', 'count') AND ingest.whole_number(p_error, e.key, NULL) IS NOT NULL
   END;
  RETURN v_error || jsonb_build_object('message', CASE
    WHEN jsonb_typeof(p_error -> 'message') = 'string' AND ingest.is_plain(to_jsonb(v_message), 4000) THEN v_message ELSE 'see the code' END);
END
$$;
COMMENT ON FUNCTION ingest.clean_error(jsonb) IS
  'A problem reduced to code, message and place; refused (WB-2101) when it has no WB code.';

-- Not below the export folder, read as any system would: \ may separate folders, C: may be a drive.
CREATE FUNCTION ingest.is_path_unsafe(p_path text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT octet_length(p_path) NOT BETWEEN 1 AND 2048 OR p_path ~ '(^|[/\\])\.{0,2}([/\\]|$)' OR p_path ~ '^[A-Za-z]:'
$$;
COMMENT ON FUNCTION ingest.is_path_unsafe(text) IS 'Could this path lead out of the export folder on some system?';

-- Settings ------------------------------------------------------------------------------------------

CREATE TABLE ingest.setting (
  name          text        NOT NULL,
  value         jsonb       NOT NULL,
  is_for_agents boolean     NOT NULL,
  description   text        NOT NULL,
  updated_at    timestamptz NOT NULL DEFAULT now(),
  updated_by    text        NOT NULL DEFAULT 'migration',
  CONSTRAINT a_setting_exists_once PRIMARY KEY (name),
  CONSTRAINT a_number_setting_is_a_whole_number_above_zero CHECK (
    name IN ('bucket', 'signing_mode', 'preflight')
    OR (jsonb_typeof(value) = 'number' AND value::text ~ '^[1-9][0-9]{0,14}$')
    OR (name = 'orphan_grace_s' AND value = '0')),
  CONSTRAINT the_bucket_is_a_plain_name CHECK (
    name <> 'bucket' OR (jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[a-z0-9][a-z0-9_-]{0,62}$')),
  CONSTRAINT the_signing_mode_is_known CHECK (
    name <> 'signing_mode' OR value IN ('"database"', '"storage"')),
  CONSTRAINT the_preflight_is_known CHECK (
    name <> 'preflight' OR value IN ('"stop"', '"report"', '"off"'))
);
COMMENT ON TABLE  ingest.setting IS 'What operators may tune without a migration; read at every use.';
COMMENT ON COLUMN ingest.setting.name IS 'Key that functions ask for; units come last in it (_s, _bytes).';
COMMENT ON COLUMN ingest.setting.value IS 'A JSON number or string, checked by name.';
COMMENT ON COLUMN ingest.setting.is_for_agents IS 'True when agents are told the value at enrolment and with every sync.';
COMMENT ON COLUMN ingest.setting.description IS 'What the setting does, for the person who changes it.';
COMMENT ON COLUMN ingest.setting.updated_at IS 'When the value was last set.';
COMMENT ON COLUMN ingest.setting.updated_by IS 'Who set it: migration, or operator:<name>.';
INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('bucket',                '"waybill-exports"', false, 'Storage bucket that new uploads go to.'),
  ('upload_token_ttl_s',    '7200',              true,  'Life of an upload token; in signing mode storage what the Storage API gives its tokens.'),
  ('max_file_bytes',        '5000000000',        true,  'Largest file that is given an upload target.'),
  ('max_uploads',           '5',                 true,  'Upload targets one file may use up before it is refused.'),
  ('resumable_above_bytes', '6291456',           true,  'Files larger than this are sent in chunks (TUS), which go on where they broke off.'),
  ('upload_chunk_bytes',    '6291456',           true,  'Size of a chunk; hosted Supabase takes exactly 6291456.'),
  ('sync_interval_s',       '15',                true,  'How often an agent should call ingest_sync.'),
  ('signing_mode',          '"database"',        true,  'Who signs upload URLs: database = the RPC, with the secret in Vault; storage = the Storage API, for paths that are reserved.'),
  ('preflight',             '"stop"',            true,  'What agents read files for before they send them: stop = what its spec refuses is not sent; report = it is sent all the same; off = files are only hashed.'),
  ('agent_silent_s',        '900',               false, 'An agent that was not heard of for so long counts as down.'),
  ('lease_s',               '60',                false, 'Life of a worker''s lease when it names none.'),
  ('max_attempts',          '8',                 false, 'Failed attempts at one step before it is tried hourly only.'),
  ('set_wait_s',            '300',               false, 'How long a set of parts or chunks waits for missing members after its last arrival and the delivery''s end.'),
  ('orphan_grace_s',        '604800',            false, 'How long an object that no file wants stays in the bucket; 0 = it is removed when it is found.'),
  ('orphan_walk_s',         '900',               false, 'Pause between two walks through the bucket that look for objects that no file wants.');
CREATE TRIGGER a_setting_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.setting
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
ALTER TABLE ingest.setting ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION ingest.setting_text(p_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT s.value #>> '{}' FROM ingest.setting AS s WHERE s.name = p_name
$$;
COMMENT ON FUNCTION ingest.setting_text(text) IS 'The value of a setting as text.';

CREATE FUNCTION ingest.setting_bigint(p_name text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT (s.value #>> '{}')::bigint FROM ingest.setting AS s WHERE s.name = p_name
$$;
COMMENT ON FUNCTION ingest.setting_bigint(text) IS 'The value of a number setting.';

CREATE FUNCTION ingest.agent_settings() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(jsonb_object_agg(s.name, s.value), '{}') FROM ingest.setting AS s WHERE s.is_for_agents
$$;
COMMENT ON FUNCTION ingest.agent_settings() IS 'The settings that agents are told.';

-- Entities ------------------------------------------------------------------------------------------

CREATE TABLE ingest.entity (
  entity      text NOT NULL,
  description text NOT NULL,
  CONSTRAINT an_entity_exists_once PRIMARY KEY (entity)
);
COMMENT ON TABLE  ingest.entity IS 'The kinds of rows that files carry; each has a table of the same name in staging.';
COMMENT ON COLUMN ingest.entity.entity IS 'Name of the entity and of its staging table.';
COMMENT ON COLUMN ingest.entity.description IS 'What one row of the entity stands for.';
INSERT INTO ingest.entity (entity, description) VALUES
  ('component',      'Something that goes into a recipe: an ingredient, a part, a material.'),
  ('variant',        'A form in which a component is bought, kept or sold.'),
  ('recipe',         'A named way to make something.'),
  ('recipe_line',    'One component, with its quantity, in a recipe.'),
  ('party',          'A person or organisation: supplier, producer, customer, agency.'),
  ('uom_conversion', 'How much of one unit of measure equals another.');
CREATE TRIGGER an_entity_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.entity
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
ALTER TABLE ingest.entity ENABLE ROW LEVEL SECURITY;
