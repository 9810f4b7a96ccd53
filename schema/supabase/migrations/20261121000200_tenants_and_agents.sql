-- 0002 Tenants, their users, agents, enrolment codes, file specs and delivery plans.
-- Why:    every other record belongs to a tenant and was sent by an agent.
-- Needs:  0001; auth.users.   Locks: none; all is new.
-- Rule:   released migrations are never edited; add the next number.

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

CREATE TABLE ingest.tenant (
  tenant_id           uuid        NOT NULL DEFAULT gen_random_uuid(),
  slug                text        NOT NULL,
  display_name        text        NOT NULL,
  time_zone           text        NOT NULL,
  state               text        NOT NULL DEFAULT 'active',
  state_reason        text,
  created_at          timestamptz NOT NULL DEFAULT now(),
  state_changed_at    timestamptz NOT NULL DEFAULT now(),
  halted_by_file      uuid,
  scheduler_failed_at timestamptz,
  scheduler_problem   text,
  CONSTRAINT a_tenant_exists_once PRIMARY KEY (tenant_id),
  CONSTRAINT a_slug_names_one_tenant UNIQUE (slug),
  CONSTRAINT a_slug_is_lower_case_and_fit_for_a_path CHECK (slug ~ '^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$'),
  CONSTRAINT archive_is_a_folder_and_no_tenant CHECK (slug <> 'archive'),
  CONSTRAINT a_tenant_has_a_readable_name CHECK (length(btrim(display_name)) BETWEEN 1 AND 200),
  CONSTRAINT a_tenant_is_active_halted_or_closed CHECK (state IN ('active', 'halted', 'closed')),
  CONSTRAINT a_failing_scheduler_says_why CHECK ((scheduler_failed_at IS NULL) = (scheduler_problem IS NULL))
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
COMMENT ON COLUMN ingest.tenant.halted_by_file IS 'The job_file that halted it; null when a person did, or when it is not halted.';
COMMENT ON COLUMN ingest.tenant.scheduler_failed_at IS 'Since when no next step of it can be found, because the search fails; null while it works.';
COMMENT ON COLUMN ingest.tenant.scheduler_problem IS 'Where it fails: a WB code or SQLSTATE, and the function; never a value.';
CREATE TRIGGER a_time_zone_is_a_known_one BEFORE INSERT OR UPDATE OF time_zone ON ingest.tenant
  FOR EACH ROW EXECUTE FUNCTION ingest.check_time_zone();
CREATE TRIGGER a_tenant_keeps_its_identity BEFORE UPDATE ON ingest.tenant
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity('tenant_id', 'slug', 'created_at');
CREATE TRIGGER a_tenant_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.tenant
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

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
CREATE TRIGGER a_clock_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.tenant_clock
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

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
CREATE TRIGGER a_code_keeps_its_identity BEFORE UPDATE ON ingest.enrolment_code
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'enrolment_code_id', 'tenant_id', 'code_sha256', 'created_at', 'created_by');
CREATE TRIGGER a_code_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.enrolment_code
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.agent (
  agent_id              uuid        NOT NULL DEFAULT gen_random_uuid(),
  tenant_id             uuid        NOT NULL,
  enrolment_code_id     uuid        NOT NULL,
  agent_name            text        NOT NULL,
  token_sha256          text        NOT NULL,
  machine               jsonb       NOT NULL,
  enrolled_at           timestamptz NOT NULL DEFAULT now(),
  last_seen_at          timestamptz,
  health                jsonb       NOT NULL DEFAULT '{}',
  revoked_at            timestamptz,
  revoked_reason        text,
  ledger_id             text,
  ledger_seq            bigint,
  ledger_hash           text,
  ledger_refused_at     timestamptz,
  ledger_refused_reason text,
  public_key            text,
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
  CONSTRAINT health_is_an_object CHECK (jsonb_typeof(health) = 'object'),
  CONSTRAINT a_ledger_is_named_with_its_head CHECK (num_nulls(ledger_id, ledger_seq, ledger_hash) IN (0, 2, 3)),
  CONSTRAINT a_ledger_id_is_short_and_plain CHECK (ledger_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  CONSTRAINT a_known_head_has_number_and_hash CHECK (
    (ledger_seq IS NULL) = (ledger_hash IS NULL) AND ledger_seq >= 0 AND ledger_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT a_refused_ledger_says_why CHECK ((ledger_refused_at IS NULL) = (ledger_refused_reason IS NULL)),
  CONSTRAINT a_public_key_is_pem CHECK (
    length(public_key) <= 8192 AND public_key ~ '^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n?$')
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
COMMENT ON COLUMN ingest.agent.ledger_id IS 'The ledger that it works from; null until it told one.';
COMMENT ON COLUMN ingest.agent.ledger_seq IS 'Number of the newest accepted head of that ledger; null = the next one told is accepted.';
COMMENT ON COLUMN ingest.agent.ledger_hash IS 'Chain hash of that head, SHA-256 in hex.';
COMMENT ON COLUMN ingest.agent.ledger_refused_at IS 'Since when its ledger, and with it every call, is refused (WB-2007); null = it is not.';
COMMENT ON COLUMN ingest.agent.ledger_refused_reason IS 'Why it is refused.';
COMMENT ON COLUMN ingest.agent.public_key IS 'What it signs its manifests with, PEM; kept when first told, never replaced by the agent.';
CREATE TRIGGER an_agent_keeps_its_identity BEFORE UPDATE ON ingest.agent
  FOR EACH ROW EXECUTE FUNCTION ingest.keep_identity(
    'agent_id', 'tenant_id', 'enrolment_code_id', 'token_sha256', 'enrolled_at');
CREATE TRIGGER an_agent_is_never_removed BEFORE DELETE OR TRUNCATE ON ingest.agent
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.file_spec (
  tenant_id    uuid        NOT NULL,
  file_tag     text        NOT NULL,
  version      integer     NOT NULL,
  entity       text        NOT NULL,
  spec         jsonb       NOT NULL,
  spec_sha256  text        NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  created_by   text        NOT NULL,
  is_withdrawn boolean     NOT NULL DEFAULT false,
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
COMMENT ON COLUMN ingest.file_spec.is_withdrawn IS 'True: from this version on the tag is not taken any more.';
CREATE TRIGGER a_spec_version_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.file_spec
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

CREATE TABLE ingest.delivery_plan (
  tenant_id   uuid        NOT NULL,
  version     integer     NOT NULL,
  plan        jsonb,
  created_at  timestamptz NOT NULL DEFAULT now(),
  created_by  text        NOT NULL,
  CONSTRAINT a_plan_version_exists_once PRIMARY KEY (tenant_id, version),
  CONSTRAINT a_plan_is_of_a_tenant FOREIGN KEY (tenant_id) REFERENCES ingest.tenant (tenant_id),
  CONSTRAINT plan_versions_start_at_one CHECK (version >= 1),
  CONSTRAINT a_plan_is_an_object_or_absent CHECK (jsonb_typeof(plan) = 'object')
);
COMMENT ON TABLE  ingest.delivery_plan IS 'Which files an agency''s delivery is made of; every version that was ever in force. Append-only.';
COMMENT ON COLUMN ingest.delivery_plan.tenant_id IS 'The agency.';
COMMENT ON COLUMN ingest.delivery_plan.version IS '1, 2, 3 … per tenant; the highest is in force.';
COMMENT ON COLUMN ingest.delivery_plan.plan IS 'The plan as config/agency.schema.json describes it (key delivery), defaults written out; null = none from now on.';
COMMENT ON COLUMN ingest.delivery_plan.created_at IS 'When this version came into force; deadlines before it are not missed.';
COMMENT ON COLUMN ingest.delivery_plan.created_by IS 'Who put it in force.';
CREATE TRIGGER a_plan_version_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.delivery_plan
  FOR EACH STATEMENT EXECUTE FUNCTION ingest.forbid_change();

ALTER TABLE ingest.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.tenant_clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.tenant_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.enrolment_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.agent ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.file_spec ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.delivery_plan ENABLE ROW LEVEL SECURITY;

-- The versions in force ----------------------------------------------------------------------------

CREATE FUNCTION ingest.newest_spec(p_tenant_id uuid, p_file_tag text) RETURNS ingest.file_spec
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT s.* FROM ingest.file_spec AS s
   WHERE s.tenant_id = p_tenant_id AND s.file_tag = p_file_tag ORDER BY s.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION ingest.newest_spec(uuid, text) IS 'The newest version of a tag''s spec, withdrawn or not; a row of nulls when there is none.';

CREATE FUNCTION ingest.current_plan(p_tenant_id uuid) RETURNS ingest.delivery_plan
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT p.* FROM ingest.delivery_plan AS p WHERE p.tenant_id = p_tenant_id ORDER BY p.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION ingest.current_plan(uuid) IS 'The delivery plan in force, or a row of nulls; its plan is null when it was withdrawn.';

-- The digest of an agency without plan is what it was before there were plans.
CREATE FUNCTION ingest.current_specs(p_tenant_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'digest', ingest.sha256_hex(coalesce(string_agg(s.file_tag || ' ' || s.version || ' ' || s.spec_sha256, E'\n' ORDER BY s.file_tag), '')
                                || coalesce(E'\nplan ' || ingest.sha256_hex((ingest.current_plan(p_tenant_id)).plan::text), '')),
    'specs', coalesce(jsonb_agg(jsonb_build_object('file_tag', s.file_tag, 'version', s.version, 'spec', s.spec)
                                ORDER BY s.file_tag), '[]'),
    'delivery_plan', (ingest.current_plan(p_tenant_id)).plan)
    FROM (SELECT DISTINCT ON (v.file_tag) v.file_tag, v.version, v.spec, v.spec_sha256, v.is_withdrawn
            FROM ingest.file_spec AS v WHERE v.tenant_id = p_tenant_id
           ORDER BY v.file_tag, v.version DESC) AS s
   WHERE NOT s.is_withdrawn
$$;
COMMENT ON FUNCTION ingest.current_specs(uuid) IS 'The file specs and the delivery plan in force of a tenant, and a digest that changes when any of them does.';
