# The demo: see scripts/demo.py.

run_demo() {
  ensure_packages
  build release
  python3 "$root/scripts/demo.py" --programs "$root/build/release/bin" "$@"
}
