// LedgerDatabase: the SQLite connection under the ledger, with its rules and its error mapping.
//
// Place:    agent/ledger, internal: only the .cc files of this folder include it.
// Owner:    Ledger (writing) or LedgerReport (reading); one thread.
// Durable:  WAL with synchronous = FULL: a committed transaction survives power loss.
// Errors:   SQLite::Exception becomes Error here: WB-1102 (damaged, foreign), WB-1103 (newer),
//           WB-1104 (cannot be written now), WB-1109 (older, to read), WB-9001 (our SQL is wrong).
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/error.h"

namespace waybill {

/// A cached statement in use; reset when it goes out of scope, so that no read lock lingers.
class Prepared {
 public:
  explicit Prepared(SQLite::Statement& statement) : statement_(statement) {}
  ~Prepared() { statement_.tryReset(); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  SQLite::Statement* operator->() { return &statement_; }
  SQLite::Statement& operator*() { return statement_; }
  /// The next row, or nullptr after the last.
  SQLite::Statement* next() { return statement_.executeStep() ? &statement_ : nullptr; }

 private:
  SQLite::Statement& statement_;
};

class LedgerDatabase {
 public:
  /// Opens or makes the ledger, checks that it is one and sound, and brings its schema up to date.
  static std::unique_ptr<LedgerDatabase> open_for_writing(const std::filesystem::path& file);
  /// Opens an existing ledger for looking only; the agent may be running on it.
  static std::unique_ptr<LedgerDatabase> open_for_reading(const std::filesystem::path& file);

  /// The statement of this SQL text, fresh and without values. `sql` must be a constant: the cache
  /// goes by its address.
  [[nodiscard]] Prepared prepared(const char* sql);

  /// Runs `work` in one immediate transaction: all of it is on disk afterwards, or nothing.
  template <class Work>
  void transact(std::string_view operation, std::string_view subject, Work work) {
    guarded(operation, subject, [&] {
      SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
      work();
      transaction.commit();
    });
  }

  /// Runs `work` and turns SQLite's exceptions into ours.
  template <class Work>
  auto guarded(std::string_view operation, std::string_view subject, Work work) {
    try {
      return work();
    } catch (const SQLite::Exception& failure) {
      rethrow(failure, operation, subject);
    }
  }

  [[nodiscard]] std::int64_t last_rowid() const { return database_.getLastInsertRowid(); }

 private:
  LedgerDatabase(const std::filesystem::path& file, int flags);

  void check_is_ledger();
  void check_is_sound();
  void check_foreign_keys();
  void migrate();
  [[nodiscard]] int user_version();
  [[noreturn]] void rethrow(const SQLite::Exception& failure, std::string_view operation,
                            std::string_view subject) const;

  std::string file_;
  SQLite::Database database_;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

}  // namespace waybill
