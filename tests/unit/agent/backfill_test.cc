#include <catch2/catch.hpp>

#include "agent/engine/backfiller.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

struct BackfillFixture : EngineFixture {
  BackfillFixture() {
    central.specs.digest = "specs-2";
    nlohmann::json dated = spec("party");
    dated["name_fields"] = "party_%Y%m%d*.csv";
    central.specs.specs = {{FileTag("recipe"), 2, spec("recipe")}, {FileTag("party"), 2, dated}};
    run_steps(20);
    files.write("/old/b/party_20240301.csv", "code\nP3\n");
    files.write("/old/party_20240102_late.csv", "code\nP2\n");
    files.write("/old/a/party_20240101.csv", "code\nP1\n");
    files.write("/old/recipe.csv", "code\nR\n");
    files.write("/old/readme.txt", "no file spec takes it");
  }
  void ask_for(bool is_ahead, const std::string& id = "request-1") {
    Backfill request;
    request.request_id = id;
    request.folder = "/old";
    request.as_of = "2024-02-01";
    request.delivery_name = "history";
    request.is_ahead = is_ahead;
    request.allow_older = true;
    request_backfill(files, settings.state_folder, request);
  }
  std::string ask(const std::string& sql) { return SecondConnection(file()).ask(sql); }
  /// Names in the order central was told of them.
  std::string told() {
    std::string out;
    for (const CentralModel::File& entry : central.files()) {
      out += (out.empty() ? "" : " ") + entry.offer.relative_path;
    }
    return out;
  }
  bool run_until_done(int limit = 600) {
    for (int i = 0; i < limit; ++i) {
      step();
      if (ask("SELECT min(state = 'done') FROM backfill") == "1") return true;
    }
    return false;
  }
};

const std::string kInOrder =
    "waybill-backfill-1/a/party_20240101.csv waybill-backfill-1/party_20240102_late.csv "
    "waybill-backfill-1/recipe.csv waybill-backfill-1/b/party_20240301.csv";

}  // namespace

TEST_CASE("backfill: a folder of history travels date after date, under its own names",
          "[agent][backfill]") {
  BackfillFixture f;
  f.ask_for(false);
  REQUIRE(f.run_until_done());
  f.run_steps(40);
  CHECK(f.told() == kInOrder);
  CHECK(f.states_of("waybill-backfill-1/recipe.csv") == "archived");
  CHECK(f.newest("waybill-backfill-1/recipe.csv").delivery_date == "2024-02-01");
  CHECK(f.ask("SELECT group_concat(delivery_date || ' ' || delivery_name || ' ' || state, ', ')"
              "  FROM job") ==
        "2024-01-01 history closed, 2024-01-02 history closed, 2024-02-01 history closed, "
        "2024-03-01 history closed");
  CHECK(f.ask("SELECT file_count || ' ' || left_alone_count FROM backfill") == "4 1");
  CHECK(f.files.stat("/old/recipe.csv"));  // only read
}

TEST_CASE("backfill: ahead, nightly files wait until history is delivered", "[agent][backfill]") {
  BackfillFixture f;
  f.ask_for(true);
  f.put("recipe_tonight.csv", "code\nT\n");
  REQUIRE(f.run_until_done());
  REQUIRE(f.run_until_settled());
  CHECK(f.told() == kInOrder + " recipe_tonight.csv");
}

TEST_CASE("backfill: behind, nightly files pass", "[agent][backfill]") {
  BackfillFixture f;
  f.ask_for(false);
  f.put("recipe_tonight.csv", "code\nT\n");
  REQUIRE(f.run_until_done());
  CHECK(f.told() == "recipe_tonight.csv " + kInOrder);
}

// Goal:   a kill at any moment of a backfill loses nothing and sends nothing twice.
// Method: the process dies after n steps, for every n, and starts again.
TEST_CASE("backfill: a kill anywhere leads to the same end", "[agent][backfill][fault]") {
  for (int deadly = 1; deadly < 60; deadly += 3) {
    BackfillFixture f;
    f.ask_for(true);
    f.run_steps(deadly);
    f.restart();
    INFO(deadly);
    REQUIRE(f.run_until_done());
    f.run_steps(20);
    CHECK(f.told() == kInOrder);
    for (const char* bytes : {"code\nP1\n", "code\nP2\n", "code\nP3\n", "code\nR\n"}) {
      CHECK(f.central.stagings(sha256_hex(bytes)) == 1);
    }
  }
}

TEST_CASE("backfill: the same request found twice is one; the same folder again is duplicates",
          "[agent][backfill]") {
  BackfillFixture f;
  f.ask_for(false);
  REQUIRE(f.run_until_done());
  f.ask_for(false);  // as after a kill between ledger and removal
  f.run_steps(20);
  CHECK(f.ask("SELECT count(*) FROM backfill") == "1");
  f.ask_for(false, "request-2");
  f.run_steps(5);
  REQUIRE(f.run_until_done());
  CHECK(f.states_of("waybill-backfill-2/recipe.csv") == "duplicate");
  CHECK(f.central.stagings(sha256_hex("code\nR\n")) == 1);
}

TEST_CASE("backfill: a folder that is away is waited for and told", "[agent][backfill]") {
  BackfillFixture f;
  f.files.take_away("/old");
  f.ask_for(false);
  f.run_steps(60);
  CHECK(f.ask("SELECT state FROM backfill") == "reading");
  CHECK(f.ledger->meta(meta::kFolderProblem).find("waybill-backfill-1") != std::string::npos);
  f.files.bring_back("/old");
  REQUIRE(f.run_until_done());
  CHECK(f.told() == kInOrder);
}
