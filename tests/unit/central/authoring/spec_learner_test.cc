#include "central/authoring/spec_learner.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "central/authoring/column_profile.h"
#include "central/authoring/key_finder.h"
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

Learned learn(const std::vector<fs::path>& samples, bool with_known_values = false,
              const std::string& time_zone = "") {
  return learn_spec(system_file_system(), samples,
                    {"component", "component", with_known_values, time_zone});
}

/// What is proposed for a column of these values, without its names; text is "{}".
std::string proposal_for(const std::vector<std::string>& values,
                         const std::string& time_zone = "") {
  ColumnProfile profile("Column", time_zone);
  for (const std::string& value : values) profile.add(value);
  ordered_json column = profile.proposal(false);
  for (const char* key : {"name", "to", "required"}) column.erase(key);
  return column.dump();
}

std::string undecided(const std::vector<std::string>& values) {
  ColumnProfile profile("Column");
  for (const std::string& value : values) profile.add(value);
  CHECK(profile.type() == ColumnType::kText);
  CHECK(profile.is_typed());
  return profile.evidence().value("undecided", "");
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

TEST_CASE("spec learner: times with an offset are timestamps, in the forms that exports have",
          "[central][authoring]") {
  const auto format_of = [](const std::vector<std::string>& values) {
    return ordered_json::parse(proposal_for(values)).value("date_format", "");
  };
  CHECK(proposal_for({"2026-11-21T18:40:00Z", "2026-11-20T07:00:00+01:00"}) ==
        R"({"type":"timestamp","date_format":"%Y-%m-%dT%H:%M:%S%z"})");
  CHECK(format_of({"2026-11-21 18:40:00.5+01", "2026-11-21 18:40:00+01"}) ==
        "%Y-%m-%d %H:%M:%S.%f%z");
  CHECK(format_of({"2026-11-21T18:40Z"}) == "%Y-%m-%dT%H:%M%z");
  CHECK(format_of({"2026-11-21 18:40:00 +0100"}) == "%Y-%m-%d %H:%M:%S %z");
  CHECK(format_of({"21.11.2026 18:40:00 -03:30"}) == "%d.%m.%Y %H:%M:%S %z");
  CHECK(format_of({"20261121T184000Z"}) == "%Y%m%dT%H%M%S%z");
  CHECK(proposal_for({"2026-11-21T18:40:00Z", "yesterday"}) == "{}");
}

TEST_CASE("spec learner: times without an offset need somebody to say whose clock they are of",
          "[central][authoring]") {
  const std::vector<std::string> values = {"21.11.2026 18:40", "01.02.2026 00:00"};
  CHECK(proposal_for(values) == "{}");
  CHECK_THAT(undecided(values), Contains("--time-zone"));
  CHECK(proposal_for(values, "Europe/Berlin") ==
        R"({"type":"timestamp","date_format":"%d.%m.%Y %H:%M","time_zone":"Europe/Berlin"})");
  CHECK(proposal_for({"11/21/2026 18:40:00", "11/22/2026 00:00:00"}, "America/New_York") ==
        R"({"type":"timestamp","date_format":"%m/%d/%Y %H:%M:%S","time_zone":"America/New_York"})");
  CHECK(proposal_for({"2026-11-21 18:40:00,250"}, "UTC") ==
        R"({"type":"timestamp","date_format":"%Y-%m-%d %H:%M:%S,%f","time_zone":"UTC"})");
  CHECK(proposal_for({"20261121184000", "20261121000000"}, "UTC") ==
        R"({"type":"timestamp","date_format":"%Y%m%d%H%M%S","time_zone":"UTC"})");
  // Midnight and nothing else is a date, and a real time would be refused later, not cut off.
  for (const char* zone : {"", "Europe/Berlin"}) {
    CHECK(proposal_for({"2026-11-21 00:00:00", "2026-11-22 00:00:00"}, zone) ==
          R"({"type":"date","date_format":"%Y-%m-%d 00:00:00"})");
    CHECK(proposal_for({"5/19/2006 0:00:00", "12/1/2006 0:00:00"}, zone) ==
          R"({"type":"date","date_format":"%m/%d/%Y 0:00:00"})");
    CHECK(proposal_for({"2008-04-30 00:00:00.000"}, zone) ==
          R"({"type":"date","date_format":"%Y-%m-%d 00:00:00.000"})");
  }
}

TEST_CASE("spec learner: day and month that could change places are left to the author",
          "[central][authoring]") {
  CHECK_THAT(undecided({"01/02/2026", "11/12/2026"}), Contains("day and month"));
  CHECK_THAT(undecided({"05/05/2026"}), Contains("day and month"));
  CHECK_THAT(undecided({"01/02/2026 18:40:00 +01:00"}), Contains("day and month"));
  CHECK(proposal_for({"01/02/2026", "31/12/2026"}) ==
        R"({"type":"date","date_format":"%d/%m/%Y"})");
  CHECK(proposal_for({"01/02/2026", "12/31/2026"}) ==
        R"({"type":"date","date_format":"%m/%d/%Y"})");
  CHECK(proposal_for({"01.02.2026", "11.12.2026"}) ==
        R"({"type":"date","date_format":"%d.%m.%Y"})");
}

TEST_CASE("spec learner: decimal commas and group marks are proposed when they are certain",
          "[central][authoring]") {
  CHECK(proposal_for({"1,5", "0,25", "7"}) == R"({"type":"decimal","decimal_mark":","})");
  CHECK(proposal_for({"1.234,50", "2.000,00"}) ==
        R"({"type":"decimal","decimal_mark":",","group_mark":"."})");
  CHECK(proposal_for({"1,234.50", "12.5"}) == R"({"type":"decimal","group_mark":","})");
  CHECK(proposal_for({"1'234.50", "999.00"}) == R"({"type":"decimal","group_mark":"'"})");
  CHECK(proposal_for({"12 345,6", "7,5"}) ==
        R"({"type":"decimal","decimal_mark":",","group_mark":" "})");
  CHECK(proposal_for({"12 345", "999"}) == R"({"type":"integer","group_mark":" "})");
  CHECK(proposal_for({"1.234.567", "999"}) == R"({"type":"integer","group_mark":"."})");
  CHECK(proposal_for({"1,234,567", "1,234"}) == R"({"type":"integer","group_mark":","})");
  CHECK(proposal_for({"1.234", "1.5"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1.234", "0.750"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1.234", "1234.500"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1", "22", "-333"}) == R"({"type":"integer"})");
}

TEST_CASE("spec learner: a mark that could be either is left to the author",
          "[central][authoring]") {
  CHECK_THAT(undecided({"1.234", "12.500"}), Contains("before the fraction or between thousands"));
  CHECK_THAT(undecided({"1,234", "999"}), Contains("before the fraction or between thousands"));
  CHECK_THAT(undecided({"555 123", "555 124"}), Contains("codes"));
  CHECK(proposal_for({"555 123", "0555 12"}) == "{}");
  ColumnProfile profile("Column");
  profile.add("1.234");
  CHECK(profile.evidence()["also_fits"] ==
        ordered_json::array({"integer in groups by point", "decimal", "decimal in groups by comma",
                             "decimal with comma in groups by point",
                             "decimal in groups by apostrophe", "decimal in groups by blank"}));
  // A JSON number has a point and nothing else, whatever its digits.
  ColumnProfile json_numbers("Column");
  json_numbers.add("1.234", ValueSource::kJsonNumber);
  CHECK(json_numbers.type() == ColumnType::kDecimal);
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

TEST_CASE("spec learner: delimiters behind the last name make no column", "[central][authoring]") {
  Samples samples;
  const Learned learned =
      learn({samples.add("d.csv", "Domain,Town,,\nA.GOV,Lima,,\nB.GOV,Rome,,\n")});
  CHECK(learned.spec["header"] == true);
  CHECK(learned.spec["columns"].size() == 2);
  CHECK(learned.spec["other_columns"] == "ignore");
  CHECK_THAT(learned.evidence["unnamed_columns"].get<std::string>(),
             Contains("2 columns at the end"));
  CHECK(learned.evidence["trial"][0]["outcome"] == "accepted");
  CHECK(learned.evidence["trial"][0]["rows"] == 2);
  CHECK(learn({samples.add("t.csv", "Ann,Lima,\nBob,Rome,tall\n")}).spec["header"] == false);
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

TEST_CASE("spec learner: a column behind the named ones that ever holds a value is not ignored",
          "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add("d.csv", "id,name,\n1,a,\n2,b,MARKER\n")});
  CHECK_FALSE(learned.spec.contains("other_columns"));
  CHECK_THAT(learned.evidence["undecided"]["unnamed_columns"].get<std::string>(),
             Contains("1 column at the end"));
  CHECK_FALSE(learned.is_settled());
  CHECK_THAT(learned.evidence.dump(), !Contains("MARKER"));
  CHECK_FALSE(learn({samples.add("n.csv", "id,name,\n1,a,\n2,b,NULL\n")}).is_settled());
  CHECK(learn({samples.add("e.csv", "id,name,\n1,a,\n2,b,\n")}).is_settled());
  // Also where the first row has a value there, or the value is in a later sample.
  CHECK_FALSE(learn({samples.add("f.csv", "id,name,\n1,a,x\n2,b,\n")}).is_settled());
  CHECK_FALSE(
      learn({samples.add("g1.csv", "id,name,\n1,a,\n"), samples.add("g2.csv", "id,name,\n2,b,x\n")})
          .is_settled());
}

TEST_CASE("spec learner: what stands above the header is told", "[central][authoring]") {
  Samples samples;
  const auto undecided_header = [&](const std::string& bytes) {
    const Learned learned = learn({samples.add("t.csv", bytes)});
    CHECK_FALSE(learned.is_settled());
    CHECK(learned.spec["columns"].size() == 3);
    CHECK(learned.spec["columns"][0]["name"] == "id");
    return learned.evidence["undecided"].value("header", "");
  };
  const std::string rows = "id,name,x\n1,n1,y\n2,n2,z\n3,n3,w\n";
  CHECK_THAT(undecided_header("Report,,\n,,\n" + rows), Contains("the first 2 records"));
  CHECK_THAT(undecided_header("Report of a night\n\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("sep=,\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header(",,\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("Report,of,2026-11-20\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("sep=,\nid,name,x\na,n1,y\nb,n2,z\n"),
             Contains("the first record is"));
  // Lines without anything are no records.
  CHECK(learn({samples.add("b.csv", "\n\n" + rows)}).is_settled());
}

TEST_CASE("spec learner: a first record that breaks the types below is no row",
          "[central][authoring]") {
  Samples samples;
  const auto undecided_header = [&](const std::string& names, bool has_header = true) {
    const Learned learned = learn({samples.add("h.csv", names + "\n1,n1,5\n2,n2,6\n3,n3,7\n")});
    CHECK(learned.spec["header"] == has_header);
    CHECK_FALSE(learned.is_settled());
    return learned.evidence["undecided"].value("header", "");
  };
  CHECK_THAT(undecided_header("id,,x"), Contains("is the header, but field 2 has no name"));
  CHECK_THAT(undecided_header("id,name,name"),
             Contains("is the header, but field 3 has the name of another"));
  CHECK_THAT(undecided_header("id,2024,2025"),
             Contains("the type that the rows below have in column 1") &&
                 Contains("field 2 is a number or a date"));
  CHECK_THAT(undecided_header("id,NULL,x"), Contains("field 2 is a word for null"));
  CHECK_THAT(undecided_header("id," + std::string(300, 'x') + ",y", false),
             Contains("field 2 is longer than 255 bytes"));
  // A damaged row below a header is no second header.
  CHECK(learn({samples.add("d.csv", "id,name,x\n?,n1,5\n2,n2,6\n3,n3,7\n")}).is_settled());
  // Rows alone have no header, however many their kinds.
  const Learned rows = learn({samples.add("r.csv", "1,n1,5\n2,,6\n3,n3,7\n")});
  CHECK(rows.spec["header"] == false);
  CHECK(rows.is_settled());
  const Learned people = learn({samples.add("p.csv", "Ann,a@x.example\nBob,b@x.example\n")});
  CHECK(people.spec["header"] == false);
}

TEST_CASE("spec learner: telephone numbers and codes with an e stay text", "[central][authoring]") {
  CHECK_THAT(undecided({"+4930000001", "+4930000002"}), Contains("plus"));
  CHECK_THAT(undecided({"1e1", "205", "3e7"}), Contains("exponent"));
  CHECK(proposal_for({"+5", "-3", "0"}) == R"({"type":"integer"})");
  CHECK(proposal_for({"1.5E+05", "2.25E+05"}) == R"({"type":"decimal"})");
  ColumnProfile json_numbers("Column");
  json_numbers.add("1e1", ValueSource::kJsonNumber);
  CHECK(json_numbers.type() == ColumnType::kDecimal);
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
