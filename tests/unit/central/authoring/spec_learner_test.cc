#include "central/authoring/spec_learner.h"

#include "central/authoring/column_profile.h"
#include "central/authoring/key_finder.h"
#include "core/error.h"
#include "tests/unit/central/authoring/samples.h"

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;
using nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

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

TEST_CASE("spec learner: a German price list is read by the spec that was learned from it",
          "[central][authoring]") {
  Samples samples;
  std::string text = "Artikel;Preis;Bestand;Stand;Gebucht\r\n";
  for (int i = 1; i <= 40; ++i) {
    text += "A" + std::to_string(i) + ";" + (i % 2 == 0 ? "1.234,50" : "9,90") + ";" +
            (i % 3 == 0 ? "12.000" : "1.234.567") + ";21.11.2026 " + std::to_string(i % 24) +
            ":05;2026-11-21T18:40:00.5Z\r\n";
  }
  const Learned learned = learn({samples.add("p.csv", text)}, false, "Europe/Berlin");
  CHECK(column(learned, "Preis")["decimal_mark"] == ",");
  CHECK(column(learned, "Preis")["group_mark"] == ".");
  CHECK(column(learned, "Bestand")["type"] == "integer");
  CHECK(column(learned, "Stand")["time_zone"] == "Europe/Berlin");
  CHECK(column(learned, "Gebucht")["date_format"] == "%Y-%m-%dT%H:%M:%S.%f%z");
  CHECK(learned.evidence["trial"][0]["outcome"] == "accepted");
  CHECK(learned.evidence["trial"][0]["findings"] == 0);
}

TEST_CASE("spec learner: a quote that stands around few fields is found", "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add(
      "q.csv", "1,^<a b=\"1, 2\"/>^,x\n2,,\"y\" z\n3,^<a b=\"3\"/>\n^,w\n4,plain,v\n")});
  CHECK(learned.spec["quote"] == "^");
  CHECK(learned.spec["quotes"] == "strict");
  CHECK(learned.evidence["trial"][0]["rows"] == 4);
  CHECK(learned.evidence["trial"][0]["outcome"] == "accepted");
  // Quotes that are lenient remain the quotes, as no other character is one.
  const Learned lenient = learn({samples.add("l.csv", "1,\"a,b\",x\n2,5\" tray,y\n3,\"c\",z\n")});
  CHECK(lenient.spec["quote"] == "\"");
  CHECK(lenient.spec["quotes"] == "lenient");
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

TEST_CASE("spec learner: a delimiter that cuts as well is told", "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add("d.csv", "1;1,5\n2;2,5\n3;3,5\n")});
  CHECK_THAT(learned.evidence["undecided"]["delimiter"].get<std::string>(),
             Contains("cuts as many records alike, into 2 fields"));
  CHECK_FALSE(learned.is_settled());
  CHECK_FALSE(
      learn({samples.add("e.csv", "id;price\n2;2,5\n3;3,5\n")}).evidence.contains("undecided"));
}

TEST_CASE("spec learner: JSON that is not one object a line is refused", "[central][authoring]") {
  Samples samples;
  for (const char* bytes : {"[{\"id\":1},{\"id\":2}]\n", "[\n  {\"id\":1}\n]\n",
                            "{\n  \"id\": 1,\n  \"name\": \"x\"\n}\n"}) {
    CHECK_THROWS_WITH(learn({samples.add("j.json", bytes)}), Contains("JSON lines are needed"));
  }
  CHECK(learn({samples.add("b.csv", "[id],[name]\n1,x\n2,y\n")}).spec["format"] == "csv");
}

TEST_CASE("spec learner: a line of endless JSON is of another shape, and digits are kept",
          "[central][authoring]") {
  Samples samples;
  const std::string deep =
      "{\"a\":" + std::string(400'000, '[') + std::string(400'000, ']') + "}\n";
  const std::string good = "{\"a\":1.50}\n{\"a\":12345678901234567890123}\n";
  for (const std::string& bytes : {good + deep, deep + good}) {
    const Learned learned = learn({samples.add("d.jsonl", bytes)});
    CHECK(learned.evidence.value("records_of_another_shape", 0) == 1);
    CHECK(learned.evidence["columns"][0]["longest_bytes"] == 23);
    CHECK_FALSE(learned.is_settled());
  }
}

TEST_CASE("spec learner: a key is unique within each sample", "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add("Bestand_20261120.csv", stock(1, 90)),
                                 samples.add("Bestand_20261121.csv", stock(1, 91))});
  CHECK(learned.spec["natural_key"] == ordered_json::array({"art_nr"}));
  CHECK(learned.spec["natural_key_unique"] == true);
  // What repeats in one of them is none.
  const Learned repeated =
      learn({samples.add("Bestand_20261120.csv", stock(1, 90)),
             samples.add("Bestand_20261121.csv",
                         stock(1, 90) + stock(1, 1).substr(stock(1, 1).find('\n') + 1))});
  CHECK(repeated.spec["natural_key"].empty());
}

TEST_CASE("spec learner: a pair is unique within each sample", "[central][authoring]") {
  Samples samples;
  std::string text = "Recipe,Line,Item\n";
  for (int i = 0; i < 40; ++i) {
    text += "R" + std::to_string(i / 4) + "," + std::to_string(i % 4) + ",x\n";
  }
  CHECK(learn({samples.add("r1.csv", text), samples.add("r2.csv", text)}).spec["natural_key"] ==
        ordered_json::array({"recipe", "line"}));
}

TEST_CASE("spec learner: beyond what is compared nobody says that there is no key",
          "[central][authoring]") {
  ColumnProfile profile("Column");
  for (std::size_t i = 0; i <= ColumnProfile::kDistinctMax; ++i)
    profile.add(std::to_string(i) + "x");
  CHECK(profile.uniqueness() == Uniqueness::kUnique);
  profile.add("one more");
  CHECK(profile.uniqueness() == Uniqueness::kTooManyToTell);
  KeyFinder keys;
  for (std::int64_t i = 0; i < profile.filled(); ++i) keys.add_row();
  std::vector<ColumnProfile> profiles;
  profiles.push_back(std::move(profile));
  CHECK_THAT(keys.find(profiles, {0}, profiles[0].filled()).why, Contains("too many rows to tell"));
}

TEST_CASE("spec learner: columns that tell of a person are marked, and their words never listed",
          "[central][authoring]") {
  Samples samples;
  std::string text = "No,E-Mail,Vorname,Unit\n";
  for (int i = 0; i < 60; ++i) {
    text += std::to_string(i) + (i % 2 == 0 ? ",a@x.example,Anna,kg\n" : ",b@x.example,Bob,pc\n");
  }
  const Learned learned = learn({samples.add("p.csv", text)}, /*with_known_values=*/true);
  for (const char* name : {"E-Mail", "Vorname"}) {
    CHECK(column(learned, name)["personal_data"] == true);
    CHECK_FALSE(column(learned, name).contains("known_values"));
  }
  CHECK(column(learned, "Unit")["known_values"] == ordered_json::array({"kg", "pc"}));
  CHECK_FALSE(column(learned, "Unit").contains("personal_data"));
}

TEST_CASE("spec learner: a file name that is no UTF-8 is learned from", "[central][authoring]") {
  Samples samples;
  const fs::path sample = samples.add("x\xE4_1.csv", "No,Name\n1,x\n2,y\n");
  if (!fs::exists(sample)) return;  // a system whose names are text
  const Learned learned = learn({sample});
  CHECK(learned.spec["file_name"] == "x?_1.csv");
  CHECK(learned.evidence["trial"][0]["file"] == "x\xEF\xBF\xBD_1.csv");
  CHECK_NOTHROW(learned.evidence.dump());
}
