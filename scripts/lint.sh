# Form and a short list of defects. clang-tidy reads the dev preset's compile commands.

our_sources() { git ls-files -co --exclude-standard -- 'core/*' 'agent/*' 'sync/*' 'central/*' 'tests/*' | grep -E '\.(h|cc)$'; }

run_lint() {
  ensure_packages "${lint_packages[@]}"
  cmake --preset dev >/dev/null
  say "clang-format"
  our_sources | xargs clang-format --dry-run --Werror
  say "clang-tidy"
  our_sources | grep -E '^(core|agent|sync|central)/.*\.cc$' | xargs -P "$(nproc)" -n 4 clang-tidy -p build/dev --quiet --warnings-as-errors='*' \
    --extra-arg=-Wno-unknown-warning-option  # g++'s options are in the compile commands
  say "lint: clean"
}
