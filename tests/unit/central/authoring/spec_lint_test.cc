#include "central/authoring/spec_lint.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

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
  some.file_tag.value = "b";
  some.file_name = "b_*.csv";
  CHECK(lint_together({all, some}).size() == 1);
}

namespace {

FileSpec spec_of(const std::string& tag, const std::string& file_name) {
  return parse_file_spec_text(
      R"json({"entity": "party", "columns": [{"name": "N", "to": "n"}], "file_tag": ")json" + tag +
      R"json(", "file_name": ")json" + file_name + "\"}");
}

std::vector<Remark> personal(const std::string& name, const std::string& to) {
  FileSpec spec = spec_of("a", "*");
  spec.columns[0].name = name;
  spec.columns[0].to = to;
  std::vector<Remark> found;
  for (const Remark& remark : lint(spec)) {
    if (remark.place == "columns[0].personal_data") found.push_back(remark);
  }
  return found;
}

}  // namespace

TEST_CASE("spec lint: a tag of two specs is an error, another tag than the file's name advice",
          "[central][authoring]") {
  const auto remarks =
      lint_together({spec_of("a", "a_*"), spec_of("b", "b_*"), spec_of("a", "c_*")});
  REQUIRE(remarks.size() == 1);
  CHECK(remarks[0].place == "file_tag");
  CHECK(remarks[0].is_error);
  CHECK(lint_name(spec_of("a", "a_*"), "folder/a.json").empty());
  const auto named = lint_name(spec_of("a", "a_*"), "folder/b.json");
  REQUIRE(named.size() == 1);
  CHECK_FALSE(named[0].is_error);
  CHECK_THAT(named[0].text, Contains("a.json"));
}

TEST_CASE("spec lint: patterns that can take one name are told, once", "[central][authoring]") {
  const auto overlap = [](const std::string& left, const std::string& right) {
    const auto remarks = lint_together({spec_of("a", left), spec_of("b", right)});
    CHECK(lint_together({spec_of("a", right), spec_of("b", left)}).size() == remarks.size());
    CHECK(remarks.size() <= 1);
    return !remarks.empty();
  };
  CHECK(overlap("x_*_1.csv", "x_2*"));
  CHECK(overlap("*", "b_*.csv"));
  CHECK(overlap("recipe_*.csv", "recipe_line_*.csv"));
  CHECK(overlap("A?.csv", "a[b-d].csv"));
  CHECK(overlap("[a-m].csv", "[!a-l].csv"));
  CHECK(overlap("[[].csv", "?.csv"));
  CHECK(overlap("[\u00e4].csv", "[\u00e0-\u00ff].csv"));
  CHECK_FALSE(overlap("[a-m].csv", "[n-z].csv"));
  CHECK_FALSE(overlap("x_*.csv", "y_*.csv"));
  CHECK_FALSE(overlap("x_*.csv", "x_*.txt"));
  CHECK_FALSE(overlap("x_1.csv", "x_12.csv"));
  CHECK_FALSE(overlap("x_??.csv", "x_*[0-9]0?.csv"));
}

TEST_CASE("spec lint: personal data is recognised in both names and four languages",
          "[central][authoring]") {
  for (const char* name : {"E-Mail",
                           "First Name",
                           "birthDate",
                           "CustomerSSN",
                           "Mobile No",
                           "IBAN",
                           "Vorname",
                           "Nachname",
                           "Geburtsdatum",
                           "Stra\xC3\x9F"
                           "e",
                           "STRASSE",
                           "Telefon",
                           "Tel.",
                           "Pr\xC3\xA9nom",
                           "Date de naissance",
                           "N\xC2\xB0 de t\xC3\xA9l\xC3\xA9phone",
                           "Apellido",
                           "fecha_nacimiento",
                           "Direcci\xC3\xB3n",
                           "DNI"}) {
    INFO(name);
    CHECK(personal(name, "x").size() == 1);
  }
  CHECK(personal("X", "email").size() == 1);
  for (const char* name : {"Hotel", "Fettgehalt", "Name", "Unit", "Kurzbezeichnung", "Massnahme"}) {
    INFO(name);
    CHECK(personal(name, "x").empty());
  }
}

TEST_CASE("spec lint: what spec init left to fill in is told", "[central][authoring]") {
  FileSpec spec = spec_of("a", "*");
  spec.columns[0].name = kPlaceholderName;
  const auto is_told = [&] {
    for (const Remark& remark : lint(spec)) {
      if (remark.place == "columns[0]") return true;
    }
    return false;
  };
  CHECK(is_told());
  spec.columns[0].name = "N";
  CHECK_FALSE(is_told());
  spec.columns[0].to = kPlaceholderKey;
  CHECK(is_told());
}

TEST_CASE("spec lint: two specs that wait for one another are told", "[central][authoring]") {
  const auto spec = [](const char* tag, const char* entity, const char* to, const char* action) {
    return parse_file_spec({{"file_tag", tag},
                            {"entity", entity},
                            {"file_name", std::string(tag) + "_*"},
                            {"columns", {{{"name", "N"}, {"to", "n"}}}},
                            {"references", {{{"entity", to}, {"key", {"n"}}}}},
                            {"on_finding", {{"reference-unknown", action}}}});
  };
  const FileSpec variant = spec("variant", "variant", "component", "refuse_file");
  const auto remarks =
      lint_together({variant, spec("component", "component", "variant", "refuse_file")});
  REQUIRE(remarks.size() == 1);
  CHECK_THAT(remarks[0].text, Contains("neither can be the first"));
  CHECK(lint_together({variant, spec("component", "component", "variant", "warn")}).empty());
  CHECK(
      lint_together({variant, spec("component", "component", "component", "refuse_file")}).empty());
}
