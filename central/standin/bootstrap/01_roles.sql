-- Bootstrap 01: the database roles that every Supabase project has.
-- Why:    migrations and RPCs name these roles; a plain PostgreSQL has none of them.
-- Needs:  a superuser; PostgreSQL 15.   Locks: none.
-- Rule:   only what Supabase itself provides; ours is in schema/supabase/migrations. Safe to run again.

SET client_min_messages = warning;  -- "already exists" is what a second run expects

SELECT pg_advisory_lock(hashtext('waybill bootstrap'));  -- roles belong to the cluster; databases share them

DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('supabase_admin',         'LOGIN SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS'),
      ('postgres',               'LOGIN NOSUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS'),
      ('anon',                   'NOLOGIN NOINHERIT'),
      ('authenticated',          'NOLOGIN NOINHERIT'),
      ('service_role',           'NOLOGIN NOINHERIT BYPASSRLS'),
      ('authenticator',          'LOGIN NOINHERIT'),
      ('supabase_auth_admin',    'LOGIN NOINHERIT CREATEROLE'),
      ('supabase_storage_admin', 'LOGIN NOINHERIT CREATEROLE')
    ) AS role (name, attributes)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
    END IF;
  END LOOP;
END
$$;

GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role, authenticator TO postgres;
GRANT anon, authenticated, service_role TO supabase_storage_admin;
-- On Supabase an extension (supautils) lets `postgres` create policies on Storage's tables. Membership
-- stands in for it and gives more; a test holds that we own nothing in schema storage.
GRANT supabase_storage_admin TO postgres;

-- The project's owner may create schemas, as on Supabase; it is no superuser there.
DO $$
BEGIN
  EXECUTE format('GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %I TO postgres', current_database());
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO postgres;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;

-- Projects made before October 2026 hand every new function in public to the API roles; those
-- made later do not. The wider grant is set here, so that a forgotten REVOKE shows in our tests.
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
  GRANT EXECUTE ON FUNCTIONS TO anon, authenticated, service_role;

SELECT pg_advisory_unlock(hashtext('waybill bootstrap'));
