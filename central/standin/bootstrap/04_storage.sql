-- Bootstrap 04: the tables of the Storage service.
-- Why:    the registry looks for an uploaded object in storage.objects; the stand-in writes it there.
-- Needs:  01.   Locks: none.
-- Rule:   only what Supabase itself provides. Safe to run again.

SET client_min_messages = warning;  -- "already exists" is what a second run expects

CREATE SCHEMA IF NOT EXISTS storage AUTHORIZATION supabase_storage_admin;
GRANT USAGE ON SCHEMA storage TO postgres, anon, authenticated, service_role;

CREATE TABLE IF NOT EXISTS storage.buckets (
  id                 text        PRIMARY KEY,
  name               text        NOT NULL,
  owner              uuid,
  owner_id           text,
  public             boolean     DEFAULT false,
  avif_autodetection boolean     DEFAULT false,
  file_size_limit    bigint,
  allowed_mime_types text[],
  created_at         timestamptz DEFAULT now(),
  updated_at         timestamptz DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS bname ON storage.buckets (name);

CREATE TABLE IF NOT EXISTS storage.objects (
  id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  bucket_id        text        REFERENCES storage.buckets (id),
  name             text,
  owner            uuid,
  owner_id         text,
  version          text,
  metadata         jsonb,
  user_metadata    jsonb,
  path_tokens      text[]      GENERATED ALWAYS AS (string_to_array(name, '/')) STORED,
  created_at       timestamptz DEFAULT now(),
  updated_at       timestamptz DEFAULT now(),
  last_accessed_at timestamptz DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS bucketid_objname ON storage.objects (bucket_id, name);
CREATE INDEX IF NOT EXISTS name_prefix_search ON storage.objects (name text_pattern_ops);

ALTER TABLE storage.buckets OWNER TO supabase_storage_admin;
ALTER TABLE storage.objects OWNER TO supabase_storage_admin;
ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
GRANT ALL ON storage.buckets, storage.objects TO postgres, anon, authenticated, service_role;

-- Rows stand for stored bytes: only the service may delete them, and it says so per transaction.
CREATE OR REPLACE FUNCTION storage.protect_delete() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' THEN
    RAISE EXCEPTION 'storage rows are deleted through the Storage API only'
      USING ERRCODE = '42501', HINT = 'The bytes would stay behind without their row.';
  END IF;
  RETURN NULL;
END
$$;
ALTER FUNCTION storage.protect_delete() OWNER TO supabase_storage_admin;

CREATE OR REPLACE TRIGGER protect_buckets_delete
  BEFORE DELETE ON storage.buckets FOR EACH STATEMENT EXECUTE FUNCTION storage.protect_delete();
CREATE OR REPLACE TRIGGER protect_objects_delete
  BEFORE DELETE ON storage.objects FOR EACH STATEMENT EXECUTE FUNCTION storage.protect_delete();

CREATE OR REPLACE FUNCTION storage.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;
ALTER FUNCTION storage.touch_updated_at() OWNER TO supabase_storage_admin;
CREATE OR REPLACE TRIGGER update_objects_updated_at
  BEFORE UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.touch_updated_at();

-- Helpers that storage policies commonly use.
CREATE OR REPLACE FUNCTION storage.foldername(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT parts[1 : cardinality(parts) - 1] FROM (SELECT string_to_array(name, '/')) AS split (parts)
$$;
CREATE OR REPLACE FUNCTION storage.filename(name text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT parts[cardinality(parts)] FROM (SELECT string_to_array(name, '/')) AS split (parts)
$$;
CREATE OR REPLACE FUNCTION storage.extension(name text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT reverse(split_part(reverse(storage.filename(name)), '.', 1))
$$;
ALTER FUNCTION storage.foldername(text) OWNER TO supabase_storage_admin;
ALTER FUNCTION storage.filename(text) OWNER TO supabase_storage_admin;
ALTER FUNCTION storage.extension(text) OWNER TO supabase_storage_admin;
