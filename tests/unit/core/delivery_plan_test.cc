#include "core/delivery_plan.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using nlohmann::json;

namespace {

json full_plan() {
  return json::parse(R"({"name": "evening", "day_starts": "04:30", "deadline": "07:15",
      "deadline_days": 2, "weekdays": ["mon", "sun"], "wait_s": 60, "older_files": "accept",
      "files": [
        {"file_tag": "recipe", "rank": 1, "required": false, "many": true},
        {"file_tag": "recipe_line", "rank": 2}]})");
}

std::string refusal(const json& plan) {
  try {
    static_cast<void>(parse_delivery_plan(plan));
    return "";
  } catch (const Error& error) {
    CHECK(&error.code() == &error_code::kSpecInvalid);
    return error.what();
  }
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("delivery plan: every key is read", "[core][delivery_plan]") {
  const DeliveryPlan plan = parse_delivery_plan(full_plan());
  CHECK(plan.name == "evening");
  CHECK(plan.day_starts_min == 4 * 60 + 30);
  CHECK(plan.deadline_min == 7 * 60 + 15);
  CHECK(plan.deadline_days == 2);
  CHECK(plan.weekdays == std::array<bool, 7>{true, false, false, false, false, false, true});
  CHECK(plan.wait_s == 60);
  CHECK(plan.accepts_older_files);
  REQUIRE(plan.files.size() == 2);
  CHECK(plan.files[0].rank == 1);
  CHECK_FALSE(plan.files[0].required);
  CHECK(plan.files[0].many);
  CHECK(plan.files[1].required);
  CHECK_FALSE(plan.files[1].many);
  REQUIRE(plan.find(FileTag("recipe_line")) != nullptr);
  CHECK(plan.find(FileTag("recipe_line"))->rank == 2);
  CHECK(plan.find(FileTag("party")) == nullptr);
  CHECK(to_json(parse_delivery_plan(to_json(plan))) == to_json(plan));
}

TEST_CASE("delivery plan: what is left out has its default", "[core][delivery_plan]") {
  const json filled =
      to_json(parse_delivery_plan(json::parse(R"({"files": [{"file_tag": "party"}]})")));
  CHECK(filled == json::parse(R"({"name": "nightly", "day_starts": "00:00", "deadline": "00:00",
      "deadline_days": 1, "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
      "wait_s": 300, "older_files": "refuse",
      "files": [{"file_tag": "party", "rank": 0, "required": true, "many": false}]})"));
}

// Goal:   the published schema and the parser know the same keys and defaults.
TEST_CASE("delivery plan: the schema and the parser know the same keys", "[core][delivery_plan]") {
  std::ifstream file(source_folder() / "config/agency.schema.json");
  REQUIRE(file.good());
  const json schema = json::parse(file);
  const json& known = schema.at("properties").at("delivery").at("properties");
  const json written = to_json(parse_delivery_plan(full_plan()));
  CHECK(known.size() == written.size());
  const json plain =
      to_json(parse_delivery_plan(json::parse(R"({"files": [{"file_tag": "party"}]})")));
  for (const auto& [key, property] : known.items()) {
    INFO(key);
    CHECK(written.contains(key));
    if (property.contains("default") && plain.contains(key)) {
      CHECK(plain.at(key) == property.at("default"));
    }
  }
}

TEST_CASE("delivery plan: a bad value is refused with its place and what is allowed",
          "[core][delivery_plan]") {
  const auto says = [](const std::string& pointer, const json& value, const std::string& words) {
    json plan = full_plan();
    plan[json::json_pointer(pointer)] = value;
    INFO(pointer << " = " << value);
    CHECK_THAT(refusal(plan), Contains(words));
  };
  CHECK(refusal(full_plan()).empty());
  says("/dedline", "07:00", "mean \"deadline\"");
  says("/name", "", "1 to 255");
  says("/name", std::string(101, 'x'), "at most 100");
  for (const char* time : {"7:15", "24:00", "07:60", "07.15", "", "07:1x", "-1:00", "07:150"}) {
    says("/deadline", time, "00:00 to 23:59");
    says("/day_starts", time, "00:00 to 23:59");
  }
  says("/deadline_days", 8, "from 0 to 7");
  says("/deadline_days", -1, "from 0 to 7");
  says("/weekdays", json::array(), "at least one day");
  says("/weekdays", {"monday"}, "mon, tue");
  says("/weekdays", {"mon", "mon"}, "twice");
  says("/wait_s", -1, "whole number");
  says("/wait_s", 1.5, "whole number");
  says("/older_files", "ignore", "allowed are: refuse, accept");
  says("/files", json::array(), "1 to 500");
  says("/files", json::object(), "1 to 500");
  says("/files/0", "recipe", "must be an object");
  says("/files/0/file_tag", "Recipe", "lower-case");
  says("/files/1/file_tag", "recipe", "twice");
  says("/files/1/rank", -1, "files[1].rank");
  says("/files/1/required", "yes", "true or false");
  says("/files/1/tag", "x", "unknown key");
}

TEST_CASE("delivery plan: a deadline on the same day comes after the day's start",
          "[core][delivery_plan]") {
  json plan = full_plan();
  plan["deadline_days"] = 0;
  CHECK(refusal(plan).empty());
  plan["deadline"] = "04:30";
  CHECK_THAT(refusal(plan), Contains("after day_starts"));
  plan["deadline_days"] = 1;
  CHECK(refusal(plan).empty());
}
