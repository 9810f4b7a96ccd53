#include "agent/engine/tidier.h"

#include <catch2/catch.hpp>

#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

struct TidyFixture : EngineFixture {
  explicit TidyFixture(AfterProcessed action, std::int64_t after_days = 0) {
    settings.after_processed = {action, "/done", after_days};
    nlohmann::json recipe = spec("recipe");
    recipe["split_rows"] = 2;
    central.specs.specs[0] = {FileTag("recipe"), 2, recipe};
    central.specs.digest = "specs-2";
    restart();
    run_steps(10);
  }
  void tidy() { run_steps(200); }
  [[nodiscard]] bool is_there(const std::string& path) { return files.stat(path).has_value(); }
  [[nodiscard]] std::string bytes(const std::string& path) {
    return read_whole_file(files, path, 1'000);
  }
  [[nodiscard]] std::string events(const std::string& name) {
    return SecondConnection(file()).ask(
        "SELECT group_concat(kind) FROM (SELECT kind FROM event WHERE relative_path = '" + name +
        "' AND kind LIKE 'local%' ORDER BY seq)");
  }
};

const std::string kThreeRows = "code\nA\nB\nC\n";

}  // namespace

TEST_CASE("tidier: by default a delivered file stays where it is", "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kKeep);
  f.put("recipe_1.csv", kThreeRows);
  REQUIRE(f.run_until_settled());
  f.tidy();
  CHECK(f.is_there("/export/recipe_1.csv"));
}

TEST_CASE("tidier: a processed file moves to the folder of its delivery, and its story says so",
          "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kMove);
  f.put("sub/recipe_1.csv", kThreeRows);
  REQUIRE(f.run_until_settled());
  f.tidy();
  CHECK_FALSE(f.is_there("/export/sub/recipe_1.csv"));
  CHECK(f.bytes("/done/2025-11-21/sub/recipe_1.csv") == kThreeRows);
  CHECK(f.events("sub/recipe_1.csv") == "local_leaves,local_moved");
  CHECK(f.path_state("sub/recipe_1.csv") == "none");
  CHECK(f.states_of("sub/recipe_1.csv") == "archived,archived");
}

TEST_CASE("tidier: a second file of the name gets a number, a duplicate leaves too",
          "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kMove);
  for (const char* bytes : {"code\n1\n", "code\n2\n", "code\n1\n"}) {
    f.put("recipe_1.csv", bytes);
    f.tidy();
    REQUIRE_FALSE(f.is_there("/export/recipe_1.csv"));
  }
  CHECK(f.bytes("/done/2025-11-21/recipe_1.csv") == "code\n1\n");
  CHECK(f.bytes("/done/2025-11-21/recipe_1-2.csv") == "code\n2\n");
  CHECK(f.bytes("/done/2025-11-21/recipe_1-3.csv") == "code\n1\n");
}

TEST_CASE("tidier: a file is deleted after its days, not earlier", "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kDelete, 3);
  f.put("recipe_1.csv", kThreeRows);
  REQUIRE(f.run_until_settled());
  f.clock.advance(2 * 86'400'000LL);
  f.tidy();
  CHECK(f.is_there("/export/recipe_1.csv"));
  f.clock.advance(1 * 86'400'000LL);
  f.tidy();
  CHECK_FALSE(f.is_there("/export/recipe_1.csv"));
  CHECK(f.events("recipe_1.csv") == "local_leaves,local_deleted");
}

// Goal:   no file is touched before PROCESSED of all its parts.
// Method: central stops working one step later each round.
TEST_CASE("tidier: a file stays until every part is processed", "[agent][tidier]") {
  for (int works = 0; works < 8; ++works) {
    CAPTURE(works);
    TidyFixture f(AfterProcessed::kDelete);
    f.put("recipe_1.csv", kThreeRows);
    int done = 0;
    for (int i = 0; i < 300; ++i) {
      if (i > 100 && done < works && f.central.work()) ++done;
      f.step(false);
    }
    const auto files = f.central.files_of("recipe_1.csv");
    REQUIRE(files.size() == 2);
    const bool is_processed = std::all_of(files.begin(), files.end(), [](const auto& file) {
      return file.state == "processed" || file.state == "archived";
    });
    CHECK(f.is_there("/export/recipe_1.csv") == !is_processed);
  }
}

TEST_CASE("tidier: a refused file and a file of other bytes stay", "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kDelete);
  f.put("recipe_1.csv", "code\nBROKEN\n");
  f.tidy();
  CHECK(f.is_there("/export/recipe_1.csv"));
}

// Goal:   bytes that were not delivered are never removed, whatever size and time say.
// Method: the file is rewritten under the same size and time before its days are over.
TEST_CASE("tidier: bytes rewritten since they were delivered stay and are delivered as new",
          "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kDelete, 1);
  f.put("recipe_1.csv", "code\nOLD\n");
  REQUIRE(f.run_until_settled());
  f.files.tamper("/export/recipe_1.csv", "code\nNEW\n");
  f.clock.advance(90'000'000);
  f.tidy();
  CHECK(f.central.stagings(sha256_hex("code\nNEW\n")) == 1);
  CHECK(f.is_there("/export/recipe_1.csv"));
  f.clock.advance(90'000'000);
  f.tidy();
  CHECK_FALSE(f.is_there("/export/recipe_1.csv"));
}

TEST_CASE("tidier: what cannot be moved is told once, tried again, and others go on",
          "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kMove);
  f.files.write_protect("/export/locked");
  f.put("locked/recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  f.tidy();
  f.clock.advance(2 * 3'600'000);
  f.tidy();
  CHECK(f.is_there("/export/locked/recipe_1.csv"));
  CHECK_FALSE(f.is_there("/export/recipe_2.csv"));
  CHECK(f.ledger->find_path("locked/recipe_1.csv")->error_code == "WB-1311");
  CHECK(f.events("locked/recipe_1.csv") == "local_leaves,local_stays");
  f.files.write_protect("/export/locked", false);
  f.clock.advance(2 * 3'600'000);
  f.tidy();
  CHECK_FALSE(f.is_there("/export/locked/recipe_1.csv"));
  CHECK(f.events("locked/recipe_1.csv") == "local_leaves,local_stays,local_moved");
}

TEST_CASE("tidier: a folder on another disk gets a copy before the file goes", "[agent][tidier]") {
  TidyFixture f(AfterProcessed::kMove);
  f.files.mount("/done");
  f.put("recipe_1.csv", kThreeRows);
  f.tidy();
  CHECK_FALSE(f.is_there("/export/recipe_1.csv"));
  CHECK(f.bytes("/done/2025-11-21/recipe_1.csv") == kThreeRows);
}
