# All tests, through ctest, on a PostgreSQL of their own.

run_tests() {
  ensure_packages
  ensure_node
  build dev
  local dir result=0 filter=()
  for dir in "$root"/tests/*/package-lock.json "$root"/tests/*/*/package-lock.json; do
    [ ! -e "$dir" ] || npm_install "$(dirname "$dir")"
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
  dir=$(mktemp -d "${TMPDIR:-/tmp}/waybill-test-XXXXXX")
  chmod 755 "$dir"
  trap 'postgres_remove "$dir/postgres"; rm -rf -- "$dir"' EXIT
  # These databases are thrown away, so nothing waits for the disk.
  WAYBILL_POSTGRES_OPTIONS="-c fsync=off -c full_page_writes=off" postgres_start "$dir/postgres" >/dev/null
  WAYBILL_TEST_POSTGRES=$(cat "$dir/postgres/url")
  export WAYBILL_TEST_POSTGRES
  [ $# = 0 ] || filter=(-R "$(IFS='|'; echo "$*")")
  ctest --preset dev --output-on-failure "${filter[@]}" || result=$?
  return "$result"
}
