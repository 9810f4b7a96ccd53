#include "central/authoring/spec_learner.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "central/authoring/spec_lint.h"
#include "central/authoring/spec_test.h"
#include "core/error.h"
#include "tests/support/temporary_folder.h"

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;
using nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

struct Samples {
  TemporaryFolder folder;

  fs::path add(const std::string& name, const std::string& bytes) {
    const fs::path path = folder.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
};

Learned learn(const std::vector<fs::path>& samples, bool with_known_values = false) {
  return learn_spec(system_file_system(), samples, {"component", "component", with_known_values});
}

/// Rows of a stock list: number with zeros in front, text, amount, date, flag, word, dash for null.
std::string stock(int from, int rows, const char* delimiter = ";") {
  const std::string d = delimiter;
  std::string text = "Art.-Nr." + d + "Bezeichnung" + d + "Menge" + d + "Geändert" + d + "Aktiv" +
                     d + "Einheit\r\n";
  for (int i = from; i < from + rows; ++i) {
    text += "00" + std::to_string(1000 + i) + d + "\"Ware " + std::to_string(i % 7) + d +
            " lose\"" + d + (i % 9 == 0 ? "-" : std::to_string(i) + ".50") + d +
            (i % 2 == 0 ? "31.12.2025" : "01.02.2026") + d + (i % 3 == 0 ? "J" : "N") + d +
            (i % 2 == 0 ? "kg" : "Stk") + "\r\n";
  }
  return text;
}

const ordered_json& column(const Learned& learned, const std::string& name) {
  for (const ordered_json& one : learned.spec["columns"]) {
    if (one["name"] == name) return one;
  }
  FAIL("no column " << name);
  return learned.spec;
}

}  // namespace

TEST_CASE("spec learner: dialect, header, types, nulls and key of a German stock list",
          "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add("Bestand_20261120.csv", stock(1, 90)),
                                 samples.add("Bestand_20261121.csv", stock(91, 90))});
  CHECK(learned.spec["file_name"] == "Bestand_*.csv");
  CHECK(learned.spec["delimiter"] == ";");
  CHECK(learned.spec["quotes"] == "strict");
  CHECK(learned.spec["header"] == true);
  CHECK(column(learned, "Art.-Nr.")["required"] == true);
  CHECK_FALSE(column(learned, "Art.-Nr.").contains("type"));  // its zeros make it a code
  CHECK(column(learned, "Menge")["type"] == "decimal");
  CHECK(column(learned, "Menge")["null_values"] == ordered_json::array({"-"}));
  CHECK(column(learned, "Geändert")["date_format"] == "%d.%m.%Y");
  CHECK(column(learned, "Aktiv")["type"] == "boolean");
  CHECK(column(learned, "Aktiv")["true_values"] == ordered_json::array({"J"}));
  CHECK_FALSE(column(learned, "Einheit").contains("known_values"));
  CHECK(learned.spec["natural_key"] == ordered_json::array({"art_nr"}));
  for (const ordered_json& trial : learned.evidence["trial"]) {
    CHECK(trial["outcome"] == "accepted");
    CHECK(trial["rows"] == 90);
  }
  CHECK_THAT(learned.evidence.dump(), !Contains("Ware"));
}

TEST_CASE("spec learner: words are listed only when asked for", "[central][authoring]") {
  Samples samples;
  const fs::path sample = samples.add("a.csv", stock(1, 90));
  CHECK(column(learn({sample}, true), "Einheit")["known_values"] ==
        ordered_json::array({"Stk", "kg"}));
  CHECK_FALSE(column(learn({sample}, true), "Bezeichnung").contains("known_values") ==
              column(learn({sample}, true), "Bezeichnung").empty());
}

TEST_CASE("spec learner: other delimiters, no header, Windows-1252, JSON lines",
          "[central][authoring]") {
  Samples samples;
  for (const char* delimiter : {",", ";", "\t", "|"}) {
    const Learned learned =
        learn({samples.add(std::string("d") + *delimiter + ".csv", stock(1, 30, delimiter))});
    CHECK(learned.spec["delimiter"] == delimiter);
    CHECK(learned.spec["columns"].size() == 6);
  }
  const Learned bare = learn({samples.add("bare.csv", "1,2.5,2026-01-01\n2,3,2026-01-02\n")});
  CHECK(bare.spec["header"] == false);
  CHECK(bare.spec["columns"][2]["date_format"] == "%Y-%m-%d");
  CHECK(bare.evidence["trial"][0]["rows"] == 2);

  const Learned western = learn({samples.add("w.csv",
                                             "No,Name\n1,Cr\xE8me\n2,Br\xFBl\xE9"
                                             "e\n")});
  CHECK(western.spec["encoding"] == "windows-1252");
  CHECK(learn({samples.add("i.csv", "No,Name\n1,Cr\xE8me\n2,x\x81y\n")}).spec["encoding"] ==
        "iso-8859-1");
  for (const char* mark : {"\xFF\xFE", ""}) {
    std::string wide = mark;
    for (const char c : std::string_view("No;Name\r\n1;Butter\r\n2;Flour\r\n")) wide += {c, '\0'};
    const Learned utf16 = learn({samples.add("u" + std::to_string(wide.size()) + ".csv", wide)});
    CHECK(utf16.spec["encoding"] == "utf-16le");
    CHECK(utf16.spec["delimiter"] == ";");
    CHECK(utf16.evidence["trial"][0]["outcome"] == "accepted");
    CHECK(utf16.evidence["trial"][0]["rows"] == 2);
  }

  // The nutrient database's dialect: ^ between fields, ~ around text; no header, though all is
  // text.
  const Learned tilde = learn({samples.add("t.txt", "~D1~^~Ann^Lee~^~~\n~D2~^~Bob~^~x~\n")});
  CHECK(tilde.spec["delimiter"] == "^");
  CHECK(tilde.spec["quote"] == "~");
  CHECK(tilde.spec["columns"].size() == 3);
  CHECK(tilde.spec["header"] == false);

  const Learned lines = learn({samples.add(
      "l.jsonl", "{\"no\":1,\"name\":\"a\"}\n{\"no\":2,\"name\":null,\"lot\":\"x\"}\n")});
  CHECK(lines.spec["format"] == "jsonl");
  CHECK(lines.spec["columns"].size() == 3);
  CHECK(column(lines, "no")["type"] == "integer");
  CHECK(column(lines, "no")["required"] == true);
  CHECK_FALSE(column(lines, "lot").contains("required"));
  CHECK(lines.evidence["trial"][0]["outcome"] == "accepted");
}

TEST_CASE("spec learner: a pair of columns is the key where none is alone",
          "[central][authoring]") {
  Samples samples;
  std::string text = "Recipe,Line,Item\n";
  for (int i = 0; i < 40; ++i) {
    text += "R" + std::to_string(i / 4) + "," + std::to_string(i % 4) + ",x" +
            std::to_string(i % 5) + "\n";
  }
  CHECK(learn({samples.add("r.csv", text)}).spec["natural_key"] ==
        ordered_json::array({"recipe", "line"}));
}

TEST_CASE("spec learner: what is no text, or of two kinds, is refused", "[central][authoring]") {
  Samples samples;
  CHECK_THROWS_AS(learn({samples.add("b.bin", std::string("\x01\x00\xFF\xFE\x81", 5))}), Error);
  CHECK_THROWS_AS(learn({samples.add("e.csv", "")}), Error);
  CHECK_THROWS_WITH(
      learn({samples.add("a.csv", "No,Name\n1,x\n"), samples.add("c.csv", "No,Title\n1,x\n")}),
      Contains("another header"));
}

TEST_CASE("spec learner: the changing part of file names becomes a star", "[central][authoring]") {
  CHECK(file_name_pattern({"parts_20261120.csv"}) == "parts_*.csv");
  CHECK(file_name_pattern({"parts_20261120.csv", "parts_20261121.csv"}) == "parts_*.csv");
  CHECK(file_name_pattern({"parts-1.csv", "parts-12.csv"}) == "parts-*.csv");
  CHECK(file_name_pattern({"RECIPE.CSV"}) == "RECIPE.CSV");
  CHECK(file_name_pattern({"a.csv", "b.csv"}) == "*.csv");
}

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
  const FileSpec all = parse_file_spec_text(
      R"json({"file_tag": "a", "entity": "party", "file_name": "*", "columns": [{"name": "N", "to": "n"}]})json");
  FileSpec some = all;
  some.file_name = "b_*.csv";
  CHECK(lint_together({all, some}).size() == 1);
}

TEST_CASE("spec test: rows are compared with the expected ones, and no value is told",
          "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "No", "to": "no"}, {"name": "Qty", "to": "qty",
      "type": "integer"}], "natural_key": ["no"]})json");
  const fs::path file = samples.add("x.csv", "No,Qty\nMARKER1,1\nMARKER2,2\n");
  const std::string right = expected_rows(system_file_system(), spec, file);
  CHECK(test_spec(system_file_system(), spec, file, samples.add("right.jsonl", right)).passed());
  const auto differences = [&](const std::string& expected) {
    const SpecTestResult result =
        test_spec(system_file_system(), spec, file, samples.add("e.jsonl", expected));
    CHECK_FALSE(result.passed());
    std::string all;
    for (const std::string& one : result.differences) all += one + "|";
    CHECK_THAT(all, !Contains("MARKER"));
    return all;
  };
  CHECK(differences("") == "row 1 was staged and not expected|row 2 was staged and not expected|");
  CHECK(differences(right + R"({"source_row":3,"natural_key":"x","payload":{}})"
                            "\n") == "row 3 was expected and not staged|");
  std::string wrong = right;
  wrong.replace(wrong.find("\"qty\":1"), 7, "\"qty\":7");
  CHECK(differences(wrong) == "row 1: another value of \"qty\"|");
}
