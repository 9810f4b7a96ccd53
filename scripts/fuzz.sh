# Fuzzing: each target of tests/fuzz for WAYBILL_FUZZ_SECONDS, from the kept corpus and from fixtures.
#
# What a run finds to be new goes to build/fuzz/work/NAME and is there at the next one. An input that
# breaks a claim lies in build/fuzz/found. `./dev fuzz keep` reduces the work to the fewest inputs that
# reach the same code and puts those into tests/fuzz/corpus, which the test fuzz_corpus replays.
# libFuzzer takes the longest seed for the longest input.

fuzz_packages=(clang libclang-rt-dev llvm)
fuzz_names=(csv file_names file_spec fixed_width json_lines transcoding)

fuzz_one() {
  local name=$1 seconds=$2 log=$root/build/fuzz/$1.log
  say "fuzz $name: $seconds s"
  mkdir -p "$root/build/fuzz/work/$name" "$root/build/fuzz/found" "$root/tests/fuzz/corpus/$name"
  if ! "$root/build/fuzz/bin/fuzz_$name" -max_total_time="$seconds" -timeout=60 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$root/build/fuzz/found/$name-" \
    "$root/build/fuzz/work/$name" "$root/tests/fuzz/corpus/$name" "$root/build/fuzz/seeds/$name" >"$log" 2>&1; then
    grep -v '^#' "$log" | tail -n 60
    die "fuzz $name: broken; the input is in build/fuzz/found, all it said in $log"
  fi
  grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$log"
}

# Names a person gave are no hashes of content; they stay.
fuzz_keep() {
  local name=$1 kept=$root/tests/fuzz/corpus/$1 merged=$root/build/fuzz/merged/$1 file
  say "fuzz keep $name"
  rm -rf "$merged"
  mkdir -p "$merged" "$kept" "$root/build/fuzz/work/$name"
  "$root/build/fuzz/bin/fuzz_$name" -merge=1 -set_cover_merge=1 -use_counters=0 "$merged" \
    "$root/build/fuzz/work/$name" "$kept" "$root/build/fuzz/seeds/$name" >"$root/build/fuzz/$name-keep.log" 2>&1
  for file in "$kept"/*; do
    if [[ ${file##*/} =~ ^[0-9a-f]{40}$ ]]; then rm -- "$file"; fi
  done
  cp "$merged"/* "$kept"/
  say "$(find "$kept" -type f | wc -l) inputs, $(du -sb "$kept" | cut -f 1) bytes"
}

# run_fuzz [keep] [NAME...]
run_fuzz() {
  local action=fuzz_one name names
  if [ "${1:-}" = keep ]; then action=fuzz_keep; shift; fi
  names=("$@")
  [ $# -gt 0 ] || names=("${fuzz_names[@]}")
  for name in "${names[@]}"; do
    [[ " ${fuzz_names[*]} " == *" $name "* ]] || die "no target is called $name; there are: ${fuzz_names[*]}"
  done
  ensure_packages "${fuzz_packages[@]}"
  build fuzz
  python3 "$root/tests/fuzz/seeds.py" "$root/build/fuzz/seeds"
  for name in "${names[@]}"; do
    "$action" "$name" "${WAYBILL_FUZZ_SECONDS:-600}"
  done
}
