#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/read/key_set.h"
#include "core/read/pattern.h"
#include "core/read/row_builder.h"
#include "core/read/row_reader.h"

using namespace waybill;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

struct Result {
  std::vector<std::int64_t> staged;  ///< source rows
  std::vector<std::string> payloads;
  std::vector<std::int64_t> quarantined;  ///< source rows
  std::vector<std::string> set_aside;     ///< their bytes
  std::vector<std::string> set_aside_at;  ///< "WB-3006@2+17": why, line and byte offset
  std::vector<std::string> codes;         ///< "WB-3006@2:warn", in order
  ReadSummary summary;
  json report;
};

Result read(const json& spec_json, const std::string& bytes) {
  const FileSpec spec = parse_file_spec(spec_json);
  Result result;
  RowReader reader(spec, [&](const StagingRow& row) {
    result.staged.push_back(row.source_row);
    result.payloads.emplace_back(row.payload_json);
  });
  reader.set_quarantine([&](const QuarantinedRow& row) {
    result.quarantined.push_back(row.source_row);
    result.set_aside.emplace_back(row.bytes);
    result.set_aside_at.push_back(std::string(row.code->id) + "@" + std::to_string(row.line) + "+" +
                                  std::to_string(row.byte_offset));
  });
  reader.expect_rows(spec.row_count);
  reader.feed(bytes);
  reader.finish();
  for (const Finding& finding : reader.findings()) {
    result.codes.push_back(std::string(finding.code->id) + "@" + std::to_string(finding.row) + ":" +
                           std::string(to_string(finding.action)));
  }
  result.summary = reader.summary();
  result.report = validation_report(spec, reader);
  return result;
}

/// Columns No (required), Unit (listed words), Code (pattern), Note.
json unit_spec(const json& on_finding = json::object()) {
  json spec = json::parse(R"json({
    "file_tag": "component", "entity": "component", "file_name": "*.csv",
    "columns": [
      {"name": "No", "to": "no", "required": true},
      {"name": "Unit", "to": "unit", "known_values": ["kg", "l"], "null_values": ["-"]},
      {"name": "Code", "to": "code", "pattern": "[A-Z]{2}[0-9]+"},
      {"name": "Qty", "to": "qty", "type": "decimal"}],
    "natural_key": ["no"]})json");
  if (!on_finding.empty()) spec["on_finding"] = on_finding;
  return spec;
}

constexpr const char* kHeader = "No,Unit,Code,Qty\n";

using Rows = std::vector<std::int64_t>;
using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("row rules: listed words and patterns refuse the file unless the spec says otherwise",
          "[core][read][rules]") {
  const std::string file = std::string(kHeader) + "1,kg,AB1,1\n2,g,AB2,1\n3,l,ab3,1\n4,-,,1\n";
  const Result refused = read(unit_spec(), file);
  CHECK(refused.codes == Codes{"WB-3019@2:refuse_file", "WB-3020@3:refuse_file"});
  CHECK(refused.staged == Rows{1});
  CHECK_FALSE(refused.summary.is_accepted());
  CHECK(refused.summary.refusal->row == 2);
  CHECK(refused.report["outcome"] == "refused");

  const Result warned =
      read(unit_spec({{"value-unlisted", "warn"}, {"pattern-mismatch", "warn"}}), file);
  CHECK(warned.codes == Codes{"WB-3019@2:warn", "WB-3020@3:warn"});
  CHECK(warned.staged == Rows{1, 2, 3, 4});
  CHECK(warned.payloads[1] == R"({"no":"2","unit":"g","code":"AB2","qty":1})");
  CHECK(warned.summary.is_accepted());
  CHECK(warned.report["outcome"] == "accepted");
}

TEST_CASE("row rules: a quarantined row is set aside as it stands, and the others are staged",
          "[core][read][rules]") {
  const json on_finding = {{"value-invalid", "quarantine_row"},
                           {"row-ragged", "quarantine_row"},
                           {"value-missing", "quarantine_row"},
                           {"nul-byte", "quarantine_row"},
                           {"encoding-invalid", "quarantine_row"}};
  const std::string nul = std::string("6,kg,AB6,") + '\0' + "1";
  const std::string file = std::string(kHeader) + "1,kg,AB1,1\n2,kg,AB2,many\n3,kg\n,kg,AB4,1\n" +
                           "5,\xFF,AB5,1\n" + nul + "\n7,l,AB7,2\n";
  const Result result = read(unit_spec(on_finding), file);
  CHECK(result.staged == Rows{1, 7});
  CHECK(result.quarantined == Rows{2, 3, 4, 5, 6});
  CHECK(result.set_aside ==
        std::vector<std::string>{"2,kg,AB2,many", "3,kg", ",kg,AB4,1", "5,\xFF,AB5,1", nul});
  CHECK(result.set_aside_at ==
        Codes{"WB-3012@3+28", "WB-3005@4+42", "WB-3006@5+47", "WB-3004@6+57", "WB-3011@7+67"});
  CHECK(result.summary.rows == 7);
  CHECK(result.summary.rows_quarantined == 5);
  CHECK(result.summary.is_accepted());
  CHECK(result.report["rows_quarantined"] == 5);
}

TEST_CASE("row rules: one finding that refuses ends the staging, quarantine or not",
          "[core][read][rules]") {
  const Result result =
      read(unit_spec({{"value-invalid", "quarantine_row"}}),
           std::string(kHeader) + "1,kg,AB1,x\n2,g,AB2,1\n3,kg,AB3,y\n4,kg,AB4,1\n");
  CHECK(result.codes ==
        Codes{"WB-3012@1:quarantine_row", "WB-3019@2:refuse_file", "WB-3012@3:quarantine_row"});
  CHECK(result.staged.empty());
  CHECK(result.quarantined == Rows{1, 3});
}

TEST_CASE("row rules: a header that cannot be read refuses the file whatever the rules say",
          "[core][read][rules]") {
  const Result result = read(unit_spec({{"encoding-invalid", "quarantine_row"}}),
                             "No,Unit,Code,Qt\xFFy\n1,kg,AB1,1\n");
  CHECK(result.staged.empty());
  CHECK_FALSE(result.summary.is_accepted());
}

// Goal:   a file of which nothing could be read is never taken for a good one without rows.
// Method: a header that cannot be read, and a mark of another encoding, under rules that set rows
//         aside; what refuses the file is what central asks for.
TEST_CASE("row rules: what is wrong with the header or the whole file is no row to be set aside",
          "[core][read][rules]") {
  const json aside = {{"encoding-invalid", "quarantine_row"},
                      {"nul-byte", "quarantine_row"},
                      {"control-character", "quarantine_row"}};
  const std::string rows = "1,kg,AB1,2\n";
  for (const std::string& file : {"No,Unit,C\xF6"
                                  "de,Qty\n" +
                                      rows,
                                  "No,Unit,C" + std::string(1, '\0') + "de,Qty\n" + rows,
                                  "No,Unit,C\x01"
                                  "de,Qty\n" +
                                      rows,
                                  "\xFF\xFE"
                                  "No,Unit,Code,Qty\n" +
                                      rows}) {
    const Result result = read(unit_spec(aside), file);
    REQUIRE(result.summary.refusal);
    CHECK(result.summary.refusal->action == RuleAction::kRefuseFile);
    CHECK(result.summary.refusal->row == 0);
    CHECK_FALSE(result.summary.is_accepted());
    CHECK(result.staged.empty());
    CHECK(result.set_aside.empty());
  }
}

TEST_CASE("row rules: a key that an earlier row had is found, by column and by natural key",
          "[core][read][rules]") {
  json spec = unit_spec({{"key-duplicate", "quarantine_row"}, {"value-invalid", "quarantine_row"}});
  spec["natural_key_unique"] = true;
  spec["columns"][2]["unique"] = true;
  const Result result = read(spec, std::string(kHeader) + "1,kg,AB1,1\n1,kg,AB2,1\n3,kg,AB1,1\n" +
                                       "4,kg,,1\n5,kg,,1\n6,kg,AB6,x\n6,kg,AB6,1\n");
  CHECK(result.codes ==
        Codes{"WB-3021@2:quarantine_row", "WB-3021@3:quarantine_row", "WB-3012@6:quarantine_row"});
  CHECK(result.staged == Rows{1, 4, 5, 7});  // of 6, which was set aside, 7 is no repetition
  REQUIRE(result.report["groups"].size() == 3);
  CHECK(result.report["groups"][0].contains("column") == false);
  CHECK(result.report["groups"][1]["column"] == "Code");

  spec.erase("on_finding");
  CHECK(read(spec, std::string(kHeader) + "1,kg,AB1,1\n1,kg,AB2,1\n").summary.refusal->row == 2);
}

TEST_CASE("row rules: an optional column may be absent, one of another name is read with a notice",
          "[core][read][rules]") {
  json spec = unit_spec();
  spec["columns"][2]["optional"] = true;
  spec["columns"][3]["renamed_from"] = {"Quantity"};
  const Result result = read(spec, "No,Unit,Quantity\n1,kg,2\n");
  CHECK(result.codes == Codes{"WB-3023@0:warn"});
  CHECK(result.payloads == std::vector<std::string>{R"({"no":"1","unit":"kg","qty":2})"});
  CHECK(result.summary.is_accepted());

  spec["on_finding"] = {{"column-renamed", "refuse_file"}};
  CHECK_FALSE(read(spec, "No,Unit,Quantity\n1,kg,2\n").summary.is_accepted());
}

TEST_CASE("row rules: columns in another order are told when the spec asks",
          "[core][read][rules]") {
  const std::string file = "Unit,No,Code,Qty\nkg,1,AB1,2\n";
  CHECK(read(unit_spec(), file).codes.empty());
  const Result told = read(unit_spec({{"column-moved", "warn"}}), file);
  CHECK(told.codes == Codes{"WB-3024@0:warn"});
  CHECK(told.payloads[0] == R"({"no":"1","unit":"kg","code":"AB1","qty":2})");
}

TEST_CASE("row rules: the number of rows is judged for a whole file", "[core][read][rules]") {
  json spec = unit_spec();
  spec["row_count"] = {{"min", 2}, {"max", 3}};
  const auto codes = [&](int rows) {
    std::string file = kHeader;
    for (int i = 0; i < rows; ++i) file += std::to_string(i) + ",kg,AB1,1\n";
    return read(spec, file).codes;
  };
  CHECK(codes(1) == Codes{"WB-3022@0:warn"});
  CHECK(codes(2).empty());
  CHECK(codes(3).empty());
  CHECK(codes(4) == Codes{"WB-3022@0:warn"});
}

TEST_CASE("row rules: findings are grouped by rule and column, with the first places",
          "[core][read][rules]") {
  std::string file = kHeader;
  for (int i = 1; i <= 300; ++i) file += std::to_string(i) + ",g,AB1,x\n";
  const Result result = read(unit_spec({{"value-unlisted", "warn"}}), file);
  REQUIRE(result.summary.groups.size() == 2);
  CHECK(result.summary.findings_count == 600);
  for (const FindingGroup& group : result.summary.groups) {
    CHECK(group.count == 300);
    CHECK(group.places.size() == kPlacesMax);
    CHECK(group.places[4].row == 5);
  }
  // The refusal is kept even when a hundred warnings came first.
  CHECK(result.summary.refusal->code == &error_code::kValueInvalid);
}

TEST_CASE("row rules: JSON lines and fixed width obey the same rules", "[core][read][rules]") {
  json lines = unit_spec({{"line-not-an-object", "quarantine_row"}, {"value-unlisted", "warn"}});
  lines["format"] = "jsonl";
  lines["columns"][3]["renamed_from"] = {"Quantity"};
  const Result json_result = read(lines,
                                  "{\"No\":\"1\",\"Unit\":\"g\",\"Qty\":1}\nnonsense\n"
                                  "{\"No\":\"3\",\"Unit\":\"kg\",\"Quantity\":3}\n"
                                  "{\"No\":\"4\",\"Unit\":\"kg\",\"Quantity\":4}\n");
  CHECK(json_result.codes == Codes{"WB-3019@1:warn", "WB-3105@2:quarantine_row", "WB-3023@3:warn"});
  CHECK(json_result.staged == Rows{1, 3, 4});
  CHECK(json_result.payloads[1] == R"({"no":"3","unit":"kg","code":null,"qty":3})");

  json fixed = json::parse(R"({"file_tag": "a", "entity": "party", "file_name": "*",
      "format": "fixed_width", "on_finding": {"record-width-wrong": "quarantine_row"},
      "columns": [{"name": "A", "to": "a", "start": 1, "width": 2}]})");
  const Result fixed_result = read(fixed, "ab\nc\nde\n");
  CHECK(fixed_result.staged == Rows{1, 3});
  CHECK(fixed_result.set_aside == std::vector<std::string>{"c"});
}

TEST_CASE("key set: knows what it was given, by space, and says when it is full", "[core][read]") {
  KeySet keys;
  CHECK(keys.insert(0, "a"));
  CHECK_FALSE(keys.insert(0, "a"));
  CHECK(keys.insert(1, "a"));
  CHECK(keys.insert(0, ""));
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < kKeysMax; ++i) fresh += keys.insert(2, std::to_string(i)) ? 1U : 0U;
  CHECK(fresh == kKeysMax);
  CHECK(keys.full());
  CHECK(keys.insert(2, "0"));  // nothing is called a repetition any more
}

TEST_CASE("pattern: the whole value must match, and a bad expression says why", "[core][read]") {
  CHECK(Pattern("[A-Z]{2}").matches("AB"));
  CHECK_FALSE(Pattern("[A-Z]{2}").matches("ABC"));
  CHECK_FALSE(Pattern("[A-Z]{2}").matches("xAB"));
  CHECK(Pattern("\\p{L}+").matches("Crème"));
  CHECK(Pattern("a|bc").matches("bc"));
  CHECK(Pattern("(a*)*b").problem().empty());
  CHECK_FALSE(
      Pattern("(a*)*b").matches(std::string(50'000, 'a')));  // in time: RE2 does not go back
  CHECK_THAT(Pattern("a(").problem(), Contains("no regular expression"));
}

TEST_CASE("row rules: repeated keys are told to the end, also of a refused file", "[core][read]") {
  const json spec = {{"file_tag", "component"},
                     {"entity", "component"},
                     {"file_name", "*"},
                     {"columns", {{{"name", "No"}, {"to", "no"}}, {{"name", "N"}, {"to", "n"}}}},
                     {"natural_key", {"no"}},
                     {"natural_key_unique", true}};
  const Result result = read(spec, "No,N\nA,1\nB\nA,2\nA,3\nC,4\nC,5\n");
  CHECK(result.codes == std::vector<std::string>{"WB-3005@2:refuse_file", "WB-3021@3:refuse_file",
                                                 "WB-3021@4:refuse_file", "WB-3021@6:refuse_file"});
  CHECK(result.staged == std::vector<std::int64_t>{1});
}

TEST_CASE("row rules: a natural key that staging cannot take is a value that is wrong",
          "[core][read]") {
  const json spec = {{"file_tag", "component"},
                     {"entity", "component"},
                     {"file_name", "*"},
                     {"columns", {{{"name", "No"}, {"to", "no"}}, {{"name", "N"}, {"to", "n"}}}},
                     {"natural_key", {"n", "no"}},
                     {"on_finding", {{"value-invalid", "quarantine_row"}}}};
  const std::string fits(kNaturalKeyBytesMax - 2, 'k');
  const std::string bytes = "No,N\n1," + fits + "\n2," + fits + "k\n3,short\n";
  const Result result = read(spec, bytes);
  CHECK(result.staged == std::vector<std::int64_t>{1, 3});
  CHECK(result.codes == std::vector<std::string>{"WB-3012@2:quarantine_row"});
  CHECK(result.report["findings"][0]["column"] == "N");
  CHECK(result.report["findings"][0]["byte_offset"] == bytes.rfind("," + fits + "k") + 1);

  RowReader check(parse_file_spec(spec), RowSink());  // as the agent reads: without rows
  check.feed(bytes);
  check.finish();
  CHECK(check.summary().rows_quarantined == 1);
}

TEST_CASE("row rules: unique values are compared as they are staged", "[core][read]") {
  json column = {{"name", "No"}, {"to", "no"}, {"type", "integer"}, {"unique", true}};
  const json spec = {{"file_tag", "component"},
                     {"entity", "component"},
                     {"file_name", "*"},
                     {"columns", {column}},
                     {"on_finding", {{"key-duplicate", "quarantine_row"}}}};
  CHECK(read(spec, "No\n1\n01\n+1\n2\n").staged == std::vector<std::int64_t>{1, 4});
}

TEST_CASE("row rules: the header among the rows is told", "[core][read]") {
  const auto spec = [](const char* action) {
    return json{{"file_tag", "component"},
                {"entity", "component"},
                {"file_name", "*"},
                {"columns", {{{"name", "No"}, {"to", "no"}}, {{"name", "N"}, {"to", "n"}}}},
                {"on_finding", {{"header-repeated", action}}}};
  };
  const std::string bytes = "No,N\nA,1\nNo,N\nB,2\n\xEF\xBB\xBFNo,N\nC,3\n";
  CHECK(read(spec("quarantine_row"), bytes).staged == std::vector<std::int64_t>{1, 3, 5});
  CHECK(read(spec("warn"), bytes).staged == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  const Result refused = read(spec("refuse_file"), bytes);
  CHECK(refused.codes ==
        std::vector<std::string>{"WB-3027@2:refuse_file", "WB-3027@4:refuse_file"});
  // A value may be equal to the name of the only column.
  const json one = {{"file_tag", "component"},
                    {"entity", "component"},
                    {"file_name", "*"},
                    {"columns", {{{"name", "unit"}, {"to", "unit"}}}}};
  CHECK(read(one, "unit\nkg\nunit\n").codes.empty());
}

TEST_CASE("row rules: of many different keys of JSON lines a few are named", "[core][read]") {
  const json spec = {{"file_tag", "component"},
                     {"entity", "component"},
                     {"file_name", "*"},
                     {"format", "jsonl"},
                     {"columns", {{{"name", "no"}, {"to", "no"}}}}};
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    bytes += R"({"no":"1","key)" + std::to_string(i) + R"(":2})" + "\n";
  }
  const Result result = read(spec, bytes);
  CHECK(result.summary.findings_count == 300);
  CHECK(result.summary.groups.size() == 6);
  CHECK(result.summary.groups.back().first.column.empty());
  CHECK(result.summary.groups.back().count == 295);
  const Result address = read(spec, R"({"no":"1","kim@example.org":2})");
  CHECK(address.summary.groups.at(0).first.column.empty());
}
