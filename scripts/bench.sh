# Measurements of the optimised build, each beside a real alternative in the same run. Names choose
# some of them: reader, stage_bench, staging_guard, large_file. What takes long and measures less
# than it proves runs only when it is named: faults, kills, steady, simulate, transfer.

bench_wanted() {
  local name=$1
  shift
  [ $# = 0 ] || [[ " $* " == *" $name "* ]] || return 1
  say "$name"
}

bench_named() { [ $# -gt 1 ] && bench_wanted "$@"; }

run_bench() {
  ensure_packages
  build release
  start_test_postgres ""  # with its full durability, as in production
  ! bench_wanted reader "$@" || python3 "$root/tests/bench/reader_bench.py" --programs "$root/build/release/bin"
  ! bench_wanted stage_bench "$@" || "$root/build/release/bin/stage_bench"
  ! bench_wanted large_file "$@" || python3 "$root/tests/bench/large_file_bench.py" --programs "$root/build/release/bin"
  if bench_wanted staging_guard "$@"; then
    psql -X -q -d "$WAYBILL_TEST_POSTGRES" -c 'CREATE DATABASE staging_guard'
    "$root/tests/bench/staging_guard.sh" "${WAYBILL_TEST_POSTGRES/\/postgres\?//staging_guard?}"
  fi
  ! bench_named faults "$@" || run_torture nights.py --all
  ! bench_named kills "$@" || run_torture kills.py --kills "${WAYBILL_KILLS:-1000}"
  ! bench_named simulate "$@" || "$root/build/release/bin/simulate" --minutes "${WAYBILL_SIMULATE_MINUTES:-20}"
  ! bench_named steady "$@" || run_torture steady.py
  ! bench_named transfer "$@" || run_transfer
}

run_torture() { WAYBILL_PROGRAMS="$root/build/release/bin" python3 -B "$root/tests/fault/$1" "${@:2}"; }

# The same tests as in ./dev test, at full size.
run_transfer() {
  (cd "$root/tests/e2e" && WAYBILL_PROGRAMS="$root/build/release/bin" WAYBILL_TRANSFER_FULL=1 python3 -B -m unittest -v transfer_test)
}
