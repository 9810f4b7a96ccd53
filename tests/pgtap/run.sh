#!/usr/bin/env bash
# pgTAP over the schema: a fresh database with what Supabase has and our migrations, then pg_prove.
# WAYBILL_TEST_POSTGRES names the server; without it one is started and ended.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
server=${WAYBILL_TEST_POSTGRES:-}
database=pgtap_$$
own=
cleanup() {
  psql -X -q -d "$server" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" || true
  [ -z "$own" ] || { "$root/dev" postgres remove "$own/postgres"; rm -rf -- "$own"; }
}
if [ -z "$server" ]; then
  own=$(mktemp -d)
  chmod 755 "$own"
  server=$("$root/dev" postgres start "$own/postgres")
fi
trap cleanup EXIT

run() { psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d "$1" "${@:2}"; }
run "$server" -c "CREATE DATABASE $database"
url=${server/\/postgres\?//$database?}
for file in "$root"/central/standin/bootstrap/*.sql; do run "$url" -f "$file"; done
# As on Supabase, migrations are run by `postgres`, which is no superuser there.
for file in "$root"/schema/supabase/migrations/*.sql; do run "${url/supabase_admin@/postgres@}" -f "$file"; done
run "$url" -c 'CREATE EXTENSION IF NOT EXISTS pgtap WITH SCHEMA public' -c 'CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA extensions'
# pg_prove takes names, not addresses.
PGHOST=${server#*host=} PGUSER=supabase_admin pg_prove --failures -d "$database" "$root"/schema/supabase/tests/*.sql
