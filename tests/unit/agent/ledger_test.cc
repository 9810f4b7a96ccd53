#include "agent/ledger/ledger.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "agent/ledger/ledger_report.h"
#include "agent/ledger/migrations.h"
#include "core/error.h"
#include "tests/support/commit_fault.h"
#include "tests/unit/agent/ledger_fixture.h"

using namespace waybill;

namespace {

std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.code().id);
  }
  return "";
}

/// Walks the chain as an auditor does: from the rows alone. Returns the first bad seq, 0 for none.
std::int64_t first_bad_event(const std::filesystem::path& folder) {
  const auto report = LedgerReport::open(folder);
  SecondConnection look(folder / kLedgerFileName);
  const std::int64_t last = std::stoll("0" + look.ask("SELECT max(seq) FROM event"));
  std::string prev(kChainStart);
  for (std::int64_t seq = 1; seq <= last; ++seq) {
    const auto column = [&](const char* name) {
      return look.ask(std::string("SELECT ") + name +
                      " FROM event WHERE seq = " + std::to_string(seq));
    };
    LedgerEvent event;
    event.seq = seq;
    event.at_ms = std::stoll("0" + column("at_ms"));
    event.kind = column("kind");
    event.relative_path = column("relative_path");
    event.content_sha256 = column("content_sha256");
    const std::string number = column("file_number");
    if (!number.empty()) event.file_number = FileId{std::stoll(number)};
    event.from_state = column("from_state");
    event.to_state = column("to_state");
    event.detail = column("detail");
    event.prev_hash = prev;
    if (column("prev_hash") != prev || column("hash") != chain_hash(event)) return seq;
    prev = column("hash");
  }
  return 0;
}

}  // namespace

// Goal:   whichever commit fails, each state agrees with its event log.
// Method: refuse the n-th commit, look through a second connection, raise n until no fault fires.
TEST_CASE("ledger: a refused commit never separates a state from its event", "[agent][ledger]") {
  int rounds = 0;
  for (int good_commits = 0;; ++good_commits) {
    LedgerFixture f;
    f.discover("recipe.csv", "bytes");
    f.close();
    CommitFault fault(good_commits);
    try {
      f.open();
      const Job job = f.ledger->make_job(JobKey("k"), "2026-11-21", "nightly");
      const std::array files = {f.newest("recipe.csv")};
      f.ledger->assign_job(job.job_number, files);
      f.move("recipe.csv", FileEvent::kRegistered);
      f.move("recipe.csv", FileEvent::kSessionOpened);
      f.move("recipe.csv", FileEvent::kAccepted);
      f.discover("recipe.csv", "other bytes");
    } catch (const Error& error) {
      CHECK(error.code().id == "WB-1104");
      CHECK(CommitFault::fired());
    }
    f.close();
    SecondConnection look(f.file());
    CHECK(
        look.ask("SELECT count(*) FROM job_file AS f WHERE f.state <> (SELECT to_state FROM event "
                 "AS e WHERE e.file_number = f.file_number AND e.to_state <> '' "
                 "ORDER BY e.seq DESC LIMIT 1)") == "0");
    CHECK(first_bad_event(f.folder.path()) == 0);
    ++rounds;
    if (!CommitFault::fired()) break;
  }
  CHECK(rounds > 6);
}

TEST_CASE("ledger: a move that is not in the table, or from a state that was left, is refused",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("recipe.csv", "bytes");
  CHECK(code_of([&] { f.move("recipe.csv", FileEvent::kAccepted); }) == "WB-1105");
  const JobFile file = f.newest("recipe.csv");
  f.move("recipe.csv", FileEvent::kRegistered);
  const std::array stale = {
      Move{.file = file.file_number, .from = FileState::kReady, .event = FileEvent::kRegistered}};
  CHECK(code_of([&] { f.ledger->move(stale); }) == "WB-1105");
  CHECK(f.newest("recipe.csv").state == FileState::kQueued);
}

TEST_CASE("ledger: of several moves either all are recorded or none", "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "a");
  f.discover("b.csv", "b");
  const std::array moves = {
      Move{.file = f.newest("a.csv").file_number, .event = FileEvent::kRegistered},
      Move{.file = f.newest("b.csv").file_number,
           .event = FileEvent::kStaged,
           .problem = wire::FileProblem{}},
      Move{.file = f.newest("b.csv").file_number,
           .from = FileState::kReady,
           .event = FileEvent::kAccepted}};
  CHECK(code_of([&] { f.ledger->move(moves); }) == "WB-1105");
  CHECK(f.newest("a.csv").state == FileState::kReady);
  CHECK(f.newest("b.csv").state == FileState::kReady);
}

// Goal:   nobody changes the past unnoticed.
// Method: try with SQL; then take the guards away, change one field, and walk the chain.
TEST_CASE("ledger: events are only ever added, and a change shows in the chain",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "a");
  f.move("a.csv", FileEvent::kRegistered);
  f.move("a.csv", FileEvent::kSessionOpened);
  f.close();
  SecondConnection other(f.file());
  CHECK(other.run("UPDATE event SET at_ms = 1 WHERE seq = 2") == "events are only ever added");
  CHECK(other.run("DELETE FROM event") == "events are only ever added");
  CHECK(other.run("INSERT INTO event SELECT seq + 7, at_ms, kind, relative_path, content_sha256, "
                  "file_number, from_state, to_state, detail, prev_hash, 'x' FROM event") ==
        "an event does not follow the last one");
  CHECK(other.run("DELETE FROM job_file") == "a version of a file is never forgotten");
  CHECK(first_bad_event(f.folder.path()) == 0);
  CHECK(other.run("DROP TRIGGER an_event_is_never_changed") == "");
  CHECK(other.run("UPDATE event SET to_state = 'archived' WHERE seq = 2") == "");
  CHECK(first_bad_event(f.folder.path()) == 2);
}

TEST_CASE("ledger: a second instance is told so, and may start when the first has ended",
          "[agent][ledger]") {
  LedgerFixture f;
  CHECK(code_of([&] { Ledger second(f.files, f.clock, f.folder.path()); }) == "WB-1101");
  f.close();
  CHECK(code_of([&] { Ledger second(f.files, f.clock, f.folder.path()); }).empty());
}

TEST_CASE("ledger: what an older version left is read once the agent has brought it up to date",
          "[agent][ledger]") {
  LedgerFixture f;
  f.close();
  std::filesystem::remove(f.file());
  const LedgerMigration& newest = ledger_migrations().back();
  {
    SecondConnection older(f.file());
    for (const LedgerMigration& step : ledger_migrations()) {
      if (step.version < newest.version) REQUIRE(older.run(std::string(step.sql)) == "");
    }
    older.run("PRAGMA user_version = " + std::to_string(newest.version - 1));
    older.run("PRAGMA application_id = 1465467468");
  }
  CHECK(code_of([&] { static_cast<void>(LedgerReport::open(f.folder.path())); }) == "WB-1109");
  f.open();
  const auto report = LedgerReport::open(f.folder.path());
  REQUIRE(report);
  CHECK(report->remarked_files(0, 1).empty());
}

TEST_CASE("ledger: a newer, a foreign and a damaged file are refused and left untouched",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "a");
  f.close();
  SECTION("newer") {
    SecondConnection(f.file()).run("PRAGMA user_version = 999");
    CHECK(code_of([&] { f.open(); }) == "WB-1103");
    CHECK(SecondConnection(f.file()).ask("PRAGMA user_version") == "999");
  }
  SECTION("foreign") {
    SecondConnection(f.file()).run("PRAGMA application_id = 7");
    CHECK(code_of([&] { f.open(); }) == "WB-1102");
  }
  SECTION("no database at all") {
    std::ofstream(f.file(), std::ios::trunc) << std::string(5'000, 'x');
    CHECK(code_of([&] { f.open(); }) == "WB-1102");
    CHECK(std::filesystem::file_size(f.file()) == 5'000);
  }
  SECTION("a page overwritten") {
    std::fstream raw(f.file(), std::ios::in | std::ios::out | std::ios::binary);
    raw.seekp(4096 * 3);
    raw << std::string(4096 * 4, 'z');
    raw.close();
    CHECK(code_of([&] { f.open(); }) == "WB-1102");
  }
}

TEST_CASE("ledger: what a hash means depends on what became of the same bytes before",
          "[agent][ledger]") {
  LedgerFixture f;
  CHECK(f.discover("a.csv", "one", 1) == Discovery::kNew);
  CHECK(f.discover("a.csv", "one", 2) == Discovery::kSame);
  CHECK(f.newest("a.csv").mtime_ns == 2);  // or the upload would take the file for changed

  SECTION("new bytes supersede what was not sent, and old bytes may come back") {
    CHECK(f.discover("a.csv", "two", 3) == Discovery::kNew);
    SecondConnection look(f.file());
    CHECK(look.ask("SELECT state || error_code FROM job_file WHERE file_number = 1") ==
          "supersededWB-1301");
    CHECK(f.discover("a.csv", "one", 4) == Discovery::kRediscovered);
    CHECK(look.ask("SELECT group_concat(state) FROM job_file") == "ready,superseded");
  }
  SECTION("delivered and written again is an export of its own") {
    f.move("a.csv", FileEvent::kProcessed);
    CHECK(f.discover("a.csv", "one", 2) == Discovery::kSame);  // only its inode changed
    CHECK(f.discover("a.csv", "one", 3) == Discovery::kExportedAgain);
    CHECK(f.newest("a.csv").export_number == 2);
  }
  SECTION("refused stays refused until the bytes change") {
    f.move("a.csv", FileEvent::kRefused);
    CHECK(f.discover("a.csv", "one", 3) == Discovery::kStaysRefused);
    CHECK(f.newest("a.csv").state == FileState::kRefused);
    CHECK(f.discover("a.csv", "mended", 4) == Discovery::kNew);
  }
}

TEST_CASE("ledger: the second of two equal files is held until the first is verified",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "same");
  f.discover("b.csv", "same");
  f.discover("c.csv", "other");
  const auto names = [&] {
    std::string out;
    for (const JobFile& file : f.ledger->files_to_register(10)) out += file.relative_path + " ";
    return out;
  };
  CHECK(names() == "a.csv c.csv ");
  f.move("a.csv", FileEvent::kRegistered);
  CHECK(names() == "c.csv ");
  f.move("a.csv", FileEvent::kArrived);
  CHECK(names() == "c.csv ");  // what arrived may still turn out to be other bytes
  f.move("a.csv", FileEvent::kVerified);
  CHECK(names() == "b.csv c.csv ");
}

TEST_CASE("ledger: a due time in the far future comes from a clock stepped back and counts as due",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "a");
  f.ledger->put_off(f.newest("a.csv").file_number, f.clock.now_ms() + 60'000, {"WB-1204", "m", {}});
  CHECK(f.ledger->files_to_register(10).empty());
  f.clock.step_wall_clock(-86'400'000);
  CHECK(f.ledger->files_to_register(10).size() == 1);
}

TEST_CASE("ledger: cursor, specs and moves of a sync are stored together or not at all",
          "[agent][ledger]") {
  LedgerFixture f;
  f.discover("a.csv", "a");
  SyncResult result;
  result.cursor = 41;
  result.specs = wire::Specs{"digest", {{FileTag("recipe"), 1, {{"file_tag", "recipe"}}}}, {}};
  result.moves = {{.file = f.newest("a.csv").file_number,
                   .from = FileState::kUploaded,
                   .event = FileEvent::kArrived}};
  CHECK(code_of([&] { f.ledger->apply_sync(result); }) == "WB-1105");
  CHECK(f.ledger->meta_number(meta::kSyncCursor) == 0);
  CHECK(f.ledger->specs().empty());
  result.moves.clear();
  f.ledger->apply_sync(result);
  f.close();
  f.open();
  CHECK(f.ledger->meta_number(meta::kSyncCursor) == 41);
  CHECK(f.ledger->specs().size() == 1);
}

// Goal:   a ledger of an earlier release keeps every file, its place in its job and its events.
// Method: the first migration alone makes a ledger with a job, two files and their events.
TEST_CASE("ledger: one of an earlier release is brought up to date and loses nothing",
          "[agent][ledger]") {
  LedgerFixture f;
  f.close();
  std::filesystem::remove(f.file());
  const std::string hash(64, 'a');
  {
    SecondConnection old(f.file());
    REQUIRE(old.run(std::string(ledger_migrations().front().sql)) == "");
    REQUIRE(old.run("INSERT INTO job VALUES (1, 'key', '2026-11-20', 'nightly', 'open', '', 1, 1, "
                    "0)") == "");
    REQUIRE(old.run("INSERT INTO job_file (relative_path, content_sha256, file_tag, size_bytes, "
                    "mtime_ns, state, job_number, job_file_id, discovered_at_ms, updated_at_ms) "
                    "VALUES ('recipe.csv', '" +
                    hash + "', 'recipe', 12, 5, 'verified', 1, 'id-1', 7, 8)") == "");
    REQUIRE(old.run("INSERT INTO event VALUES (1, 7, 'discovered', 'recipe.csv', '" + hash +
                    "', 1, '', 'ready', '{}', '" + std::string(64, '0') + "', 'h1')") == "");
    REQUIRE(old.run("PRAGMA user_version = 1; PRAGMA application_id = 1465467468;") == "");
  }
  f.open();
  const JobFile file = f.newest("recipe.csv");
  CHECK(file.original_sha256 == hash);
  CHECK(file.part_count == 1);
  CHECK(file.part.size_bytes() == 12);
  CHECK(file.state == FileState::kVerified);
  CHECK(file.job_key.value == "key");
  CHECK(file.job_file_id.value == "id-1");
  SecondConnection look(f.file());
  CHECK(look.ask("SELECT file_number FROM event WHERE seq = 1") == "1");
  CHECK(look.ask("PRAGMA foreign_key_check") == "");
  CHECK(look.run("DELETE FROM job_file") == "a version of a file is never forgotten");
  f.move("recipe.csv", FileEvent::kStaged);
}
