# Configure and build a preset of CMakePresets.json.

build() {
  local preset=$1
  say "building ($preset)"
  cmake --preset "$preset" >"$root/build-$preset.log" 2>&1 || { cat "$root/build-$preset.log"; die "configuring failed"; }
  mkdir -p "$root/build"
  mv "$root/build-$preset.log" "$root/build/configure-$preset.log"
  cmake --build --preset "$preset" -j "$(nproc)"
}
