#include "core/read/row_reader.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error_code.h"
#include "core/read/json_text.h"

using namespace waybill;
using nlohmann::json;

namespace {

struct Row {
  std::int64_t source_row = 0;
  std::string key;
  std::string payload;
  bool operator==(const Row&) const = default;
};

/// What came of reading a file.
struct Result {
  std::vector<Row> rows;
  std::vector<Finding> findings;
  ReadSummary summary;
  json report;
};

constexpr const char* kNoKey = "(none)";

Result read_pieces(const FileSpec& spec, const std::vector<std::string>& pieces,
                   std::int64_t first_source_row = 1) {
  Result result;
  RowReader reader(
      spec,
      [&](const StagingRow& row) {
        result.rows.push_back({row.source_row, std::string(row.natural_key.value_or(kNoKey)),
                               std::string(row.payload_json)});
      },
      first_source_row);
  for (const std::string& piece : pieces) reader.feed(piece);
  reader.finish();
  result.findings = reader.findings();
  result.summary = reader.summary();
  result.report = validation_report(spec, reader);
  return result;
}

Result read(const FileSpec& spec, const std::string& bytes) { return read_pieces(spec, {bytes}); }

/// Three columns: a required text key, a number, a note; "Item No", "Quantity", "Note".
json item_spec() {
  return json::parse(R"({
    "file_tag": "component", "entity": "component", "file_name": "*.csv",
    "columns": [
      {"name": "Item No", "to": "item_no", "required": true, "trim": true},
      {"name": "Quantity", "to": "quantity", "type": "decimal"},
      {"name": "Note", "to": "note"}],
    "natural_key": ["item_no"]})");
}

FileSpec spec_with(const std::vector<std::pair<std::string, json>>& changes) {
  json spec = item_spec();
  for (const auto& [pointer, value] : changes) spec[json::json_pointer(pointer)] = value;
  return parse_file_spec(spec);
}

FileSpec items() { return spec_with({}); }

/// "WB-3005 row 2 line 3 byte 17 column 2 Quantity"
std::string show(const Finding& finding) {
  std::string text = std::string(finding.code->id) + " row " + std::to_string(finding.row) +
                     " line " + std::to_string(finding.line) + " byte " +
                     std::to_string(finding.byte_offset);
  if (finding.column_number > 0) text += " column " + std::to_string(finding.column_number);
  if (!finding.column.empty()) text += " " + finding.column;
  return text;
}

std::vector<std::string> show(const std::vector<Finding>& findings) {
  std::vector<std::string> shown;
  for (const Finding& finding : findings) shown.push_back(show(finding));
  return shown;
}

using Findings = std::vector<std::string>;

Findings findings_of(const FileSpec& spec, const std::string& bytes) {
  return show(read(spec, bytes).findings);
}

const std::string kHeader = "Item No,Quantity,Note\n";  // 22 bytes

}  // namespace

TEST_CASE("rows: columns become payload in the spec's order, whatever the file's",
          "[core][row_reader]") {
  const Result result =
      read(items(), "Note, Quantity ,Item No\nfresh,1.50, A1 \n\"a \"\"b\"\"\",,B2");
  CHECK(result.findings.empty());
  CHECK(result.rows ==
        std::vector<Row>{{1, "A1", R"({"item_no":"A1","quantity":1.50,"note":"fresh"})"},
                         {2, "B2", R"({"item_no":"B2","quantity":null,"note":"a \"b\""})"}});
}

TEST_CASE("rows: every type goes into the payload as its JSON", "[core][row_reader]") {
  const FileSpec spec = parse_file_spec_text(R"({
    "file_tag": "x", "entity": "variant", "file_name": "*", "header": false, "delimiter": "^",
    "quote": "~", "encoding": "windows-1252",
    "columns": [
      {"name": "code", "to": "code"}, {"name": "n", "to": "n", "type": "integer"},
      {"name": "d", "to": "d", "type": "decimal"}, {"name": "b", "to": "b", "type": "boolean"},
      {"name": "day", "to": "day", "type": "date", "date_format": "%m/%d/%Y"}],
    "natural_key": ["day", "n", "b", "code"]})");
  const Result result = read(spec,
                             "~Entr\xE9"
                             "e~^007^.50^Y^2/9/2024\r\n~~^^^^\r\n");
  CHECK(show(result.findings).empty());
  REQUIRE(result.rows.size() == 2);
  CHECK(result.rows[0].payload ==
        R"({"code":"Entrée","n":7,"d":0.50,"b":true,"day":"2024-02-09"})");
  CHECK(result.rows[0].key ==
        "2024-02-09\x1F"
        "7\x1Ftrue\x1F"
        "Entrée");
  CHECK(result.rows[1].payload == R"({"code":null,"n":null,"d":null,"b":null,"day":null})");
  CHECK(result.rows[1].key == kNoKey);
}

TEST_CASE("rows: a natural key with a null part keeps the place of the others",
          "[core][row_reader]") {
  const FileSpec spec = spec_with({{"/natural_key", {"note", "item_no", "quantity"}}});
  const Result result = read(spec, kHeader + "A,,\nB,2,x\nC,,\n");
  REQUIRE(result.rows.size() == 3);
  CHECK(result.rows[0].key ==
        "\x1F"
        "A\x1F");
  CHECK(result.rows[1].key ==
        "x\x1F"
        "B\x1F"
        "2");
  CHECK(result.rows[2].key ==
        "\x1F"
        "C\x1F");
}

TEST_CASE("rows: a spec without a natural key names no row", "[core][row_reader]") {
  const FileSpec spec = spec_with({{"/natural_key", json::array()}});
  CHECK(read(spec, kHeader + "A,1,x\n").rows.front().key == kNoKey);
}

TEST_CASE("rows: source_row counts records, not lines, and goes on over parts",
          "[core][row_reader]") {
  const std::string bytes = kHeader + "\nA,1,\"two\nlines\"\r\n\r\nB,2,y\n";
  const Result whole = read(items(), bytes);
  REQUIRE(whole.rows.size() == 2);
  CHECK(whole.rows[0].source_row == 1);
  CHECK(whole.rows[1].source_row == 2);
  const Result part = read_pieces(items(), {bytes + "C,x,\n"}, 101);
  REQUIRE(part.rows.size() == 2);
  CHECK(part.rows[0].source_row == 101);
  CHECK(show(part.findings) == Findings{"WB-3016 row 101 line 4 byte 38",
                                        "WB-3012 row 103 line 7 byte 50 column 2 Quantity"});
}

TEST_CASE("rows: a UTF-8 byte order mark is skipped, once, and only at the start",
          "[core][row_reader]") {
  const Result result = read(items(), "\xEF\xBB\xBF" + kHeader + "A,1,\xEF\xBB\xBFx\nB,bad,\n");
  REQUIRE(result.rows.size() == 1);
  CHECK(json::parse(result.rows[0].payload).at("note") == "\uFEFFx");
  CHECK(show(result.findings) == Findings{"WB-3012 row 2 line 3 byte 36 column 2 Quantity"});
}

TEST_CASE("rows: a header without records is a file with nothing new", "[core][row_reader]") {
  for (const char* end : {"", "\n"}) {
    const Result result = read(items(), "Item No,Quantity,Note" + std::string(end));
    CHECK(result.findings.empty());
    CHECK(result.summary.rows == 0);
    CHECK(result.summary.complete);
  }
}

TEST_CASE("rows: other columns are refused, ignored or kept as the spec says",
          "[core][row_reader]") {
  const std::string file = "Extra,Item No,Quantity,Note,\n\"e\"\"1\",A,1,n,z\n";
  CHECK(findings_of(items(), file) == Findings{"WB-3010 row 0 line 1 byte 0 column 1 Extra",
                                               "WB-3010 row 0 line 1 byte 28 column 5"});
  CHECK(read(spec_with({{"/other_columns", "ignore"}}), file).rows.front().payload ==
        R"({"item_no":"A","quantity":1,"note":"n"})");
  const FileSpec keep = spec_with({{"/other_columns", "keep"}});
  CHECK(findings_of(keep, file) == Findings{"WB-3010 row 0 line 1 byte 28 column 5"});
  CHECK(read(keep, "Ex \"tra\\,Item No,Quantity,Note\n").findings.front().code->id == "WB-3013");
  CHECK(read(keep, "\"Ex \"\"tra\\\",Item No,Quantity,Note\ne,A,1,n\n").rows.front().payload ==
        R"({"item_no":"A","quantity":1,"note":"n","Ex \"tra\\":"e"})");
}

TEST_CASE("rows: ignored columns may share a name or have none", "[core][row_reader]") {
  const FileSpec spec = spec_with({{"/other_columns", "ignore"}});
  const Result result = read(spec, "Item No,Quantity,Note,x,x,,\nA,1,n,2,3,4,5\n");
  CHECK(result.findings.empty());
  CHECK(result.rows.size() == 1);
}

TEST_CASE("rows: without a header and with other columns ignored, the first record sets the width",
          "[core][row_reader]") {
  const FileSpec spec = spec_with({{"/header", false}, {"/other_columns", "ignore"}});
  CHECK(read(spec, "A,1,n,x,y\nB,2,n,x,y\n").rows.size() == 2);
  CHECK(findings_of(spec, "A,1,n,x,y\nB,2,n,x\n") == Findings{"WB-3005 row 2 line 2 byte 10"});
  CHECK(findings_of(spec, "A,1\n") == Findings{"WB-3005 row 1 line 1 byte 0"});
}

// One case a code: the place is exact, and nothing after it reaches the sink.

TEST_CASE("finding: WB-3001 for a file without any record", "[core][row_reader][finding]") {
  const FileSpec headerless = spec_with({{"/header", false}});
  for (const char* bytes : {"", "\n\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n"}) {
    CHECK(findings_of(items(), bytes) == Findings{"WB-3001 row 0 line 0 byte 0"});
    CHECK(findings_of(headerless, bytes) == Findings{"WB-3001 row 0 line 0 byte 0"});
  }
}

TEST_CASE("finding: WB-3002 at the quote that is never closed", "[core][row_reader][finding]") {
  const Result result = read(items(), kHeader + "A,1,x\nB,2,\"open\nC,3,y\n");
  CHECK(show(result.findings) == Findings{"WB-3002 row 2 line 3 byte 32 column 3 Note"});
  CHECK(result.rows.size() == 1);
  CHECK_FALSE(result.summary.complete);
  CHECK(findings_of(items(), "Item No,\"Quantity") ==
        Findings{"WB-3002 row 0 line 1 byte 8 column 2"});
}

TEST_CASE("finding: WB-3003 for each column the header lacks", "[core][row_reader][finding]") {
  CHECK(findings_of(items(), "Quantity\n1\n") ==
        Findings{"WB-3003 row 0 line 1 byte 0 Item No", "WB-3003 row 0 line 1 byte 0 Note"});
}

TEST_CASE("finding: WB-3004 at the byte the encoding does not know",
          "[core][row_reader][finding]") {
  SECTION("UTF-8") {
    const Result result = read(items(), kHeader + "A,1,caf\xC3\xA9\nB,2,\"x\ncaf\xE9\"\nC,3,y\n");
    CHECK(show(result.findings) == Findings{"WB-3004 row 2 line 4 byte 42 column 3 Note"});
    CHECK(result.rows.size() == 1);
    CHECK_FALSE(result.summary.complete);
  }
  SECTION("Windows-1252") {
    const FileSpec spec = spec_with({{"/encoding", "windows-1252"}});
    CHECK(findings_of(spec, kHeader + "A,\x81,n\n") ==
          Findings{"WB-3004 row 1 line 2 byte 24 column 2 Quantity"});
  }
  SECTION("in the header") {
    CHECK(findings_of(items(), "Item No,Quantit\xFF,Note\nA,1,x\n") ==
          Findings{"WB-3004 row 0 line 1 byte 15 column 2"});
  }
  SECTION("a mark that says another encoding") {
    const FileSpec windows = spec_with({{"/encoding", "windows-1252"}});
    CHECK(findings_of(windows, "\xEF\xBB\xBF" + kHeader) ==
          Findings{"WB-3004 row 0 line 1 byte 0"});
    for (const FileSpec& spec : {items(), windows}) {
      for (const char* mark : {"\xFF\xFE", "\xFE\xFF"}) {
        CHECK(findings_of(spec, mark) == Findings{"WB-3004 row 0 line 1 byte 0"});
      }
    }
  }
}

TEST_CASE("finding: WB-3005 for each row with another number of fields",
          "[core][row_reader][finding]") {
  const Result result = read(items(), kHeader + "A,1,x\nB,2\nC,3,y,z\nD,4,w\n");
  CHECK(show(result.findings) ==
        Findings{"WB-3005 row 2 line 3 byte 28", "WB-3005 row 3 line 4 byte 32"});
  CHECK(result.findings[0].message == "2 fields where 3 are expected");
  CHECK(result.findings[1].message == "4 fields where 3 are expected");
  CHECK(result.rows.size() == 1);
  CHECK(result.summary.rows == 4);
  CHECK(result.summary.complete);
}

TEST_CASE("finding: WB-3006 for a required column without a value", "[core][row_reader][finding]") {
  CHECK(findings_of(items(), kHeader + "A,1,x\n  ,2,y\n\"\",3,z\n") ==
        Findings{"WB-3006 row 2 line 3 byte 28 column 1 Item No",
                 "WB-3006 row 3 line 4 byte 36 column 1 Item No"});
}

TEST_CASE("finding: WB-3007 for a record beyond the limit", "[core][row_reader][finding]") {
  const std::string huge(kRecordBytesMax, 'x');
  const Result result = read(items(), kHeader + "A,1,x\nB,2,\"" + huge + "\"\nC,3,y\n");
  CHECK(show(result.findings) == Findings{"WB-3007 row 2 line 3 byte 28"});
  CHECK(result.rows.size() == 1);
  CHECK_FALSE(result.summary.complete);
}

TEST_CASE("finding: WB-3008 when the first record names none of the columns",
          "[core][row_reader][finding]") {
  CHECK(findings_of(items(), "A,1,x\nB,2,y\n") == Findings{"WB-3008 row 0 line 1 byte 0"});
  CHECK(findings_of(items(), "A;1;x\nB;2;y\n") == Findings{"WB-3008 row 0 line 1 byte 0"});
}

TEST_CASE("finding: WB-3017 when the header makes sense cut at another character",
          "[core][row_reader][finding]") {
  const auto message_of = [](const FileSpec& spec, const std::string& bytes) {
    const Result result = read(spec, bytes);
    CHECK(show(result.findings) == Findings{"WB-3017 row 0 line 1 byte 0"});
    CHECK(result.rows.empty());
    CHECK_FALSE(result.summary.complete);
    return result.findings.at(0).message;
  };
  CHECK(message_of(items(), "Item No;Quantity;Note\nA;1;x\n") ==
        "the fields are separated by semicolons; the file spec names commas");
  CHECK(message_of(items(), "Item No\tQuantity\tNote") ==
        "the fields are separated by TABs; the file spec names commas");
  // Cut at commas, these quotes would look misplaced.
  for (const char* quotes : {"strict", "lenient"}) {
    const FileSpec spec = spec_with({{"/quotes", quotes}});
    message_of(spec, "\"Item No\"|\"Quantity\"|\"Note\"\nA|1|x\n");
    message_of(spec, "Item No^\"Quantity, net\"^\"Note\"^Quantity\nA^1^x^y\n");
  }
  const FileSpec semicolons =
      spec_with({{"/delimiter", ";"}, {"/encoding", "windows-1252"}, {"/columns/2/name", "Größe"}});
  message_of(semicolons,
             "Item,Quantity,Gr\xF6\xDF"
             "e\n");
  // The record goes on behind a line end in quotes.
  message_of(items(), "\"Other\nname\";Item No;\"Quantity\"\nx;A;1\n");
  // Behind a mark and blank lines.
  CHECK(findings_of(items(), "\xEF\xBB\xBF\r\n\nItem No;Quantity\n") ==
        Findings{"WB-3017 row 0 line 3 byte 6"});
  // One name alone may stand in any text, cut by whichever delimiter.
  CHECK(findings_of(items(), "A;Note;x\n") == Findings{"WB-3008 row 0 line 1 byte 0"});
  CHECK(findings_of(items(), "Note,Item No;Quantity\n") == Findings{"WB-3008 row 0 line 1 byte 0"});
}

TEST_CASE("finding: WB-3017 when without a header the first row fits cut at another character",
          "[core][row_reader][finding]") {
  const FileSpec spec = spec_with({{"/header", false}});
  const Findings at_first = {"WB-3017 row 1 line 1 byte 0"};
  CHECK(findings_of(spec, "A;1;x\nB;2;y\n") == at_first);
  CHECK(findings_of(spec, "\"A\";\"1,5\";\"x\"\nB;2;y\n") == at_first);
  CHECK(findings_of(spec, "A;1,5;x\n") == at_first);
  CHECK(findings_of(spec_with({{"/header", false}, {"/other_columns", "ignore"}}), "A|1|x|y\n") ==
        at_first);
  CHECK(findings_of(spec, "A;1;x;y\n") == Findings{"WB-3005 row 1 line 1 byte 0"});
  CHECK(findings_of(spec, "A,1\n") == Findings{"WB-3005 row 1 line 1 byte 0"});
  CHECK(read(spec, "A;B;C,1,x\n").rows.size() == 1);
  // A first record beyond what is looked at.
  const std::string wide(70'000, 'x');
  CHECK(findings_of(spec, wide + ";1;x\n") == Findings{"WB-3005 row 1 line 1 byte 0"});
}

TEST_CASE("finding: WB-3018 when the spec has no header and the file has one",
          "[core][row_reader][finding]") {
  const FileSpec spec = spec_with({{"/header", false}});
  const Findings at_first = {"WB-3018 row 1 line 1 byte 0"};
  CHECK(findings_of(spec, kHeader + "A,1,x\n") == at_first);
  CHECK(findings_of(spec, "ITEM NO ,quantity,Other\nA,1,x\n") == at_first);
  CHECK(findings_of(spec, "item_no,x,note,y\n") == at_first);
  CHECK(findings_of(spec, "\n\"Note\",\"Quantity\"\n") == Findings{"WB-3018 row 1 line 2 byte 1"});
  CHECK(read(spec, "Note,1,x\n").rows.size() == 1);
  CHECK(read(spec, "A,1,x\nNote,2,Item No\n").rows.size() == 2);
  const FileSpec one = parse_file_spec_text(R"({"file_tag": "a", "entity": "party",
      "file_name": "*", "header": false, "columns": [{"name": "Name", "to": "name"}]})");
  CHECK(findings_of(one, "name\nAnna\n") == at_first);
  CHECK(read(one, "Anna;Name\n").rows.size() == 1);
  CHECK(read_pieces(spec, {kHeader}, 101).findings.at(0).row == 101);
}

TEST_CASE("finding: WB-3009 for a column that is named twice", "[core][row_reader][finding]") {
  CHECK(findings_of(items(), "Item No,Quantity,Note,Item No\n") ==
        Findings{"WB-3009 row 0 line 1 byte 22 column 4 Item No"});
  const FileSpec keep = spec_with({{"/other_columns", "keep"}});
  CHECK(findings_of(keep, "Item No,Quantity,Note,x,x\n") ==
        Findings{"WB-3009 row 0 line 1 byte 24 column 5 x"});
  CHECK(findings_of(keep, "Item No,Quantity,Note,item_no\n") ==
        Findings{"WB-3009 row 0 line 1 byte 22 column 4 item_no"});
}

TEST_CASE("finding: WB-3011 for a NUL byte, with its column", "[core][row_reader][finding]") {
  using namespace std::string_literals;
  CHECK(findings_of(items(), kHeader + "A,1,x\0y\nB,2,z\n"s) ==
        Findings{"WB-3011 row 1 line 2 byte 27 column 3 Note"});
  // What else is wrong with the record follows from it and is not said.
  CHECK(findings_of(items(), kHeader + ",x\0,y,z\nB,2,z\n"s) ==
        Findings{"WB-3011 row 1 line 2 byte 24 column 2 Quantity"});
  // UTF-16 without a mark: found at its first NUL.
  CHECK(findings_of(items(), "I\0t\0e\0m\0\n\0A\0"s) ==
        Findings{"WB-3011 row 0 line 1 byte 1 column 1"});
}

TEST_CASE("rows: control characters and mixed line ends are warned of, and refuse no file",
          "[core][row_reader]") {
  const Result result = read(items(), kHeader + "A,1,x\x01y\r\nB,2,\x7F\r");
  CHECK(show(result.findings) == Findings{"WB-3015 row 1 line 2 byte 27 column 3 Note",
                                          "WB-3016 row 1 line 2 byte 29",
                                          "WB-3015 row 2 line 3 byte 35 column 3 Note"});
  CHECK(result.summary.is_accepted());
  REQUIRE(result.rows.size() == 2);
  CHECK(json::parse(result.rows[0].payload).at("note") == "x\x01y");
}

TEST_CASE("finding: WB-3012 for a value that is not of its type", "[core][row_reader][finding]") {
  const Result result = read(items(), kHeader + "A,one,x\n\"B\nB\",\"2,5\",y\n");
  CHECK(show(result.findings) == Findings{"WB-3012 row 1 line 2 byte 24 column 2 Quantity",
                                          "WB-3012 row 2 line 4 byte 37 column 2 Quantity"});
  CHECK(result.findings[0].message == "the value is not a number with a decimal point");
}

TEST_CASE("finding: WB-3013 for a quote where none may stand", "[core][row_reader][finding]") {
  const Result inside = read(items(), kHeader + "A,1,5\" pipe\nB,2,6\" pipe\n");
  CHECK(show(inside.findings) == Findings{"WB-3013 row 1 line 2 byte 27 column 3 Note",
                                          "WB-3013 row 2 line 3 byte 39 column 3 Note"});
  CHECK(inside.summary.complete);
  const Result behind = read(items(), kHeader + "A,1,\"x\"y\nB,2,z\n");
  CHECK(show(behind.findings) == Findings{"WB-3013 row 1 line 2 byte 28 column 3 Note"});
  CHECK_FALSE(behind.summary.complete);
  const FileSpec lenient = spec_with({{"/quotes", "lenient"}});
  CHECK(read(lenient, kHeader + "A,1,5\" pipe\n").rows.size() == 1);
}

TEST_CASE("finding: after the first one no row is handed over, and all are counted",
          "[core][row_reader][finding]") {
  std::string file = kHeader + "A,1,x\n";
  for (int i = 0; i < 250; ++i) file += "B,bad,y\nC,2,z\n";
  const Result result = read(items(), file);
  CHECK(result.rows.size() == 1);
  CHECK(result.findings.size() == kFindingsMax);
  CHECK(result.summary.findings_count == 250);
  CHECK(result.summary.rows == 501);
}

TEST_CASE("finding: its JSON has the keys of the contract and leaves out what it is not about",
          "[core][row_reader][finding]") {
  const Result value = read(items(), kHeader + "A,bad,x\n");
  CHECK(
      to_json(value.findings.at(0)) ==
      json::parse(
          R"({"code": "WB-3012", "rule": "value-invalid", "action": "refuse_file", "row": 1, "line": 2, "byte_offset": 24,
          "column": "Quantity", "column_number": 2,
          "message": "the value is not a number with a decimal point"})"));
  const Result ragged = read(items(), kHeader + "A\n");
  CHECK(
      to_json(ragged.findings.at(0)) ==
      json::parse(
          R"({"code": "WB-3005", "rule": "row-ragged", "action": "refuse_file", "row": 1, "line": 2, "byte_offset": 22,
          "message": "1 field where 3 are expected"})"));
}

TEST_CASE("report: it counts rows, findings and how columns were filled", "[core][row_reader]") {
  const Result good = read(items(), kHeader + "A,1,\nB,,\nC,3,x\n");
  CHECK(good.report.at("outcome") == "accepted");
  CHECK(good.report.at("rows") == 3);
  CHECK(good.report.at("bytes") == 37);
  CHECK(good.report.at("columns").at(1) ==
        json::parse(R"({"name": "Quantity", "to": "quantity", "column_number": 2, "filled": 2,
          "null": 1})"));
  const Result bad = read(items(), kHeader + "A,1,\nB\n");
  CHECK(bad.report.at("outcome") == "refused");
  CHECK(bad.report.at("findings").size() == 1);
  CHECK(read(items(), "").report.at("outcome") == "refused");
}

// Goal:   no value of a file is ever in a finding or report.
// Method: the same marker in every field of files broken in every way; look for it in the report.
TEST_CASE("report: no value of the file is in it", "[core][row_reader]") {
  using namespace std::string_literals;
  const std::string marker = "MARKER7731";
  const std::vector<std::string> files = {
      marker + "," + marker + "\n" + marker + "\n",
      kHeader + marker + "," + marker + "," + marker + "\n",
      kHeader + marker + ",1,\"" + marker + "\"" + marker + "\n",
      kHeader + marker + ",1,\"" + marker,
      kHeader + marker + "," + marker + "\n",
      kHeader + marker + ",1," + marker + "\xFF\n",
      kHeader + marker + "\0,1,x\n"s,
      kHeader + ",1," + marker + "\n",
      kHeader + "A,1," + marker + "\"\n",
      kHeader + std::string(kRecordBytesMax, 'x') + marker + marker,
  };
  for (const std::string& file : files) {
    const Result result = read(items(), file);
    CHECK(result.report.at("outcome") == "refused");
    CHECK(result.report.dump().find(marker) == std::string::npos);
  }
}

// Goal:   where the input is cut changes neither rows nor findings.
// Method: every two-way cut and byte by byte, for good and broken files with marks, multi-byte
//         characters and quoted line ends.
TEST_CASE("rows: every cut gives the same rows and findings", "[core][row_reader]") {
  using namespace std::string_literals;
  const std::vector<std::string> files = {
      "\xEF\xBB\xBF" + kHeader + "A,1,\"caf\xC3\xA9 \"\"x\"\"\r\n\xF0\x9F\x8D\x9E\"\r\nB,.5,\r\n",
      kHeader + "A,1,x\r\rB,x,\"y\ny\"\rC,2\r",
      kHeader + "A,1,\"x\"\"\"y\nB,2,z\n",
      kHeader + "A,1,\xE6\x97\nB,2,z\n",
      kHeader + "A,1,\0\nB,2,\"z\n"s,
      "\xFF\xFEI\0t\0"s,
      "\xEF\xBB",
      "\xEF\xBB\xBF\r\n\"Item No\";\"Quan\ntity\";Note;Quantity\r\nA;1;x\r\n",
      "\r\n\r\"Item No\",\"Quantity\",Note\r\nA,1,x\r\n",
      "\"Item No",
      "Item No",
  };
  for (const std::string& file : files) {
    const Result whole = read(items(), file);
    std::vector<std::string> bytes;
    for (const char c : file) bytes.emplace_back(1, c);
    std::vector<std::vector<std::string>> cuts = {bytes};
    for (std::size_t at = 0; at <= file.size(); ++at) {
      cuts.push_back({file.substr(0, at), file.substr(at)});
    }
    for (const std::vector<std::string>& pieces : cuts) {
      const Result cut = read_pieces(items(), pieces);
      INFO("first piece " << pieces.front().size() << " bytes of: " << file);
      REQUIRE(cut.rows == whole.rows);
      REQUIRE(show(cut.findings) == show(whole.findings));
      REQUIRE(cut.report == whole.report);
    }
  }
}

TEST_CASE("rows: a file truncated at any byte is read or found broken, never worse",
          "[core][row_reader]") {
  const std::string file =
      "\xEF\xBB\xBF" + kHeader + "A,1,\"caf\xC3\xA9 \"\"x\"\"\r\nlong\"\r\nB,.5,\xE6\x97\xA5\r\n";
  const Result whole = read(items(), file);
  REQUIRE(whole.rows.size() == 2);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Result cut = read(items(), file.substr(0, size));
    for (std::size_t i = 0; i + 1 < cut.rows.size(); ++i) REQUIRE(cut.rows[i] == whole.rows[i]);
    REQUIRE(cut.rows.size() <= whole.rows.size());
  }
}

// Goal:   checking alone finds what reading for staging finds.
// Method: files broken in every way, read with a sink and with none.
TEST_CASE("rows: without a sink the file is checked all the same", "[core][row_reader]") {
  using namespace std::string_literals;
  const std::vector<std::string> files = {
      kHeader + "A,1,x\nB,.5,\nC,-007,\"z\"\n",
      kHeader + "A,one,x\n,2,y\nC,3\nD,4,5\" pipe\nE,5,\0\n"s,
      kHeader + "A,1,\xFF\n",
      kHeader + "A,1,\"open\n",
      "Item No,Quantity\n",
      "",
  };
  for (const std::string& file : files) {
    for (const FileSpec& spec : {items(), spec_with({{"/columns/1/type", "integer"}}),
                                 spec_with({{"/natural_key", {"quantity", "note"}}})}) {
      const Result whole = read(spec, file);
      RowReader reader(spec, {});
      reader.feed(file);
      reader.finish();
      CHECK(show(reader.findings()) == show(whole.findings));
      CHECK(validation_report(spec, reader) == whole.report);
    }
  }
}

TEST_CASE("rows: what the sink throws comes out of feed", "[core][row_reader]") {
  RowReader reader(items(), [](const StagingRow&) { throw std::runtime_error("full"); });
  CHECK_THROWS_WITH(reader.feed(kHeader + "A,1,x\n"), "full");
}

TEST_CASE("rows: the longest record of nothing but escapes fits", "[core][row_reader]") {
  const std::string note(kRecordBytesMax - 8, '\x01');
  const Result result = read(items(), kHeader + "A,1,\"" + note + "\"\n");
  REQUIRE(result.rows.size() == 1);
  CHECK(result.rows[0].payload.size() > kJsonGrowthMax * note.size());
}
