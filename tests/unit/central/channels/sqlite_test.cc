#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "read_channel.h"

using namespace waybill;
using nlohmann::json;

namespace {

FileSpec spec_of(const std::string& table = "items", const std::string& other = "ignore") {
  json spec = json::parse(R"({"file_tag": "c", "entity": "component", "file_name": "*",
      "format": "sqlite", "columns": [
        {"name": "code", "to": "code", "required": true},
        {"name": "qty", "to": "qty", "type": "decimal"}], "natural_key": ["code"]})");
  spec["table"] = table;
  spec["other_columns"] = other;
  return parse_file_spec(spec);
}

/// The bytes of a database that `script` made.
std::string database(const std::string& script) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "made.db").string();
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &raw) == SQLITE_OK);
  char* problem = nullptr;
  sqlite3_exec(raw, script.c_str(), nullptr, nullptr, &problem);
  INFO((problem == nullptr ? "" : problem));
  REQUIRE(problem == nullptr);
  sqlite3_close(raw);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::string kItems =
    "CREATE TABLE items (code TEXT, qty, note);"
    "CREATE INDEX by_code ON items (code, qty, note);"
    "INSERT INTO items (rowid, code, qty) VALUES (30, 'C', 0.1), (7, 'Z', 5), (9, 'Ä', -1.5e300),"
    " (10, '', NULL);"
    "DELETE FROM items WHERE code = '';";

Shown refusal(const std::string& bytes, const std::string& table = "items") {
  return read_channel(spec_of(table), bytes).findings;
}

}  // namespace

TEST_CASE("sqlite: rows come in the order of their rowid, numbers with their whole value",
          "[channels][sqlite]") {
  const std::string bytes = database(kItems);
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1000}, std::size_t{7}}) {
    const ReadResult result = read_channel(spec_of(), bytes, cut);
    CHECK(result.findings.empty());
    CHECK(result.rows == Shown{R"(1 Z {"code":"Z","qty":5})", R"(2 Ä {"code":"Ä","qty":-1.5e+300})",
                               R"(3 C {"code":"C","qty":0.1})"});
    CHECK(result.summary.complete);
    CHECK(result.summary.bytes == static_cast<std::int64_t>(bytes.size()));
  }
  CHECK(read_channel(spec_of("ITEMS"), bytes).rows.size() == 3);
}

TEST_CASE("sqlite: a column called rowid changes no order; a table without rowid has its key's",
          "[channels][sqlite]") {
  const std::string taken = database(
      "CREATE TABLE items (rowid, oid, code, qty);"
      "INSERT INTO items (_rowid_, rowid, code) VALUES (2, 1, 'B'), (1, 2, 'A');");
  CHECK(read_channel(spec_of(), taken).rows ==
        Shown{R"(1 A {"code":"A","qty":null})", R"(2 B {"code":"B","qty":null})"});
  const std::string without = database(
      "CREATE TABLE items (code TEXT PRIMARY KEY, qty) WITHOUT ROWID;"
      "INSERT INTO items VALUES ('B', 1), ('A', 2);");
  CHECK(read_channel(spec_of(), without).rows ==
        Shown{R"(1 A {"code":"A","qty":2})", R"(2 B {"code":"B","qty":1})"});
}

TEST_CASE("sqlite: a database in WAL mode is read as far as it was written back",
          "[channels][sqlite]") {
  CHECK(read_channel(spec_of(), database("PRAGMA journal_mode = WAL;" + kItems)).rows.size() == 3);
}

TEST_CASE("sqlite: what is no text or no number is found with row and column",
          "[channels][sqlite]") {
  const auto with = [](const std::string& values) {
    return refusal(
        database("CREATE TABLE items (code TEXT, qty, note);"
                 "INSERT INTO items VALUES ('A', 1, x'00ff');"
                 "INSERT INTO items VALUES " +
                 values));
  };
  CHECK(with("(NULL, 1, NULL)") == Shown{"WB-3006 row 2 line 0 byte 0 column 1 code"});
  CHECK(with("('B', '1/2', NULL)") == Shown{"WB-3012 row 2 line 0 byte 0 column 2 qty"});
  CHECK(with("('B', x'31', NULL)") == Shown{"WB-3012 row 2 line 0 byte 0 column 2 qty"});
  CHECK(with("('B', 9e999, NULL)") == Shown{"WB-3012 row 2 line 0 byte 0 column 2 qty"});
  CHECK(with("(CAST(x'41ff' AS TEXT), 1, NULL)") ==
        Shown{"WB-3004 row 2 line 0 byte 0 column 1 code"});
  CHECK(with("('a' || char(0) || 'b', 1, NULL)") ==
        Shown{"WB-3011 row 2 line 0 byte 0 column 1 code"});
  CHECK(with("(printf('%.3000000c', 'x'), 1, NULL)") == Shown{"WB-3007 row 2 line 0 byte 0"});
  CHECK(with("(printf('%.5000000c', 'x'), 1, NULL)") == Shown{"WB-3007 row 0 line 0 byte 0"});
}

TEST_CASE("sqlite: a table that is missing, a view or virtual is refused by name",
          "[channels][sqlite]") {
  const std::string bytes = database(kItems +
                                     "CREATE VIEW seen AS SELECT * FROM items;"
                                     "CREATE VIRTUAL TABLE found USING fts5(code, qty);");
  for (const char* table : {"nothing", "seen", "found", "items; DROP TABLE items", ""}) {
    if (std::string(table).empty()) continue;
    const ReadResult result = read_channel(spec_of(table), bytes);
    CHECK(result.findings == Shown{"WB-3108 row 0 line 0 byte 0"});
    CHECK_THAT(result.messages.at(0), Catch::Matchers::Contains(table));
    CHECK_FALSE(result.summary.complete);
  }
  CHECK(read_channel(spec_of("items", "refuse"), bytes).findings ==
        Shown{"WB-3010 row 0 line 0 byte 0 column 3 note"});
  CHECK(read_channel(spec_of(), database("CREATE TABLE items (a, b)")).findings ==
        Shown{"WB-3003 row 0 line 0 byte 0"});
  CHECK(read_channel(spec_of(), database("CREATE TABLE items (code)")).findings ==
        Shown{"WB-3003 row 0 line 0 byte 0 qty"});
  const ReadResult no_rows = read_channel(spec_of(), database("CREATE TABLE items (code, qty)"));
  CHECK(no_rows.findings.empty());
  CHECK(no_rows.summary.complete);
}

// Goal:   no part of a database passes for the whole.
// Method: a database of several pages and an unread table at its end, cut at every 512 bytes; a
// page
//         in its middle overwritten.
TEST_CASE("sqlite: a file that is no database, cut short or damaged is refused",
          "[channels][sqlite]") {
  std::string script = kItems + "CREATE TABLE other (x);";
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    script += "INSERT INTO items VALUES ('item" + number + "', 1, '');";
    script += "INSERT INTO other VALUES ('" + std::string(200, 'x') + "');";
  }
  const std::string bytes = database(script);
  REQUIRE(refusal(bytes).empty());
  REQUIRE(bytes.size() > 60'000);
  CHECK(refusal("") == Shown{"WB-3001 row 0 line 0 byte 0"});
  CHECK(refusal("code,qty\nA,1\n") == Shown{"WB-3109 row 0 line 0 byte 0"});
  for (std::size_t size = 512; size < bytes.size(); size += 512) {
    INFO(size);
    CHECK(refusal(bytes.substr(0, size)) == Shown{"WB-3109 row 0 line 0 byte 0"});
  }
  std::string damaged = bytes;
  damaged.replace(damaged.size() / 2, 4096, std::string(4096, '\x5A'));
  CHECK(refusal(damaged) == Shown{"WB-3109 row 0 line 0 byte 0"});
}

TEST_CASE("sqlite: rows set aside are told by their number, without bytes", "[channels][sqlite]") {
  json spec = to_json(spec_of());
  spec["on_finding"] = {{"value-missing", "quarantine_row"}, {"value-invalid", "quarantine_row"}};
  const ReadResult result = read_channel(
      parse_file_spec(spec),
      database(
          "CREATE TABLE items (code TEXT, qty);"
          "INSERT INTO items VALUES ('A', 1), (NULL, 2), ('C', 'many'), ('D', x'00'), ('E', 5);"));
  CHECK(result.set_aside == Shown{"2 WB-3006 line 0 byte 0: ", "3 WB-3012 line 0 byte 0: ",
                                  "4 WB-3012 line 0 byte 0: "});
  CHECK(result.summary.rows_quarantined == 3);
  CHECK(result.rows.size() == 2);
}
