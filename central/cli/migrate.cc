#include "central/cli/migrate.h"

#include <algorithm>
#include <system_error>

#include "central/cli/bootstrap.h"
#include "central/pg/connection.h"
#include "core/error.h"
#include "core/file_system.h"

namespace waybill::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMigrationMaxBytes = std::size_t{16} * 1024 * 1024;
constexpr const char* kSigningSecretName = "waybill_storage_signing_secret";

constexpr const char* kPrepareHistory = R"sql(
  CREATE SCHEMA IF NOT EXISTS supabase_migrations;
  CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (version text NOT NULL PRIMARY KEY);
  ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS statements text[];
  ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS name text
)sql";

struct Migration {
  std::string version;
  std::string name;
  fs::path path;
};

/// "20261121000100_foundations.sql" -> version and name.
Migration parse_name(const fs::path& path) {
  const std::string stem = path.stem().string();
  const std::size_t end = stem.find_first_not_of("0123456789");
  if (end == 0 || end == std::string::npos || stem[end] != '_' || end + 1 == stem.size()) {
    throw Error(error_code::kCentralConfigInvalid, "read the migrations folder", path.string(),
                "a migration is named <number>_<words>.sql");
  }
  return {stem.substr(0, end), stem.substr(end + 1), path};
}

std::vector<Migration> list_migrations(const fs::path& folder) {
  std::vector<Migration> out;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().extension() == ".sql") out.push_back(parse_name(entry.path()));
  }
  if (failure || out.empty()) {
    throw Error(error_code::kCentralConfigInvalid, "read the migrations folder", folder.string(),
                failure ? failure.message() : "it holds no .sql file");
  }
  std::sort(out.begin(), out.end(), [](const Migration& left, const Migration& right) {
    return left.version < right.version;
  });
  return out;
}

[[noreturn]] void fail(const std::string& subject, const pg::PgError& error) {
  std::string words = error.message() + " (" + error.sqlstate() + ")";
  if (!error.hint().empty()) words += "; hint: " + error.hint();
  throw Error(error_code::kMigrationFailed, "apply", subject, words);
}

void run_bootstrap(pg::Connection& connection) {
  for (const BootstrapScript& script : bootstrap_scripts()) {
    try {
      connection.exec_script(script.sql);
      connection.exec("RESET client_min_messages");
    } catch (const pg::PgError& error) {
      fail("bootstrap " + script.name, error);
    }
  }
}

/// Migrations run as the project's owner, who is no superuser on Supabase: what needs more fails
/// here too, and the objects get the owner they have there.
void become_owner(pg::Connection& connection) {
  const pg::Result result = connection.exec(
      "SELECT rolname <> current_user AND pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = "
      "'postgres'");
  if (!result.empty() && result.boolean(0, 0)) connection.exec("SET ROLE postgres");
}

std::string text_of(const Migration& migration) {
  return read_whole_file(system_file_system(), migration.path, kMigrationMaxBytes);
}

/// Applied already? One that was edited since is told: what the file says is not what the database
/// has. (The Supabase CLI keeps a migration statement by statement; those are not compared.)
bool is_recorded(pg::Connection& connection, const Migration& migration) {
  const pg::Result result = connection.exec(
      "SELECT cardinality(statements) = 1 AND statements[1] <> $2 "
      "FROM supabase_migrations.schema_migrations WHERE version = $1",
      {migration.version, text_of(migration)});
  if (result.empty()) return false;
  if (!result.is_null(0, 0) && result.boolean(0, 0)) {
    throw Error(error_code::kMigrationFailed, "compare", migration.path.filename().string(),
                "the file was edited after it was applied; restore it and add a new migration");
  }
  return true;
}

void apply(pg::Connection& connection, const Migration& migration) {
  const std::string sql = text_of(migration);
  try {
    pg::Transaction transaction(connection);
    connection.exec_script(sql);
    connection.exec(
        "INSERT INTO supabase_migrations.schema_migrations (version, name, statements) "
        "VALUES ($1, $2, ARRAY[$3])",
        {migration.version, migration.name, sql});
    transaction.commit();
  } catch (const pg::PgError& error) {
    fail(migration.path.filename().string(), error);
  }
}

void put_signing_secret(pg::Connection& connection, const std::string& secret) {
  try {
    const pg::Result known = connection.exec(
        "SELECT id, decrypted_secret = $2 FROM vault.decrypted_secrets WHERE name = $1",
        {kSigningSecretName, secret});
    if (known.empty()) {
      connection.exec("SELECT vault.create_secret($1, $2, 'Signs upload URLs (Waybill)')",
                      {secret, kSigningSecretName});
    } else if (!known.boolean(0, 1)) {
      connection.exec("SELECT vault.update_secret($1, $2)", {known.string(0, 0), secret});
    }
  } catch (const pg::PgError& error) {
    fail("the signing secret", error);
  }
}

}  // namespace

std::vector<std::string> migrate(const MigrateOptions& options) {
  const std::vector<Migration> migrations = list_migrations(options.migrations);
  pg::Connection connection(options.database_url);
  if (options.bootstrap) run_bootstrap(connection);
  become_owner(connection);

  // Two runs at once: the second waits, then finds everything done.
  connection.exec("SELECT pg_advisory_lock(hashtext('waybill migrate'))");
  std::vector<std::string> applied;
  try {
    connection.exec_script(kPrepareHistory);
  } catch (const pg::PgError& error) {
    fail("the list of migrations", error);
  }
  for (const Migration& migration : migrations) {
    if (is_recorded(connection, migration)) continue;
    apply(connection, migration);
    applied.push_back(migration.path.filename().string());
  }
  if (options.keys) put_signing_secret(connection, options.keys->jwt_secret);
  return applied;
}

}  // namespace waybill::cli
