// LedgerFixture: a ledger in a folder of its own, with a lock in memory and a clock in the hand.
#pragma once

#include <sqlite3.h>

#include <array>
#include <memory>
#include <string>

#include "agent/ledger/ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/temporary_folder.h"

namespace waybill {

/// A second connection to a ledger file, for looking and for doing what nobody should.
class SecondConnection {
 public:
  explicit SecondConnection(const std::filesystem::path& file) {
    sqlite3_open(file.c_str(), &handle_);
    sqlite3_busy_timeout(handle_, 1'000);
  }
  ~SecondConnection() { sqlite3_close(handle_); }
  SecondConnection(const SecondConnection&) = delete;
  SecondConnection& operator=(const SecondConnection&) = delete;

  /// "" when it worked, SQLite's message when not.
  std::string run(const std::string& sql) {
    char* message = nullptr;
    sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message);
    const std::string out = message == nullptr ? "" : message;
    sqlite3_free(message);
    return out;
  }
  /// First column of the first row as text.
  std::string ask(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    std::string out;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
      const unsigned char* text = sqlite3_column_text(statement, 0);
      if (text != nullptr) out = reinterpret_cast<const char*>(text);
    }
    sqlite3_finalize(statement);
    return out;
  }

 private:
  sqlite3* handle_ = nullptr;
};

struct LedgerFixture {
  FakeClock clock;
  MemoryFileSystem files{clock};
  TemporaryFolder folder;
  std::unique_ptr<Ledger> ledger = std::make_unique<Ledger>(files, clock, folder.path());

  [[nodiscard]] std::filesystem::path file() const { return folder.path() / kLedgerFileName; }
  void close() { ledger.reset(); }
  void open() { ledger = std::make_unique<Ledger>(files, clock, folder.path()); }

  static PartPlan whole(const std::string& bytes) {
    PartPlanner planner{FileSpec()};
    planner.feed(bytes);
    return planner.finish();
  }
  static HashedFile hashed(const std::string& path, const std::string& bytes,
                           std::int64_t mtime_ns = 1) {
    return {.relative_path = path,
            .file_tag = FileTag("recipe"),
            .plan = whole(bytes),
            .mtime_ns = mtime_ns,
            .file_id = "1:1"};
  }
  Discovery discover(const std::string& path, const std::string& bytes, std::int64_t mtime = 1) {
    const std::array one = {hashed(path, bytes, mtime)};
    const Discovery out = ledger->record_hashes(one).front();
    for (const JobFile& file : ledger->files_without_delivery(1'000)) {
      const std::array choice = {DeliveryChoice{
          .file = file.file_number, .date = "2025-11-21", .name = "nightly", .remarks = {}}};
      ledger->decide_deliveries(choice);
    }
    return out;
  }
  JobFile newest(const std::string& path) {
    SecondConnection look(file());
    const std::string number =
        look.ask("SELECT max(file_number) FROM job_file WHERE relative_path = '" + path + "'");
    return *ledger->find(FileId{std::stoll(number)});
  }
  void move(const std::string& path, FileEvent event) {
    const JobFile file = newest(path);
    const std::array one = {Move{.file = file.file_number, .from = file.state, .event = event}};
    ledger->move(one);
  }
};

}  // namespace waybill
