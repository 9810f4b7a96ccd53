#include "central/authoring/spec_lint.h"

#include <catch2/catch.hpp>

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;

TEST_CASE("spec lint: advice with its place", "[central][authoring]") {
  const auto remarks = [](const char* more) {
    std::vector<std::string> places;
    for (const Remark& remark : lint(parse_file_spec_text(
             std::string(R"json({"file_tag": "a", "entity": "party", "file_name": "*.csv")json") +
             more + "}"))) {
      places.push_back(remark.place);
    }
    return places;
  };
  using Places = std::vector<std::string>;
  CHECK(remarks(R"json(, "columns": [{"name": "N", "to": "n", "required": true}],
                "natural_key": ["n"], "natural_key_unique": true)json")
            .empty());
  CHECK(remarks(R"json(, "columns": [{"name": "N", "to": "n"}])json") == Places{"natural_key"});
  CHECK(remarks(R"json(, "columns": [{"name": "N", "to": "n", "optional": true}],
                "natural_key": ["n"])json") ==
        Places{"natural_key_unique", "columns[0].optional", "columns[0].required"});
  CHECK(remarks(R"json(, "columns": [{"name": "N", "to": "n", "required": true},
                {"name": "E", "to": "email", "pattern": "[a-z]+", "known_values": ["1"]}],
                "natural_key": ["n"], "natural_key_unique": true, "quote": null)json") ==
        Places{"columns[1].pattern", "columns[1].personal_data", "quote"});
  CHECK(remarks(R"json(, "columns": [
                {"name": "N", "to": "n", "required": true, "type": "timestamp",
                 "date_format": "%Y-%m-%d %H%z"},
                {"name": "A", "to": "a", "type": "timestamp", "date_format": "%Y-%m-%d %H",
                 "time_zone": "CET"},
                {"name": "B", "to": "b", "type": "timestamp", "date_format": "%Y-%m-%d %H",
                 "time_zone": "Europe/Paris"},
                {"name": "C", "to": "c", "type": "date", "date_format": "%Y-%m-%d %H"}],
                "natural_key": ["n"], "natural_key_unique": true)json") ==
        Places{"columns[0].to", "columns[1].time_zone", "columns[3].date_format"});
  const FileSpec all = parse_file_spec_text(
      R"json({"file_tag": "a", "entity": "party", "file_name": "*", "columns": [{"name": "N", "to": "n"}]})json");
  FileSpec some = all;
  some.file_name = "b_*.csv";
  CHECK(lint_together({all, some}).size() == 1);
}
