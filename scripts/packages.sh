# What the machine must have: Debian packages, and npm packages for tests with foreign clients.

debian_packages=(
  cmake g++ ninja-build ccache git python3 python3-jsonschema jq
  libsqlite3-dev libsqlitecpp-dev libcurl4-openssl-dev libssl-dev nlohmann-json3-dev libpoco-dev
  catch2 libcsv-dev libpq-dev libarchive-dev zlib1g-dev libcli11-dev libfmt-dev libspdlog-dev libre2-dev sqlite3 openssl curl tzdata
  postgresql-15 postgresql-client-15 postgresql-15-pgtap postgresql-15-plpgsql-check
  libtap-parser-sourcehandler-pgtap-perl
)
lint_packages=(clang-format clang-tidy)

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    say "sudo: $*"
    sudo "$@"
  else
    die "these packages are missing and only root can install them; run as root: $*"
  fi
}

missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null)" = "ii " ] || printf '%s\n' "$name"
  done
}

# Debian's PostgreSQL package would make and start a cluster of the system's; Waybill wants only the
# programs. The setting is there during the installation alone.
install_packages() {
  local drop_in=/etc/postgresql-common/createcluster.d/waybill-no-main.conf
  say "installing: $*"
  as_root apt-get update -qq
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p "$(dirname "$drop_in")"
    as_root sh -c "echo 'create_main_cluster = false' > $drop_in"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  as_root rm -f "$drop_in"
}

ensure_packages() {
  command -v dpkg-query >/dev/null || die "this script installs Debian packages; on other systems install: ${debian_packages[*]}"
  local missing
  mapfile -t missing < <(missing_packages "${debian_packages[@]}" "$@")
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# Node may come from elsewhere than Debian, so the commands decide and not the package names.
ensure_node() {
  command -v node >/dev/null && command -v npm >/dev/null || install_packages nodejs npm
}

# npm_install DIR: the packages that DIR/package-lock.json names, once per lock file.
npm_install() {
  local dir=$1 stamp=$1/node_modules/.waybill-lock
  cmp -s "$dir/package-lock.json" "$stamp" && return
  say "npm packages for ${dir#"$root"/}"
  # Not `npm ci`: it wants the lock file to name every platform's binary, also those not for us.
  (cd "$dir" && npm install --no-save --no-audit --no-fund --loglevel=error)
  cp "$dir/package-lock.json" "$stamp"
}
