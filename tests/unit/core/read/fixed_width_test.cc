#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "read_rows.h"

using namespace waybill;
using nlohmann::json;

namespace {

/// Code in bytes 1 to 5, quantity in 6 to 10, name in 11 to 20; byte 21 and later are nobody's.
FileSpec fixed_spec(const std::vector<std::pair<std::string, json>>& changes = {}) {
  json spec = json::parse(R"({
    "file_tag": "component", "entity": "component", "file_name": "*", "format": "fixed_width",
    "columns": [
      {"name": "Name", "to": "name", "start": 11, "width": 10, "trim": true},
      {"name": "Code", "to": "code", "start": 1, "width": 5, "trim": true, "required": true},
      {"name": "Qty", "to": "quantity", "type": "decimal", "start": 6, "width": 5, "trim": true}],
    "natural_key": ["code"]})");
  for (const auto& [pointer, value] : changes) spec[json::json_pointer(pointer)] = value;
  return parse_file_spec(spec);
}

const std::string kButter = "A1    2.50Butter    ";
const std::string kFlour = "B2      10\"Flour, \" ";

}  // namespace

TEST_CASE("fixed width: bytes become columns by their places, quotes are content",
          "[core][fixed_width]") {
  const ReadResult result = read_rows(fixed_spec(), kButter + "\n\n" + kFlour + "   \n");
  CHECK(result.findings.empty());
  CHECK(result.rows == Shown{R"(1 A1 {"name":"Butter","code":"A1","quantity":2.50})",
                             R"(2 B2 {"name":"\"Flour, \"","code":"B2","quantity":10})"});
  REQUIRE(result.summary.columns.size() == 3);
  CHECK(result.summary.columns[1].name == "Code");
  CHECK(result.summary.columns[1].filled == 2);
}

TEST_CASE("fixed width: a header line is skipped and is no row", "[core][fixed_width]") {
  const FileSpec spec = fixed_spec({{"/header", true}});
  CHECK(read_rows(spec, "short\n" + kButter + "\n").rows ==
        Shown{R"(1 A1 {"name":"Butter","code":"A1","quantity":2.50})"});
  CHECK(read_rows(spec, "short").findings.empty());
  CHECK(read_rows(spec, "").findings == Shown{"WB-3001 row 0 line 0 byte 0"});
}

TEST_CASE("fixed width: a header line that the spec does not know of is named",
          "[core][fixed_width]") {
  const std::string names = "Code   QtyName";
  CHECK(read_rows(fixed_spec(), names + "\n" + kButter + "\n").findings ==
        Shown{"WB-3018 row 1 line 1 byte 0"});
  CHECK(read_rows(fixed_spec(), kButter + "\n" + names + "\n").findings ==
        Shown{"WB-3106 row 2 line 2 byte 21"});
}

TEST_CASE("fixed width: a record that is too short or too long is refused with its place",
          "[core][fixed_width]") {
  const std::string cut = kButter.substr(0, 19);
  CHECK(read_rows(fixed_spec(), kButter + "\n" + cut + "\n\n" + kButter + "x\n").findings ==
        Shown{"WB-3106 row 2 line 2 byte 21", "WB-3106 row 3 line 4 byte 42"});
  const FileSpec ignores = fixed_spec({{"/other_columns", "ignore"}});
  CHECK(read_rows(ignores, kButter + "x\n").findings.empty());
  CHECK(read_rows(ignores, cut).findings == Shown{"WB-3106 row 1 line 1 byte 0"});
}

TEST_CASE("fixed width: a wrong value is found at its column's first byte", "[core][fixed_width]") {
  CHECK(read_rows(fixed_spec(), "A1     1/2Butter    \n          Butter    \n").findings ==
        Shown{"WB-3012 row 1 line 1 byte 5 column 3 Qty",
              "WB-3006 row 2 line 2 byte 21 column 2 Code"});
}

TEST_CASE("fixed width: widths are bytes, and half a character is no text", "[core][fixed_width]") {
  const FileSpec ignores = fixed_spec({{"/other_columns", "ignore"}});
  CHECK(read_rows(ignores, "A1    2.50Crème fraîche\n").rows ==
        Shown{R"(1 A1 {"name":"Crème fra","code":"A1","quantity":2.50})"});
  // The name's tenth byte is the first half of the last character.
  CHECK(read_rows(ignores, "A1    2.50123456789é\n").findings ==
        Shown{"WB-3004 row 1 line 1 byte 10 column 1 Name"});
  // The code's first byte is the second half of one that begins in front of it.
  CHECK(read_rows(fixed_spec({{"/columns/1/start", 2}, {"/columns/1/width", 4}}),
                  "é1   12.50Butter    \n")
            .findings == Shown{"WB-3004 row 1 line 1 byte 1 column 2 Code"});
  const FileSpec western = fixed_spec({{"/encoding", "windows-1252"}});
  CHECK(read_rows(western, "A1    2.50123456789\xE9\n").rows ==
        Shown{R"(1 A1 {"name":"123456789é","code":"A1","quantity":2.50})"});
}

TEST_CASE("fixed width: bytes that are no text are named with their column",
          "[core][fixed_width]") {
  CHECK(read_rows(fixed_spec(),
                  "A1    2.5\xFF"
                  "Butter    \n")
            .findings == Shown{"WB-3004 row 1 line 1 byte 9 column 3 Qty"});
  CHECK(read_rows(fixed_spec(), kButter + std::string("\nA1    2.50Bu\0ter    \n", 22)).findings ==
        Shown{"WB-3011 row 2 line 2 byte 33 column 1 Name"});
}

TEST_CASE("fixed width: every cut gives the same rows and findings", "[core][fixed_width]") {
  const std::string bytes =
      "\xEF\xBB\xBF" + kButter + "\r\n\r\n" + kFlour + "\r" + kButter + "\nx\n";
  const ReadResult whole = read_rows(fixed_spec(), bytes, 0, 7);
  CHECK(whole.rows.size() == 3);
  CHECK(whole.findings == Shown{"WB-3016 row 8 line 3 byte 47", "WB-3106 row 10 line 5 byte 69"});
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    CHECK(read_rows(fixed_spec(), bytes, cut, 7).rows == whole.rows);
    CHECK(read_rows(fixed_spec(), bytes, cut, 7).findings == whole.findings);
  }
}
