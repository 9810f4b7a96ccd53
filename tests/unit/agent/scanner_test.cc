#include "agent/watch/scanner.h"

#include <catch2/catch.hpp>

#include "core/error.h"
#include "tests/unit/agent/ledger_fixture.h"

using namespace waybill;

namespace {

constexpr std::int64_t kQuietMs = 2'000;

nlohmann::json spec(const std::string& tag, const std::string& pattern) {
  return {{"file_tag", tag},
          {"entity", "recipe"},
          {"file_name", pattern},
          {"format", "csv"},
          {"columns", {{{"name", "code"}, {"to", "code"}}}}};
}

struct ScannerFixture : LedgerFixture {
  std::filesystem::path root = "/export";
  SpecBook specs;
  Scanner scanner{files, clock, *ledger, root, kQuietMs};

  ScannerFixture() {
    files.make_folders(root);
    specs.fill({{FileTag("recipe"), 1, spec("recipe", "recipe_*.csv")},
                {FileTag("night"), 1, spec("night", "*_night.csv")}});
  }
  /// Lets time pass in small steps, looking each time, as the engine does.
  void pass(std::int64_t ms) {
    for (std::int64_t at = 0; at < ms; at += 500) {
      clock.advance(500);
      scanner.settle(specs, 100);
    }
  }
  std::string state_of(const std::string& path) {
    const auto record = ledger->find_path(path);
    return record ? std::string(to_string(record->state)) : "none";
  }
};

}  // namespace

TEST_CASE("scanner: a file is due only after it has rested for the quiet period",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "code\n");
  f.scanner.scan();
  CHECK(f.state_of("recipe_1.csv") == "settling");
  f.pass(1'500);
  CHECK(f.state_of("recipe_1.csv") == "settling");
  f.pass(500);
  CHECK(f.state_of("recipe_1.csv") == "due");
}

TEST_CASE("scanner: a file that grows slowly is never found at rest while it grows",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "code\n");
  f.scanner.scan();
  for (int i = 0; i < 20; ++i) {
    f.pass(1'500);
    f.files.append("/export/recipe_1.csv", "R\n");
    f.scanner.scan();
    REQUIRE(f.state_of("recipe_1.csv") == "settling");
  }
  f.pass(4'500);
  CHECK(f.state_of("recipe_1.csv") == "due");
}

TEST_CASE("scanner: a change that no scan has seen is noticed when the quiet period ends",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "code\n");
  f.scanner.scan();
  f.pass(1'000);
  f.files.append("/export/recipe_1.csv", "R\n");
  f.pass(2'500);
  CHECK(f.state_of("recipe_1.csv") == "settling");
  f.pass(1'000);
  CHECK(f.state_of("recipe_1.csv") == "due");
  CHECK(f.ledger->find_path("recipe_1.csv")->size_bytes == 7);
}

TEST_CASE("scanner: how old or young the file says it is does not matter, nor does the wall clock",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "old");
  f.files.touch("/export/recipe_1.csv", 1);
  f.files.write("/export/recipe_2.csv", "from the future");
  f.files.touch("/export/recipe_2.csv", (f.clock.now_ms() + 86'400'000) * 1'000'000);
  f.scanner.scan();
  f.clock.step_wall_clock(86'400'000);
  f.pass(1'500);
  CHECK(f.state_of("recipe_1.csv") == "settling");
  f.clock.step_wall_clock(-2 * 86'400'000);
  f.pass(500);
  CHECK(f.state_of("recipe_1.csv") == "due");
  CHECK(f.state_of("recipe_2.csv") == "due");
}

TEST_CASE("scanner: unknown, ambiguous and unreadable names and links are recorded and left alone",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/notes.txt", "x");
  f.files.write("/export/recipe_1_night.csv", "x");
  f.files.write("/export/recipe_\xff.csv", "x");
  f.files.link("/export/recipe_link.csv");
  f.scanner.scan();
  f.pass(2'000);
  CHECK(f.state_of("notes.txt") == "unknown");
  CHECK(f.state_of("recipe_1_night.csv") == "ambiguous");
  CHECK(f.state_of("recipe_\xEF\xBF\xBD.csv") == "not_text");
  CHECK(f.state_of("recipe_link.csv") == "not_regular");
  CHECK(f.ledger->paths_in(PathState::kDue, 10).empty());
  CHECK(f.files.open_count() == 0);  // nothing of it was read
  SecondConnection look(f.file());
  CHECK(look.ask("SELECT group_concat(error_code) FROM (SELECT error_code FROM path ORDER BY 1)") ==
        "WB-1304,WB-1306,WB-1308,WB-1309");
  const std::string events = look.ask("SELECT count(*) FROM event WHERE kind <> 'ledger_begun'");
  CHECK(events == "4");
  f.scanner.scan();
  f.pass(2'000);
  CHECK(look.ask("SELECT count(*) FROM event WHERE kind <> 'ledger_begun'") ==
        events);  // said once
}

TEST_CASE("scanner: a folder that is away makes nobody forget anything", "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "code\n");
  f.scanner.scan();
  f.pass(2'000);
  f.files.take_away(f.root);
  CHECK_THROWS_AS(f.scanner.scan(), Error);
  CHECK(f.state_of("recipe_1.csv") == "due");
  f.files.bring_back(f.root);
  CHECK(f.scanner.scan().vanished_count == 0);
}

TEST_CASE("scanner: what lies below a folder that may not be read is not taken for gone",
          "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/night/recipe_1.csv", "code\n");
  f.files.write("/export/recipe_2.csv", "code\n");
  f.scanner.scan();
  f.pass(2'000);
  f.files.forbid("/export/night");
  f.files.remove("/export/recipe_2.csv");
  const ScanReport report = f.scanner.scan();
  CHECK(report.unreadable_folders.size() == 1);
  CHECK(f.state_of("night/recipe_1.csv") == "due");
  CHECK(f.state_of("recipe_2.csv") == "none");
}

TEST_CASE("scanner: new specs let a name that was unknown be matched again", "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/notes.txt", "x");
  f.scanner.scan();
  f.pass(2'000);
  REQUIRE(f.state_of("notes.txt") == "unknown");
  f.specs.fill({{FileTag("notes"), 1, spec("notes", "notes.txt")}});
  f.ledger->rematch_paths();
  f.scanner.scan();
  f.pass(2'000);
  CHECK(f.state_of("notes.txt") == "due");
}

TEST_CASE("scanner: a file that settles across a restart settles anew", "[agent][scanner]") {
  ScannerFixture f;
  f.files.write("/export/recipe_1.csv", "code\n");
  f.scanner.scan();
  f.pass(1'500);
  Scanner after_restart(f.files, f.clock, *f.ledger, f.root, kQuietMs);
  after_restart.scan();
  f.clock.advance(1'500);
  after_restart.settle(f.specs, 100);
  CHECK(f.state_of("recipe_1.csv") == "settling");
  f.clock.advance(500);
  after_restart.settle(f.specs, 100);
  CHECK(f.state_of("recipe_1.csv") == "due");
}
