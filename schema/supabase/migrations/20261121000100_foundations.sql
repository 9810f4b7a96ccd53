-- 0001 Schemas, refusals, append-only guard, settings, entities.
-- Why:    everything later refuses in one shape and protects records in one way.
-- Needs:  a Supabase project (roles anon, authenticated, service_role).   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE SCHEMA ingest;
COMMENT ON SCHEMA ingest IS 'The registry: who delivers, what was delivered, how far it has travelled. Not exposed over HTTP.';
CREATE SCHEMA staging;
COMMENT ON SCHEMA staging IS 'The rows of delivered files, one table per entity, each row with its lineage.';

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

CREATE FUNCTION ingest.iso(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
COMMENT ON FUNCTION ingest.iso(timestamptz) IS 'A time as the wire writes it: ISO 8601, UTC, microseconds.';

CREATE TABLE ingest.setting (
  name          text        NOT NULL,
  value         jsonb       NOT NULL,
  is_for_agents boolean     NOT NULL,
  description   text        NOT NULL,
  updated_at    timestamptz NOT NULL DEFAULT now(),
  updated_by    text        NOT NULL DEFAULT 'migration',
  CONSTRAINT a_setting_exists_once PRIMARY KEY (name),
  CONSTRAINT a_number_setting_is_a_whole_number_above_zero CHECK (
    name IN ('bucket', 'signing_mode')
    OR (jsonb_typeof(value) = 'number' AND value::text ~ '^[1-9][0-9]{0,14}$')),
  CONSTRAINT the_bucket_is_a_plain_name CHECK (
    name <> 'bucket' OR (jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[a-z0-9][a-z0-9_-]{0,62}$')),
  CONSTRAINT the_signing_mode_is_known CHECK (name <> 'signing_mode' OR value = '"database"')
);
COMMENT ON TABLE  ingest.setting IS 'What operators may tune without a migration; read at every use.';
COMMENT ON COLUMN ingest.setting.name IS 'Key that functions ask for; units come last in it (_s, _bytes).';
COMMENT ON COLUMN ingest.setting.value IS 'A JSON number or string, checked by name.';
COMMENT ON COLUMN ingest.setting.is_for_agents IS 'True when agents are told the value at enrolment and with every sync.';
COMMENT ON COLUMN ingest.setting.description IS 'What the setting does, for the person who changes it.';
COMMENT ON COLUMN ingest.setting.updated_at IS 'When the value was last set.';
COMMENT ON COLUMN ingest.setting.updated_by IS 'Who set it: migration, or operator:<name>.';

INSERT INTO ingest.setting (name, value, is_for_agents, description) VALUES
  ('bucket',             '"waybill-exports"', false, 'Storage bucket that new uploads go to.'),
  ('upload_token_ttl_s', '7200',              true,  'Life of an upload token.'),
  ('max_file_bytes',     '5000000000',        true,  'Largest file that is given an upload target.'),
  ('max_uploads',        '5',                 true,  'Upload targets one file may use up before it is refused.'),
  ('sync_interval_s',    '15',                true,  'How often an agent should call ingest_sync.'),
  ('signing_mode',       '"database"',        true,  'Who signs upload URLs: database = the RPC, with the secret in Vault.'),
  ('lease_s',            '60',                false, 'Life of a worker''s lease when it names none.'),
  ('max_attempts',       '8',                 false, 'Failed attempts at one step before it is tried hourly only.');

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
CREATE TRIGGER a_setting_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.setting
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.setting ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.entity ENABLE ROW LEVEL SECURITY;
