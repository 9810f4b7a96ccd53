# All tests, through ctest, on a PostgreSQL of their own.

run_tests() {
  ensure_packages
  ensure_node
  build dev
  local lock result=0 filter=()
  for lock in "$root"/tests/*/*/package-lock.json; do
    npm_install "$(dirname "$lock")"
  done
  if [ -n "${WAYBILL_REAL_DATA:-}" ]; then
    say "real exports: $WAYBILL_REAL_DATA"
  elif [ -d "$root/../shared/data" ]; then
    WAYBILL_REAL_DATA=$(cd "$root/../shared/data" && pwd)
    say "real exports: $WAYBILL_REAL_DATA"
  else
    say "real exports: absent (set WAYBILL_REAL_DATA); the tests on them are left out"
  fi
  export WAYBILL_REAL_DATA=${WAYBILL_REAL_DATA:-}
  test_folder=$(mktemp -d "${TMPDIR:-/tmp}/waybill-test-XXXXXX")  # global: the trap outlives us
  chmod 755 "$test_folder"
  trap 'postgres_remove "$test_folder/postgres"; rm -rf -- "$test_folder"' EXIT
  # These databases are thrown away, so nothing waits for the disk.
  WAYBILL_POSTGRES_OPTIONS="-c fsync=off -c full_page_writes=off" postgres_start "$test_folder/postgres" >/dev/null
  WAYBILL_TEST_POSTGRES=$(cat "$test_folder/postgres/url")
  export WAYBILL_TEST_POSTGRES
  [ $# = 0 ] || filter=(-R "$(IFS='|'; echo "$*")")
  ctest --preset dev --output-on-failure "${filter[@]}" || result=$?
  return "$result"
}
