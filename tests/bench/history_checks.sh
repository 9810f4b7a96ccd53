#!/usr/bin/env bash
# What the checks of docs/decisions/0020 cost: 1,000,000 staged rows of two entities, one file of
# 100,000 rows on top, asked in the transaction that added it. Three times: with tables that were
# never analysed, analysed while they were empty, and analysed when they were full.
# Usage:  tests/bench/history_checks.sh [CONNINFO_OF_THE_SERVER]     EXPLAIN=1 shows the plans, too
#         Without a server one is started and ended.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
server=${1:-}
database=history_bench_$$
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
url=${server/\/postgres\?//$database?}
run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" "${@:2}"; }

fill() {  # $1: a statement before the rows come, $2: one behind them
  run "$url" -v before="$1" -v after="$2" <<'SQL'
SET client_min_messages = warning;
SELECT ingest.create_tenant('bench', 'bench', 'UTC') AS tenant \gset
SELECT count(ingest.put_file_spec('bench', jsonb_build_object('file_tag', t, 'entity', t, 'columns', '[]'::jsonb), 'x'))
  FROM unnest(ARRAY['recipe', 'recipe_line']) AS t \g /dev/null
SET session_replication_role = replica;  -- rows without loads: the guard is not what is measured
ALTER TABLE staging.recipe SET (autovacuum_enabled = off);
ALTER TABLE staging.recipe_line SET (autovacuum_enabled = off);
ALTER TABLE ingest.job_file SET (autovacuum_enabled = off);
:before
INSERT INTO ingest.agent (agent_id, tenant_id, enrolment_code_id, agent_name, token_sha256, machine)
  VALUES ('00000000-0000-0000-0000-00000000000a', :'tenant', gen_random_uuid(), 'a', repeat('a', 64), '{}');
INSERT INTO ingest.job (job_id, tenant_id, agent_id, job_key, delivery_date, delivery_name)
  SELECT md5('job' || i)::uuid, :'tenant', '00000000-0000-0000-0000-00000000000a', 'job' || i, '2026-10-01'::date + i, 'nightly'
    FROM generate_series(1, 11) AS i;
-- ten nights of recipes; eleven parts of one file of recipe lines
INSERT INTO ingest.job_file (job_file_id, tenant_id, job_id, delivery_date, delivery_name, agent_id, opened_seq, file_tag, entity,
    file_spec_version, relative_path, content_sha256, original_sha256, size_bytes, part_number, part_count, state, last_event, bucket,
    object_path, set_seq, rows_staged, staged_at)
  SELECT md5(e || i)::uuid, :'tenant', md5('job' || i)::uuid, '2026-10-01'::date + i, 'nightly', '00000000-0000-0000-0000-00000000000a',
         i + 100 * (e = 'recipe')::int, e, e, 1, e || i, encode(sha256(convert_to(e || i, 'UTF8')), 'hex'),
         encode(sha256(convert_to(CASE e WHEN 'recipe' THEN e || i ELSE 'whole' END, 'UTF8')), 'hex'), 1,
         CASE e WHEN 'recipe' THEN 1 ELSE i END, CASE e WHEN 'recipe' THEN 1 ELSE 11 END,
         CASE WHEN i > 10 THEN 'verified' ELSE 'processed' END, 'x', 'b', e || i, i,
         CASE WHEN i <= 10 THEN 100000 END, CASE WHEN i <= 10 THEN now() END
    FROM generate_series(1, 11) AS i, unnest(ARRAY['recipe', 'recipe_line']) AS e;
INSERT INTO staging.recipe
  SELECT :'tenant', md5('job' || f)::uuid, md5('recipe' || f)::uuid, i, 'R-' || (f * 100000 + i),
         jsonb_build_object('code', 'R-' || (f * 100000 + i), 'name', repeat('n', 60))
    FROM generate_series(1, 10) AS f, generate_series(1, 100000) AS i;
INSERT INTO staging.recipe_line
  SELECT :'tenant', md5('job' || f)::uuid, md5('recipe_line' || f)::uuid, f * 100000 + i, 'R-' || (f * 100000 + i) || chr(31) || i % 12,
         jsonb_build_object('code', 'R-' || (f * 100000 + i), 'line', i % 12, 'note', repeat('n', 60))
    FROM generate_series(1, 10) AS f, generate_series(1, 100000) AS i;
:after
CHECKPOINT;
SQL
}

ask() {  # half of the file's keys stand in other files, a tenth of its references lead nowhere
  run "$url" <<'SQL'
SET session_replication_role = replica;
BEGIN;
\timing on
\echo -- the file itself
INSERT INTO staging.recipe_line
  SELECT t.tenant_id, md5('job11')::uuid, md5('recipe_line11')::uuid, 1100000 + i, 'R-' || k || chr(31) || k % 12,
         jsonb_build_object('code', 'R-' || CASE WHEN i % 10 = 0 THEN 'none' ELSE '' END || k, 'line', k % 12, 'note', repeat('n', 60))
    FROM ingest.tenant AS t, generate_series(1, 100000) AS i,
         LATERAL (SELECT CASE WHEN i % 2 = 0 THEN 300000 + (i * 7919) % 700000 ELSE 5000000 + i END AS k) AS key ORDER BY i;
\echo -- usual_row_count of a night of recipes
SELECT ingest.usual_row_count(md5('recipe11')::uuid);
\echo -- unknown_references
SELECT ingest.unknown_references(md5('recipe_line11')::uuid, 'recipe', '{code}');
\echo -- repeated_keys over eleven parts
SELECT ingest.repeated_keys(md5('recipe_line11')::uuid, 0);
\timing off
UPDATE ingest.job_file SET part_count = 1, part_number = 1, original_sha256 = content_sha256 WHERE file_tag = 'recipe_line';
\timing on
\echo -- known_keys
SELECT ingest.known_keys(md5('recipe_line11')::uuid);
\echo -- unknown_references to the same entity, two columns
SELECT ingest.unknown_references(md5('recipe_line11')::uuid, 'recipe_line', '{code,line}');
\timing off
\if `test -n "${EXPLAIN:-}" && echo 1 || echo 0`
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 1;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET client_min_messages = log;
SELECT ingest.known_keys(md5('recipe_line11')::uuid);
SELECT ingest.unknown_references(md5('recipe_line11')::uuid, 'recipe', '{code}');
SELECT ingest.repeated_keys(md5('recipe_line11')::uuid, 0);
\endif
ROLLBACK;
SQL
}

analyze="ANALYZE staging.recipe; ANALYZE staging.recipe_line; ANALYZE ingest.job_file;"
for how in "never analysed" "analysed while empty" "analysed when full"; do
  echo "== $how"
  psql -X -q -d "$server" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "CREATE DATABASE $database" 2>/dev/null
  for file in "$root"/central/standin/bootstrap/*.sql; do run "$url" -o /dev/null -f "$file"; done
  for file in "$root"/schema/supabase/migrations/*.sql; do run "${url/supabase_admin@/postgres@}" -o /dev/null -f "$file"; done
  case $how in
    "never analysed") fill "" "" ;;
    "analysed while empty") fill "$analyze" "" ;;
    *) fill "" "$analyze" ;;
  esac
  ask
done
