// A file in parts, from the partner's disk to central and back, and files that get another try.
#include <catch2/catch.hpp>

#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

/// The engine with a spec for recipes that cuts every two rows.
struct PartsFixture : EngineFixture {
  PartsFixture() { publish({{"split_rows", 2}}, 2); }

  /// Central publishes the recipes' spec anew, with these keys.
  void publish(const nlohmann::json& more, std::int32_t version) {
    nlohmann::json recipe = spec("recipe");
    recipe["file_name"] = "*recipe*.csv";
    recipe.update(more);
    central.specs.specs[0] = {FileTag("recipe"), version, recipe};
    central.specs.digest = "specs-" + std::to_string(version);
    run_steps(10);
  }
  [[nodiscard]] std::string count(const std::string& where) {
    return SecondConnection(file()).ask("SELECT count(*) FROM job_file WHERE " + where);
  }
  /// What central holds of a file, in the order of its parts.
  [[nodiscard]] std::vector<std::string> objects_of(const std::string& name) {
    std::vector<std::string> out;
    for (const CentralModel::File& file : central.files_of(name)) {
      out.push_back(central.objects.at(file.path));
    }
    return out;
  }
};

const std::string kFiveRows = "code\nA\nB\nC\nD\nE\n";

}  // namespace

TEST_CASE("parts: a file above its limit travels in parts that know their rows",
          "[agent][engine][split]") {
  PartsFixture f;
  f.put("recipe_1.csv", kFiveRows);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived,archived,archived");
  CHECK(f.objects_of("recipe_1.csv") ==
        std::vector<std::string>{"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"});
  const auto files = f.central.files_of("recipe_1.csv");
  for (std::int32_t i = 0; i < 3; ++i) {
    const wire::OfferedFile& offer = files[static_cast<std::size_t>(i)].offer;
    CHECK(offer.original_sha256 == sha256_hex(kFiveRows));
    CHECK(offer.part_number == i + 1);
    CHECK(offer.part_count == 3);
    CHECK(offer.first_source_row == 1 + 2 * i);
    CHECK(f.central.stagings(offer.content_sha256) == 1);
  }
  CHECK(f.central.jobs.size() == 1);
}

TEST_CASE("parts: a file below the limit travels whole", "[agent][engine][split]") {
  PartsFixture f;
  f.put("recipe_1.csv", "code\nA\nB\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.files().at(0).offer.original_sha256.empty());
}

TEST_CASE("parts: a file of equal rows has equal parts, and each is staged",
          "[agent][engine][split]") {
  PartsFixture f;
  f.put("recipe_1.csv", "code\nA\nA\nA\nA\nA\nA\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived,archived,archived");
  CHECK(f.central.stagings(sha256_hex("code\nA\nA\n")) == 3);
}

TEST_CASE("parts: the same file exported again is a duplicate, part for part",
          "[agent][engine][split]") {
  PartsFixture f;
  f.put("recipe_1.csv", kFiveRows);
  REQUIRE(f.run_until_settled());
  f.run_steps(40);
  f.put("recipe_1.csv", kFiveRows);
  REQUIRE(f.run_until_settled());
  CHECK(f.count("state = 'duplicate'") == "3");
  CHECK(f.central.calls["put"] == 3);
}

// Goal:   a process killed at any moment loses no part and sends none twice.
// Method: the engine is dropped after each number of steps, once a run.
TEST_CASE("parts: killed after any step, every part is staged exactly once",
          "[agent][engine][split]") {
  for (int kill_after = 1; kill_after <= 40; ++kill_after) {
    CAPTURE(kill_after);
    PartsFixture f;
    f.put("recipe_1.csv", kFiveRows);
    f.run_steps(kill_after);
    f.restart();
    REQUIRE(f.run_until_settled(2'000));
    REQUIRE(f.states_of("recipe_1.csv") == "archived,archived,archived");
    for (const char* part : {"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"}) {
      REQUIRE(f.central.stagings(sha256_hex(part)) == 1);
    }
  }
}

TEST_CASE("parts: a file that changes before all parts are sent stages nothing of the old bytes",
          "[agent][engine][split]") {
  PartsFixture f;
  const std::string after = "code\nV\nW\nX\n";
  bool done = false;
  f.central.after_call = [&](const std::string& call) {
    if (call == "put" && !std::exchange(done, true)) f.put("recipe_1.csv", after);
  };
  f.put("recipe_1.csv", kFiveRows);
  f.run_steps(300);
  CHECK(f.central.stagings(sha256_hex("code\nA\nB\n")) == 0);
  CHECK(f.count("original_sha256 = '" + sha256_hex(kFiveRows) + "' AND state = 'superseded'") ==
        "3");  // also the part that had arrived: central let go of the set
  CHECK(f.count("original_sha256 = '" + sha256_hex(after) + "' AND state = 'archived'") == "2");
}

TEST_CASE("parts: bytes rewritten in a later part without moving size or time are not delivered",
          "[agent][engine][split]") {
  PartsFixture f;
  bool done = false;
  f.central.after_call = [&](const std::string& call) {
    if (call != "put" || std::exchange(done, true)) return;
    f.files.tamper("/export/recipe_1.csv", "code\nA\nB\nC\nX\nE\n");
  };
  f.put("recipe_1.csv", kFiveRows);
  f.run_steps(200);
  const std::string after = "code\nA\nB\nC\nX\nE\n";
  CHECK(f.count("original_sha256 = '" + sha256_hex(kFiveRows) + "' AND state <> 'superseded'") ==
        "0");
  CHECK(f.count("original_sha256 = '" + sha256_hex(after) + "' AND state = 'archived'") == "3");
  CHECK(f.central.stagings(sha256_hex("code\nC\nD\n")) == 0);
}

TEST_CASE("names: a partner's file called like one of central's is just a file",
          "[agent][engine][split]") {
  PartsFixture f;
  const std::vector<std::string> names = {
      "processed_recipe.csv",
      "unprocessed_recipe.csv",
      "processed_2026-11-20T23_59_59_123456_raw_recipe.csv",
      "archive_recipe-part00001.csv",
      "processed/processed_recipe_processed_.csv",
  };
  for (const std::string& name : names) f.put(name, "code\n" + name + "\n");
  REQUIRE(f.run_until_settled(1'000));
  for (const std::string& name : names) {
    CHECK(f.states_of(name) == "archived");
    REQUIRE(f.central.files_of(name).size() == 1);
    CHECK(f.central.stagings(sha256_hex("code\n" + name + "\n")) == 1);
  }
}

TEST_CASE("refused: a newer file spec judges the same bytes again, an unchanged one does not",
          "[agent][engine]") {
  PartsFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  f.put("recipe_2.csv", "code\nFINE\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused");
  f.central.specs.digest = "another digest, the recipes' version as before";
  f.run_steps(60);
  CHECK(f.states_of("recipe_1.csv") == "refused");
  f.central.refused_word = "WORSE";
  f.publish({{"description", "takes it"}}, 3);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused,archived");
  CHECK(f.states_of("recipe_2.csv") == "archived");
  f.publish({{"description", "once more"}}, 4);
  f.run_steps(60);
  CHECK(f.states_of("recipe_1.csv") == "refused,archived");
}

TEST_CASE("refused: a file that central's operator retries is followed to its end",
          "[agent][engine]") {
  PartsFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  REQUIRE(f.run_until_settled());
  f.central.refused_word = "WORSE";
  f.central.retry("recipe_1.csv");
  f.run_steps(60);
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK_FALSE(f.newest("recipe_1.csv").problem);
}

TEST_CASE("retired: what central's operator took out is taken again when it is exported again",
          "[agent][engine]") {
  PartsFixture f;
  f.put("recipe_1.csv", "code\nA\n");
  REQUIRE(f.run_until_settled());
  f.central.retire("recipe_1.csv");
  f.run_steps(60);
  CHECK(f.states_of("recipe_1.csv") == "refused");
  f.put("recipe_1.csv", "code\nA\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused,archived");
  CHECK(f.central.stagings(sha256_hex("code\nA\n")) == 2);
}

TEST_CASE("refused: what central keeps refusing under its first entry is refused, not a duplicate",
          "[agent][engine]") {
  PartsFixture f;
  f.settings.close_after_idle_ms = 10'000'000;  // the same job, so central finds the same entry
  f.restart();
  f.put("recipe_1.csv", "code\nBROKEN\n");
  REQUIRE(f.run_until_settled());
  f.publish({{"description", "no better"}}, 3);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused,refused");
  REQUIRE(f.newest("recipe_1.csv").problem);
  CHECK(f.newest("recipe_1.csv").problem->code == "WB-3002");
}
