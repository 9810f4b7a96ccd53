# A private PostgreSQL: own data folder, own socket folder that only its user and root may enter, no
# TCP, never the system's cluster. Runs as an unprivileged user also when the caller is root.

postgres_user() {
  if [ "$(id -u)" != 0 ]; then id -un
  elif id postgres >/dev/null 2>&1; then echo postgres
  else echo nobody
  fi
}

as_postgres_user() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && setpriv --reuid "$(postgres_user)" --regid "$(id -g "$(postgres_user)")" --clear-groups "$@")
  else
    "$@"
  fi
}

# The unprivileged user must be able to reach the data folder; a clone below /root is out of its
# reach, and then the data lies in the temporary folder and DIR only says where.
postgres_data_folder() {
  local dir=$1
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ] && ! as_postgres_user test -x "$dir"; then
    local elsewhere
    elsewhere=$(mktemp -d "${TMPDIR:-/tmp}/waybill-postgres-XXXXXX")
    chown "$(postgres_user)" "$elsewhere"
    echo "$elsewhere"
  else
    mkdir -p "$dir/cluster"
    [ "$(id -u)" != 0 ] || chown "$(postgres_user)" "$dir/cluster"
    echo "$dir/cluster"
  fi
}

postgres_start() {
  local dir sockets data
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  if [ -e "$dir/url" ] && postgres_answers "$dir"; then cat "$dir/url"; return; fi
  if [ -e "$dir/data-folder" ]; then data=$(cat "$dir/data-folder"); else data=$(postgres_data_folder "$dir"); fi
  echo "$data" >"$dir/data-folder"
  chmod 700 "$data"
  # A socket's path may have 107 bytes, so the socket never lies below the clone.
  sockets=$(mktemp -d "${TMPDIR:-/tmp}/waybill-socket-XXXXXX")
  [ "$(id -u)" != 0 ] || chown "$(postgres_user)" "$sockets"
  if [ ! -e "$data/PG_VERSION" ]; then
    # The superuser is named as on Supabase, where `postgres` is not one.
    as_postgres_user initdb -D "$data" -U supabase_admin --auth=trust --encoding=UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
      { cat "$dir/initdb.log" >&2; die "initdb failed"; }
  fi
  # log_statement stays off: statements carry what must not be in logs.
  as_postgres_user pg_ctl -D "$data" -w -t 60 -l "$data/server.log" start \
    -o "-c listen_addresses='' -c unix_socket_directories=$sockets -c unix_socket_permissions=0700 -c max_connections=100 -c shared_buffers=256MB -c max_wal_size=2GB ${WAYBILL_POSTGRES_OPTIONS:-}" >/dev/null ||
    { tail -n 20 "$data/server.log" >&2; die "PostgreSQL did not start"; }
  echo "$sockets" >"$dir/socket-folder"
  echo "postgresql://supabase_admin@/postgres?host=$sockets" >"$dir/url"
  cat "$dir/url"
}

postgres_answers() { psql -X -q -d "$(cat "$1/url")" -c 'SELECT 1' >/dev/null 2>&1; }

postgres_stop() {
  local dir=$1 data
  [ -e "$dir/data-folder" ] || return 0
  data=$(cat "$dir/data-folder")
  [ ! -e "$data/postmaster.pid" ] || as_postgres_user pg_ctl -D "$data" -m fast -w stop >/dev/null
  [ ! -e "$dir/socket-folder" ] || rm -rf -- "$(cat "$dir/socket-folder")"
  rm -f "$dir/url" "$dir/socket-folder"
}

# Ends it and removes its data.
postgres_remove() {
  postgres_stop "$1"
  [ ! -e "$1/data-folder" ] || rm -rf -- "$(cat "$1/data-folder")"
  rm -rf -- "$1"
}

postgres_command() {
  case "${1:-} ${2:-}" in
    "start "?*) ensure_packages >&2; postgres_start "$2" ;;
    "stop "?*) postgres_stop "$2" ;;
    "remove "?*) postgres_remove "$2" ;;
    *) usage >&2; exit 2 ;;
  esac
}
