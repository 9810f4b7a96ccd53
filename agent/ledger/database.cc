#include "agent/ledger/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "agent/ledger/migrations.h"

namespace waybill {

namespace {

constexpr int kApplicationId = 0x5759424C;  // "WYBL": the mark in the file's header
constexpr int kBusyTimeoutMs = 5'000;       // an online backup or a shell may hold the write lock

const ErrorCode& code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error_code::kLedgerCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return error_code::kLedgerWriteFailed;
    case SQLITE_CONSTRAINT:
      // A refused commit (SQLITE_CONSTRAINT_COMMITHOOK) was undone; anything else is our mistake.
      return sqlite_code == SQLITE_CONSTRAINT_COMMITHOOK ? error_code::kLedgerWriteFailed
                                                         : error_code::kInternal;
    default:
      return error_code::kInternal;
  }
}

SQLite::Database open_or_explain(const std::string& file, int flags) {
  try {
    return {file, flags, kBusyTimeoutMs};
  } catch (const SQLite::Exception& failure) {
    throw Error(code_of(failure.getExtendedErrorCode()), "open ledger", file, failure.what());
  }
}

}  // namespace

LedgerDatabase::LedgerDatabase(const std::filesystem::path& file, int flags)
    : file_(file.string()), database_(open_or_explain(file_, flags)) {}

std::unique_ptr<LedgerDatabase> LedgerDatabase::open_for_writing(
    const std::filesystem::path& file) {
  std::unique_ptr<LedgerDatabase> out(
      new LedgerDatabase(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE));
  out->guarded("open ledger", out->file_, [&] {
    out->check_is_ledger();
    out->database_.exec("PRAGMA journal_mode = WAL");
    out->database_.exec("PRAGMA synchronous = FULL");
    out->database_.exec("PRAGMA foreign_keys = OFF");  // SQLite's rule where tables are made anew
    out->check_is_sound();
  });
  out->migrate();
  out->guarded("open ledger", out->file_, [&] { out->database_.exec("PRAGMA foreign_keys = ON"); });
  return out;
}

std::unique_ptr<LedgerDatabase> LedgerDatabase::open_for_reading(
    const std::filesystem::path& file) {
  std::unique_ptr<LedgerDatabase> out(new LedgerDatabase(file, SQLite::OPEN_READONLY));
  out->guarded("open ledger", out->file_, [&] {
    out->check_is_ledger();
    const int newest = ledger_migrations().back().version;
    if (const int version = out->user_version(); version < newest) {
      throw Error(error_code::kLedgerOlder, "open ledger", out->file_,
                  fmt::format("its schema is {}, this program reads {}", version, newest));
    }
  });
  return out;
}

Prepared LedgerDatabase::prepared(const char* sql) {
  std::unique_ptr<SQLite::Statement>& slot = statements_[sql];
  if (!slot) slot = std::make_unique<SQLite::Statement>(database_, sql);
  slot->tryReset();
  slot->clearBindings();
  return Prepared(*slot);
}

int LedgerDatabase::user_version() { return database_.execAndGet("PRAGMA user_version").getInt(); }

void LedgerDatabase::check_is_ledger() {
  const int mark = database_.execAndGet("PRAGMA application_id").getInt();
  // Also empty: a ledger whose making was cut short before its first migration.
  const bool is_empty = database_.execAndGet("SELECT count(*) FROM sqlite_schema").getInt64() == 0;
  if (mark != kApplicationId && !is_empty) {
    throw Error(error_code::kLedgerCorrupt, "open ledger", file_, "it is not a Waybill ledger");
  }
  const int newest = ledger_migrations().back().version;
  if (user_version() > newest) {
    throw Error(
        error_code::kLedgerNewer, "open ledger", file_,
        fmt::format("its schema is {}, this program knows up to {}", user_version(), newest));
  }
}

void LedgerDatabase::check_is_sound() {
  const std::string verdict = database_.execAndGet("PRAGMA quick_check(1)").getString();
  if (verdict != "ok") throw Error(error_code::kLedgerCorrupt, "check ledger", file_, verdict);
}

void LedgerDatabase::check_foreign_keys() {
  SQLite::Statement broken(database_, "PRAGMA foreign_key_check");
  if (!broken.executeStep()) return;
  throw Error(error_code::kLedgerCorrupt, "migrate ledger", file_,
              "a row of " + broken.getColumn(0).getString() + " refers to one that is not there");
}

void LedgerDatabase::migrate() {
  for (const LedgerMigration& step : ledger_migrations()) {
    if (guarded("read schema of ledger", file_, [&] { return user_version(); }) >= step.version) {
      continue;
    }
    transact("migrate ledger to", step.name, [&] {
      database_.exec(std::string(step.sql));
      check_foreign_keys();
      database_.exec("PRAGMA user_version = " + std::to_string(step.version));
      database_.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    });
  }
}

void LedgerDatabase::rethrow(const SQLite::Exception& failure, std::string_view operation,
                             std::string_view subject) const {
  throw Error(code_of(failure.getExtendedErrorCode()), operation, subject, failure.what());
}

}  // namespace waybill
