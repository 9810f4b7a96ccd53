-- 0002 Tenants, their users, agents, enrolment codes and file specs.
-- Why:    every other record belongs to a tenant and was sent by an agent.
-- Needs:  0001; auth.users.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

CREATE TABLE ingest.tenant (
  tenant_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
  slug             text        NOT NULL,
  display_name     text        NOT NULL,
  time_zone        text        NOT NULL,
  state            text        NOT NULL DEFAULT 'active',
  state_reason     text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  state_changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT a_tenant_exists_once PRIMARY KEY (tenant_id),
  CONSTRAINT a_slug_names_one_tenant UNIQUE (slug),
  CONSTRAINT a_slug_is_lower_case_and_fit_for_a_path CHECK (slug ~ '^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$'),
  CONSTRAINT archive_is_a_folder_and_no_tenant CHECK (slug <> 'archive'),
  CONSTRAINT a_tenant_has_a_readable_name CHECK (length(btrim(display_name)) BETWEEN 1 AND 200),
  CONSTRAINT a_tenant_is_active_halted_or_closed CHECK (state IN ('active', 'halted', 'closed'))
);
COMMENT ON TABLE  ingest.tenant IS 'An agency whose exports are carried; the unit of isolation.';
COMMENT ON COLUMN ingest.tenant.tenant_id IS 'Identity; the row-isolation key everywhere.';
COMMENT ON COLUMN ingest.tenant.slug IS 'Short name in object paths and commands; never changes.';
COMMENT ON COLUMN ingest.tenant.display_name IS 'The agency''s name as people write it.';
COMMENT ON COLUMN ingest.tenant.time_zone IS 'IANA zone; a delivery''s date is a date in this zone.';
COMMENT ON COLUMN ingest.tenant.state IS 'active; halted = files are received, none is ingested; closed = its agents are refused.';
COMMENT ON COLUMN ingest.tenant.state_reason IS 'Why the state was last changed, in an operator''s words.';
COMMENT ON COLUMN ingest.tenant.created_at IS 'When the tenant was registered.';
COMMENT ON COLUMN ingest.tenant.state_changed_at IS 'When the state was last changed.';

CREATE TABLE ingest.tenant_clock (
  tenant_id uuid   NOT NULL,
  last_seq  bigint NOT NULL DEFAULT 0,
  CONSTRAINT a_tenant_has_one_clock PRIMARY KEY (tenant_id),
  CONSTRAINT a_clock_belongs_to_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT a_clock_starts_at_zero CHECK (last_seq >= 0)
);
COMMENT ON TABLE  ingest.tenant_clock IS
  'One row per tenant, locked first by every function that changes the tenant''s registry: changes of one tenant happen one after the other, so event order is commit order.';
COMMENT ON COLUMN ingest.tenant_clock.tenant_id IS 'The tenant.';
COMMENT ON COLUMN ingest.tenant_clock.last_seq IS 'Sequence number of the tenant''s latest event; without gaps.';

CREATE TABLE ingest.tenant_user (
  tenant_id  uuid        NOT NULL,
  user_id    uuid        NOT NULL,
  role       text        NOT NULL DEFAULT 'viewer',
  granted_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT a_user_joins_a_tenant_once PRIMARY KEY (tenant_id, user_id),
  CONSTRAINT a_membership_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT a_membership_ends_with_its_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT a_member_is_viewer_or_operator CHECK (role IN ('viewer', 'operator'))
);
CREATE INDEX tenant_user_by_user ON ingest.tenant_user (user_id);
COMMENT ON TABLE  ingest.tenant_user IS 'Which signed-in people may read a tenant''s records.';
COMMENT ON COLUMN ingest.tenant_user.tenant_id IS 'The tenant whose records are read.';
COMMENT ON COLUMN ingest.tenant_user.user_id IS 'The person, as Supabase Auth knows them.';
COMMENT ON COLUMN ingest.tenant_user.role IS 'viewer or operator; both read the same rows.';
COMMENT ON COLUMN ingest.tenant_user.granted_at IS 'When the membership was given.';

CREATE TABLE ingest.enrolment_code (
  enrolment_code_id uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id         uuid        NOT NULL,
  code_sha256       text        NOT NULL,
  created_at        timestamptz NOT NULL DEFAULT now(),
  created_by        text        NOT NULL,
  expires_at        timestamptz NOT NULL,
  used_at           timestamptz,
  CONSTRAINT an_enrolment_code_exists_once PRIMARY KEY (enrolment_code_id),
  CONSTRAINT a_code_is_never_issued_twice UNIQUE (code_sha256),
  CONSTRAINT a_code_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT only_the_hash_of_a_code_is_kept CHECK (code_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT a_code_expires_after_it_was_made CHECK (expires_at > created_at)
);
COMMENT ON TABLE  ingest.enrolment_code IS 'Single-use, short-lived codes that turn a machine into an agent.';
COMMENT ON COLUMN ingest.enrolment_code.enrolment_code_id IS 'Identity.';
COMMENT ON COLUMN ingest.enrolment_code.tenant_id IS 'The tenant that the new agent will belong to.';
COMMENT ON COLUMN ingest.enrolment_code.code_sha256 IS 'SHA-256 of the 16 code characters, in hex; the code itself is shown once and not kept.';
COMMENT ON COLUMN ingest.enrolment_code.created_at IS 'When the code was made.';
COMMENT ON COLUMN ingest.enrolment_code.created_by IS 'Who made it.';
COMMENT ON COLUMN ingest.enrolment_code.expires_at IS 'From when on an unused code is refused.';
COMMENT ON COLUMN ingest.enrolment_code.used_at IS 'When it was used; null while unused.';

CREATE TABLE ingest.agent (
  agent_id          uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id         uuid        NOT NULL,
  enrolment_code_id uuid        NOT NULL,
  agent_name        text        NOT NULL,
  token_sha256      text        NOT NULL,
  machine           jsonb       NOT NULL,
  enrolled_at       timestamptz NOT NULL DEFAULT now(),
  last_seen_at      timestamptz,
  health            jsonb       NOT NULL DEFAULT '{}',
  revoked_at        timestamptz,
  revoked_reason    text,
  CONSTRAINT an_agent_exists_once PRIMARY KEY (agent_id),
  CONSTRAINT an_agent_is_of_one_tenant UNIQUE (tenant_id, agent_id),
  CONSTRAINT a_token_belongs_to_one_agent UNIQUE (token_sha256),
  CONSTRAINT a_code_enrols_one_agent UNIQUE (enrolment_code_id),
  CONSTRAINT an_agent_belongs_to_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT an_agent_was_enrolled_by_a_code
    FOREIGN KEY (enrolment_code_id) REFERENCES ingest.enrolment_code (enrolment_code_id),
  CONSTRAINT an_agent_has_a_readable_name CHECK (length(btrim(agent_name)) BETWEEN 1 AND 100),
  CONSTRAINT only_the_hash_of_a_token_is_kept CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT machine_facts_are_an_object CHECK (jsonb_typeof(machine) = 'object'),
  CONSTRAINT health_is_an_object CHECK (jsonb_typeof(health) = 'object')
);
COMMENT ON TABLE  ingest.agent IS 'An installation at the partner site that may call the RPCs of its tenant.';
COMMENT ON COLUMN ingest.agent.agent_id IS 'Identity.';
COMMENT ON COLUMN ingest.agent.tenant_id IS 'The tenant it delivers for.';
COMMENT ON COLUMN ingest.agent.enrolment_code_id IS 'The code it was enrolled with.';
COMMENT ON COLUMN ingest.agent.agent_name IS 'Name given at enrolment; for people, not unique.';
COMMENT ON COLUMN ingest.agent.token_sha256 IS 'SHA-256 of the secret that the agent made and sends as x-agent-token, in hex.';
COMMENT ON COLUMN ingest.agent.machine IS 'What the agent said of its machine at enrolment.';
COMMENT ON COLUMN ingest.agent.enrolled_at IS 'When it was enrolled.';
COMMENT ON COLUMN ingest.agent.last_seen_at IS 'When it last called ingest_sync.';
COMMENT ON COLUMN ingest.agent.health IS 'What it said of itself at the last ingest_sync.';
COMMENT ON COLUMN ingest.agent.revoked_at IS 'From when on it is refused; null while welcome.';
COMMENT ON COLUMN ingest.agent.revoked_reason IS 'Why it was revoked, in an operator''s words.';

CREATE TABLE ingest.file_spec (
  tenant_id   uuid        NOT NULL,
  file_tag    text        NOT NULL,
  version     integer     NOT NULL,
  entity      text        NOT NULL,
  spec        jsonb       NOT NULL,
  spec_sha256 text        NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  created_by  text        NOT NULL,
  CONSTRAINT a_spec_version_exists_once PRIMARY KEY (tenant_id, file_tag, version),
  CONSTRAINT a_spec_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT a_spec_leads_to_a_known_entity FOREIGN KEY (entity) REFERENCES ingest.entity (entity),
  CONSTRAINT a_file_tag_is_lower_case_and_fit_for_a_path CHECK (file_tag ~ '^[a-z][a-z0-9_]{0,62}$'),
  CONSTRAINT spec_versions_start_at_one CHECK (version >= 1),
  CONSTRAINT a_spec_says_the_tag_and_entity_it_is_filed_under CHECK (
    spec ->> 'file_tag' IS NOT DISTINCT FROM file_tag AND spec ->> 'entity' IS NOT DISTINCT FROM entity),
  CONSTRAINT a_spec_hash_is_sha256_in_hex CHECK (spec_sha256 ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE  ingest.file_spec IS 'What files of a tag look like; every version that was ever in force. Append-only.';
COMMENT ON COLUMN ingest.file_spec.tenant_id IS 'The tenant whose files it describes.';
COMMENT ON COLUMN ingest.file_spec.file_tag IS 'Short name that selects the spec.';
COMMENT ON COLUMN ingest.file_spec.version IS '1, 2, 3 … per tenant and tag; the highest is in force.';
COMMENT ON COLUMN ingest.file_spec.entity IS 'The entity, and so the staging table, that its rows become.';
COMMENT ON COLUMN ingest.file_spec.spec IS 'The spec itself, as config/file-spec.schema.json describes it.';
COMMENT ON COLUMN ingest.file_spec.spec_sha256 IS 'SHA-256 of the spec''s canonical text, in hex; equal specs have equal hashes.';
COMMENT ON COLUMN ingest.file_spec.created_at IS 'When this version came into force.';
COMMENT ON COLUMN ingest.file_spec.created_by IS 'Who put it in force.';

CREATE FUNCTION ingest.check_time_zone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names AS z WHERE z.name = NEW.time_zone) THEN
    PERFORM ingest.refuse('WB-5006', 400, 'the time zone is not an IANA name', 'Use a name such as Europe/Berlin or UTC.');
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION ingest.check_time_zone() IS 'Trigger: a tenant''s time zone must be one that PostgreSQL knows by name.';

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

CREATE TRIGGER a_time_zone_is_a_known_one BEFORE INSERT OR UPDATE OF time_zone ON ingest.tenant
  FOR EACH ROW EXECUTE FUNCTION ingest.check_time_zone();
CREATE TRIGGER a_tenant_keeps_its_identity BEFORE UPDATE ON ingest.tenant
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('tenant_id', 'slug', 'created_at');
CREATE TRIGGER a_tenant_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.tenant
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_clock_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.tenant_clock
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_code_keeps_its_identity BEFORE UPDATE ON ingest.enrolment_code
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'enrolment_code_id', 'tenant_id', 'code_sha256', 'created_at', 'created_by');
CREATE TRIGGER a_code_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.enrolment_code
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER an_agent_keeps_its_identity BEFORE UPDATE ON ingest.agent
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'agent_id', 'tenant_id', 'enrolment_code_id', 'token_sha256', 'enrolled_at');
CREATE TRIGGER an_agent_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.agent
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();
CREATE TRIGGER a_spec_version_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.file_spec
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.tenant_clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.tenant_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.enrolment_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.agent ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.file_spec ENABLE ROW LEVEL SECURITY;
