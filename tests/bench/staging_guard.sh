#!/usr/bin/env bash
# What it costs to hold a staged row to its file: loads the same rows into tables that differ only
# in the guard, in turn, and prints medians
# of the backend's CPU time and of wall time, and of their ratios to "no guard" in the same round.
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
  FOREACH v IN ARRAY ARRAY['none', 'foreign_key', 'row_trigger', 'row_trigger_on_change', 'statement_trigger', 'load_check'] LOOP
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
-- load_check: what the migrations do. A row per load, counted and closed at the end, refused at commit if open.
CREATE TABLE open_load (transaction_id xid8 PRIMARY KEY, rows_before bigint NOT NULL);
CREATE FUNCTION open_load() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO guard_bench.open_load VALUES (pg_current_xact_id(), pg_stat_get_xact_tuples_inserted('guard_bench.load_check'::regclass))
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION refuse_open_load() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM guard_bench.open_load AS l WHERE l.transaction_id = NEW.transaction_id) THEN RAISE EXCEPTION 'open load'; END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION close_load(p_file uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_before bigint;
  v_rows   bigint;
  v_own    bigint;
BEGIN
  DELETE FROM guard_bench.open_load WHERE transaction_id = pg_current_xact_id() RETURNING rows_before INTO STRICT v_before;
  SELECT count(*), count(*) FILTER (WHERE r.tenant_id = f.tenant_id AND r.job_id = f.job_id) INTO v_rows, v_own
    FROM guard_bench.load_check AS r, guard_bench.job_file AS f WHERE r.job_file_id = p_file AND f.job_file_id = p_file;
  IF v_own <> v_rows OR pg_stat_get_xact_tuples_inserted('guard_bench.load_check'::regclass) - v_before <> v_rows THEN
    RAISE EXCEPTION 'foreign row';
  END IF;
END $$;
CREATE TRIGGER guard BEFORE INSERT ON load_check FOR EACH STATEMENT EXECUTE FUNCTION open_load();
CREATE CONSTRAINT TRIGGER guard AFTER INSERT ON open_load DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_open_load();
VACUUM ANALYZE job_file;
SQL

run -c "\\copy (SELECT f.tenant_id, f.job_id, f.job_file_id, i::bigint, 'R-' || i / 12 || chr(31) || i % 12,
  jsonb_build_object('recipe_code', 'R-' || i / 12, 'line_no', i % 12, 'component_code', 'C-' || i % 5000,
                     'quantity', (i % 977) / 8.0, 'uom', 'g', 'note', CASE WHEN i % 7 = 0 THEN 'chopped, fine' END)
  FROM generate_series(1, $rows) AS i, guard_bench.job_file AS f WHERE f.job_file_id = md5('file4711')::uuid) TO '$folder/rows.bin' (FORMAT binary)"

load() {  # ROUND GUARD: prints round, guard, the backend's CPU seconds, wall seconds
  local finish="SELECT 1"
  [ "$2" != load_check ] || finish="SELECT guard_bench.close_load(md5('file4711')::uuid)"
  run -c "TRUNCATE guard_bench.$2" -c CHECKPOINT
  run -c "SET log_statement_stats = on" -c "SET client_min_messages = log" -c BEGIN \
      -c "\\copy guard_bench.$2 FROM '$folder/rows.bin' (FORMAT binary)" -c "$finish" -c COMMIT 2>&1 |
    awk -v name="$1 $2" '/s user,.*s elapsed/ {cpu += $2 + $5; wall += $8} END {print name, cpu, wall}'
}
guards="none foreign_key row_trigger row_trigger_on_change statement_trigger load_check"
for round in $(seq "$rounds"); do
  for guard in $(shuf -e $guards); do load "$round" "$guard"; done
done | tee "$folder/times" >&2

python3 - "$folder/times" <<'PY'
import collections, statistics, sys
cpu, wall = collections.defaultdict(dict), collections.defaultdict(dict)
for line in open(sys.argv[1]):
    turn, guard, cpu_s, wall_s = line.split()
    cpu[guard][turn], wall[guard][turn] = float(cpu_s), float(wall_s)
print(f"{'guard':<26}{'CPU s':>8}{'ratio':>8}{'wall s':>8}{'ratio':>8}   medians; ratio = to none, in the same round")
for guard in cpu:
    def ratio(times):
        return statistics.median(s / times["none"][turn] for turn, s in times[guard].items())
    print(f"{guard:<26}{statistics.median(cpu[guard].values()):>8.2f}{ratio(cpu):>8.2f}"
          f"{statistics.median(wall[guard].values()):>8.2f}{ratio(wall):>8.2f}")
PY
run -c "SET client_min_messages = warning; DROP SCHEMA guard_bench CASCADE"
