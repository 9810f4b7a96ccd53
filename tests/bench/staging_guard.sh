#!/usr/bin/env bash
# What it costs to hold a staged row to its file: loads the same rows into tables that differ only
# in the guard, in turn, and prints the median of each and of its ratio to "no guard" in that round.
# The figures of docs/decisions/0003 come from here.
# Usage:  tests/bench/staging_guard.sh CONNINFO [ROWS] [ROUNDS]
#         CONNINFO names an empty database of a superuser, e.g. "host=/tmp/x dbname=bench user=admin".
set -euo pipefail

conninfo=$1 rows=${2:-1000000} rounds=${3:-5}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$conninfo" "$@"; }

run <<'SQL'
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS guard_bench CASCADE;
CREATE SCHEMA guard_bench;
SET search_path = guard_bench;
CREATE TABLE job_file (
  job_file_id uuid PRIMARY KEY, tenant_id uuid NOT NULL, job_id uuid NOT NULL, entity text NOT NULL, state text NOT NULL,
  UNIQUE (tenant_id, job_id, job_file_id));
INSERT INTO job_file SELECT md5('file' || i)::uuid, md5('tenant' || i % 20)::uuid, md5('job' || i % 1000)::uuid, 'recipe_line', 'verified'
  FROM generate_series(1, 100000) AS i;

CREATE FUNCTION check_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM guard_bench.job_file AS f WHERE f.job_file_id = NEW.job_file_id AND f.tenant_id = NEW.tenant_id
     AND f.job_id = NEW.job_id AND f.state = 'verified';
  IF NOT FOUND THEN RAISE EXCEPTION 'foreign row'; END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION check_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT a.tenant_id, a.job_id, a.job_file_id FROM added AS a) AS r
      LEFT JOIN guard_bench.job_file AS f ON f.job_file_id = r.job_file_id AND f.tenant_id = r.tenant_id
       AND f.job_id = r.job_id AND f.state = 'verified'
     WHERE f.job_file_id IS NULL) THEN RAISE EXCEPTION 'foreign row'; END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION check_change_of_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM guard_bench.job_file AS f WHERE f.job_file_id = NEW.job_file_id AND f.tenant_id = NEW.tenant_id
     AND f.job_id = NEW.job_id AND f.state = 'verified';
  IF NOT FOUND THEN RAISE EXCEPTION 'foreign row'; END IF;
  PERFORM set_config('guard_bench.checked', NEW.tenant_id::text || NEW.job_id || NEW.job_file_id, true);
  RETURN NULL;
END $$;
DO $$
DECLARE v text;
BEGIN
  FOREACH v IN ARRAY ARRAY['none', 'foreign_key', 'row_trigger', 'row_trigger_on_change', 'statement_trigger'] LOOP
    EXECUTE format('CREATE TABLE guard_bench.%I (tenant_id uuid NOT NULL, job_id uuid NOT NULL, job_file_id uuid NOT NULL,
      source_row bigint NOT NULL CHECK (source_row >= 1), natural_key text COLLATE "C", payload jsonb NOT NULL,
      PRIMARY KEY (job_file_id, source_row))', v);
    EXECUTE format('CREATE INDEX ON guard_bench.%I (tenant_id, natural_key)', v);
  END LOOP;
END $$;
ALTER TABLE foreign_key ADD FOREIGN KEY (tenant_id, job_id, job_file_id) REFERENCES job_file (tenant_id, job_id, job_file_id);
CREATE TRIGGER guard AFTER INSERT ON row_trigger FOR EACH ROW EXECUTE FUNCTION check_row();
CREATE TRIGGER guard AFTER INSERT ON row_trigger_on_change FOR EACH ROW
  WHEN (current_setting('guard_bench.checked', true) IS DISTINCT FROM NEW.tenant_id::text || NEW.job_id || NEW.job_file_id)
  EXECUTE FUNCTION check_change_of_file();
CREATE TRIGGER guard AFTER INSERT ON statement_trigger REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_statement();
VACUUM ANALYZE job_file;
SQL

run -c "\\copy (SELECT f.tenant_id, f.job_id, f.job_file_id, i::bigint, 'R-' || i / 12 || chr(31) || i % 12,
  jsonb_build_object('recipe_code', 'R-' || i / 12, 'line_no', i % 12, 'component_code', 'C-' || i % 5000,
                     'quantity', (i % 977) / 8.0, 'uom', 'g', 'note', CASE WHEN i % 7 = 0 THEN 'chopped, fine' END)
  FROM generate_series(1, $rows) AS i, guard_bench.job_file AS f WHERE f.job_file_id = md5('file4711')::uuid) TO '$folder/rows.bin' (FORMAT binary)"

guards="none foreign_key row_trigger row_trigger_on_change statement_trigger"
for round in $(seq "$rounds"); do
  for guard in $guards; do
    run -c "TRUNCATE guard_bench.$guard" -c CHECKPOINT
    started=$(date +%s%N)
    run -c "\\copy guard_bench.$guard FROM '$folder/rows.bin' (FORMAT binary)"
    echo "$round $guard $(( ($(date +%s%N) - started) / 1000000 ))"
  done
  run -c "\\timing on" -c "SELECT count(*) FROM guard_bench.statement_trigger WHERE job_file_id = md5('file4711')::uuid" |
    sed -n "s/^Time: \([0-9]*\).*/$round count_of_the_files_rows \1/p"
done | tee "$folder/times" >&2

python3 - "$folder/times" <<'PY'
import collections, statistics, sys
times = collections.defaultdict(dict)
for line in open(sys.argv[1]):
    turn, guard, ms = line.split()
    times[guard][turn] = int(ms)
base = times["none"]
print(f"{'guard':<26}{'median ms':>10}{'median ratio to none':>22}")
for guard, by_round in times.items():
    ratio = statistics.median(ms / base[turn] for turn, ms in by_round.items())
    print(f"{guard:<26}{statistics.median(by_round.values()):>10.0f}{ratio:>22.2f}")
PY
run -c "SET client_min_messages = warning; DROP SCHEMA guard_bench CASCADE"
