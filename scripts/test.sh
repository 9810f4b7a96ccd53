# All tests, through ctest, on a PostgreSQL of their own.

# start_test_postgres OPTIONS: a server in a temporary folder, named in WAYBILL_TEST_POSTGRES, that
# goes when the script ends.
start_test_postgres() {
  test_folder=$(mktemp -d "${TMPDIR:-/tmp}/waybill-test-XXXXXX")  # global: the trap outlives us
  chmod 755 "$test_folder"
  trap 'postgres_remove "$test_folder/postgres"; rm -rf -- "$test_folder"' EXIT
  WAYBILL_POSTGRES_OPTIONS=$1 postgres_start "$test_folder/postgres" >/dev/null
  WAYBILL_TEST_POSTGRES=$(cat "$test_folder/postgres/url")
  export WAYBILL_TEST_POSTGRES
}

# Real exports are used in place when they are there, and their absence is said.
find_real_data() {
  if [ -z "${WAYBILL_REAL_DATA:-}" ] && [ -d "$root/../shared/data" ]; then
    WAYBILL_REAL_DATA=$(cd "$root/../shared/data" && pwd)
  fi
  export WAYBILL_REAL_DATA=${WAYBILL_REAL_DATA:-}
  if [ -n "$WAYBILL_REAL_DATA" ]; then
    say "real exports: found"
  else
    say "real exports: absent (set WAYBILL_REAL_DATA); the tests on them are left out"
  fi
}

# Tests wait for each commit to be on disk, thousands of times; in memory that costs nothing. What a
# disk does is left to the torture that is given a folder on one.
choose_fast_folder() {
  local free_kib
  if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
    free_kib=$(df -k --output=avail /dev/shm | tail -n 1)
    if [ "$free_kib" -gt $((8 * 1024 * 1024)) ]; then export TMPDIR=/dev/shm; fi
  fi
}

run_tests() {
  ensure_packages
  ensure_node
  build dev
  local lock result=0 filter=()
  for lock in "$root"/tests/*/*/package-lock.json; do
    npm_install "$(dirname "$lock")"
  done
  find_real_data
  choose_fast_folder
  # These databases are thrown away, so nothing waits for the disk.
  start_test_postgres "-c fsync=off -c full_page_writes=off"
  [ $# = 0 ] || filter=(-R "$(IFS='|'; echo "$*")")
  ctest --preset dev --output-on-failure "${filter[@]}" || result=$?
  return "$result"
}
