#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include "agent/ledger/ledger_audit.h"
#include "agent/ledger/ledger_backup.h"
#include "tests/unit/agent/ledger_fixture.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

std::optional<fs::path> back_up(LedgerFixture& f, std::size_t kept = 3) {
  const std::atomic<bool> stop = false;
  f.clock.advance(1'000);
  return back_up_ledger(system_file_system(), f.folder.path(), {.kept = kept}, f.clock.now_ms(),
                        stop);
}

}  // namespace

TEST_CASE("backup: a copy made while the ledger is in use is whole and private",
          "[agent][backup]") {
  LedgerFixture f;
  f.discover("recipe_1.csv", "code\n1\n");
  const auto made = back_up(f);
  REQUIRE(made.has_value());
  f.discover("recipe_2.csv", "code\n2\n");
  CHECK(made->parent_path() == f.folder.path() / kBackupFolderName);
  CHECK(system_file_system().is_private(*made));
  CHECK(backup_time_ms(*made) == f.clock.now_ms());
  CHECK(LedgerAudit(*made).verify().seq == f.ledger->head().seq - 1);
  SecondConnection look(*made);
  CHECK(look.ask("SELECT count(*) FROM job_file") == "1");
  CHECK(look.ask("PRAGMA journal_mode") == "delete");
}

TEST_CASE("backup: the newest are kept, the oldest go", "[agent][backup]") {
  LedgerFixture f;
  std::vector<fs::path> made;
  for (int i = 0; i < 4; ++i) made.push_back(back_up(f, 2).value());
  const auto left = ledger_backups(system_file_system(), f.folder.path());
  CHECK(left == std::vector<fs::path>{made[2], made[3]});
}

TEST_CASE("backup: one that is asked to stop leaves nothing behind", "[agent][backup]") {
  LedgerFixture f;
  f.ledger->set_meta({{"big", std::string(3 << 20, 'x')}});
  const std::atomic<bool> stop = true;
  CHECK_FALSE(back_up_ledger(system_file_system(), f.folder.path(), {}, f.clock.now_ms(), stop)
                  .has_value());
  CHECK(fs::is_empty(f.folder.path() / kBackupFolderName));
}

TEST_CASE("backup: without room none is begun", "[agent][backup]") {
  LedgerFixture f;
  const std::atomic<bool> stop = false;
  BackupSettings greedy;
  greedy.reserve_bytes = std::uint64_t{1} << 62;
  CHECK_THROWS_AS(
      back_up_ledger(system_file_system(), f.folder.path(), greedy, f.clock.now_ms(), stop), Error);
}

TEST_CASE("backup: names tell their time", "[agent][backup]") {
  CHECK(backup_time_ms("ledger-20261121T093046123Z.sqlite3") ==
        parse_utc("2026-11-21T09:30:46.123Z"));
  CHECK(backup_time_ms("ledger.partial") == 0);
  CHECK(backup_time_ms("ledger-x.sqlite3") == 0);
}

// Run by name: how long the agent's own writes wait while 100,000 files' ledger is copied.
TEST_CASE("backup: the agent's writes do not wait for a copy", "[.][measure]") {
  LedgerFixture f;
  std::vector<HashedFile> files;
  for (int i = 0; i < 100'000; ++i) {
    files.push_back(LedgerFixture::hashed("r/recipe_" + std::to_string(i) + ".csv",
                                          "code\n" + std::to_string(i) + "\n"));
    if (files.size() == 1'000) {
      f.ledger->record_hashes(files);
      files.clear();
    }
  }
  const auto worst_of = [&](const std::atomic<bool>& end, int at_least) {
    double worst_ms = 0;
    for (int i = 0; i < at_least || !end; ++i) {
      const auto began = std::chrono::steady_clock::now();
      f.ledger->set_meta({{"measure", std::to_string(i)}});
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - began;
      worst_ms = std::max(worst_ms, took.count());
    }
    return worst_ms;
  };
  std::atomic<bool> is_done = true;
  const double alone_ms = worst_of(is_done, 300);
  is_done = false;
  const auto began = std::chrono::steady_clock::now();
  std::thread copying([&] {
    (void)back_up(f);
    is_done = true;
  });
  const double beside_ms = worst_of(is_done, 1);
  copying.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  WARN("ledger of " << fs::file_size(f.file()) / 1'000'000 << " MB copied in " << took.count()
                    << " s; longest write " << beside_ms << " ms, without a copy " << alone_ms
                    << " ms");
}
