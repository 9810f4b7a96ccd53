"""`supabase db push` applies our migrations to a plain PostgreSQL that has what a project has.

The CLI speaks TCP only and wants a password, so this test runs a cluster of its own on a loopback port.
"""

import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT
from loop import Database, free_port

CLI = pathlib.Path(__file__).parent / "supabase_cli/node_modules/.bin/supabase"


@unittest.skipUnless(CLI.exists(), "the Supabase CLI is not installed: run ./dev test once")
class SupabaseCliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.port, self.password = free_port(), secrets.token_hex(16)
        access = self.folder / "pg_hba.conf"
        access.write_text("local all all trust\nhost all postgres 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c hba_file={access} -c fsync=off"
        self.addCleanup(subprocess.run, [ROOT / "dev", "postgres", "remove", self.folder / "postgres"], check=True)
        url = subprocess.run([ROOT / "dev", "postgres", "start", self.folder / "postgres"], check=True, text=True,
                             stdout=subprocess.PIPE,
                             env={**os.environ, "WAYBILL_POSTGRES_OPTIONS": options}).stdout.strip()
        self.database = Database(f"{url}&port={self.port}")
        for file in sorted((ROOT / "central/standin/bootstrap").glob("*.sql")):
            self.database.run(file.read_text(encoding="utf-8"))
        self.database.run(f"ALTER ROLE postgres PASSWORD '{self.password}'")

    def supabase(self, *arguments):
        url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres?sslmode=disable"
        return subprocess.run([CLI, *arguments, "--db-url", url, "--workdir", ROOT / "schema"], text=True,
                              capture_output=True, check=False, stdin=subprocess.DEVNULL)

    def test_db_push_applies_every_migration_as_a_role_that_is_no_superuser_and_then_has_nothing_to_do(self):
        self.assertEqual(self.database.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'"), False)
        first = self.supabase("db", "push", "--yes")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        applied = {row["version"] for row in self.database.rows(
            "SELECT version FROM supabase_migrations.schema_migrations")}
        ours = {file.name.split("_")[0] for file in (ROOT / "schema/supabase/migrations").glob("*.sql")}
        self.assertEqual(applied, ours)
        self.assertEqual(self.database.value("SELECT to_regprocedure("
                         "'public.ingest_sync(bigint,jsonb,jsonb,text)') IS NOT NULL AS there"), True)
        second = self.supabase("db", "push", "--dry-run")
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertNotRegex(second.stdout + second.stderr, r"\d{14}_")


if __name__ == "__main__":
    unittest.main()
