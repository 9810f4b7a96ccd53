#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "read_channel.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using nlohmann::json;

namespace {

FileSpec spec_of(const std::string& table = "items", const std::string& other = "ignore") {
  json spec = json::parse(R"({"file_tag": "c", "entity": "component", "file_name": "*",
      "format": "sql_dump", "columns": [
        {"name": "code", "to": "code", "required": true},
        {"name": "qty", "to": "qty", "type": "decimal"},
        {"name": "note", "to": "note"}], "natural_key": ["code"]})");
  spec["table"] = table;
  spec["other_columns"] = other;
  return parse_file_spec(spec);
}

/// As spec_of(), with the columns that every dump in fixtures/formats has.
FileSpec pantry_spec(const std::string& table = "items") {
  json spec = to_json(spec_of(table));
  spec["columns"].push_back({{"name", "active"}, {"to", "active"}, {"type", "boolean"}});
  spec["columns"].push_back(
      {{"name", "day"}, {"to", "day"}, {"type", "date"}, {"date_format", "%Y-%m-%d"}});
  return parse_file_spec(spec);
}

std::string fixture(const std::string& name) {
  const auto path = source_folder() / "fixtures/formats" / name;
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The rows of the pantry's items, with the three quantities that SQLite writes in its own way.
Shown pantry_rows(const std::string& first, const std::string& second, const std::string& third,
                  const std::string& last) {
  return {
      R"(1 A1 {"code":"A1","qty":)" + first +
          R"(,"note":"tab\there\nnew line \\ back\\N","active":true,"day":"2026-11-20"})",
      R"(2 B'2 {"code":"B'2","qty":)" + second + R"(,"note":null,"active":false,"day":null})",
      R"(3 Ä; --x {"code":"Ä; --x","qty":)" + third +
          R"(,"note":"it's /* no */ \"q\" $ \\. \\N (1, 2); ","active":null,"day":"0999-01-02"})",
      R"(4 \N {"code":"\\N","qty":0,"note":"cr\rlf\r\nend","active":true,"day":"2026-01-31"})",
      R"(5 last {"code":"last","qty":)" + last + R"(,"note":null,"active":null,"day":null})"};
}

struct Dump {
  const char* name;
  Shown rows;
};

std::vector<Dump> dumps() {
  const std::string large = "12345678901234567890.123";
  const Shown postgres = pantry_rows("1.50", "-0.001", large, "0.0000007");
  return {{"pg_dump_copy.sql", postgres},
          {"pg_dump_inserts.sql", postgres},
          {"pg_dump_column_inserts.sql", postgres},
          {"mysqldump.sql", pantry_rows("1.50", "-0.001", large, "7e-7")},
          {"sqlite_dump.sql", pantry_rows("1.5", "-0.0010000000000000000208",
                                          "12345678901234567167.0", "6.9999999999999996838e-07")}};
}

Shown refusal(const std::string& dump, const std::string& table = "items") {
  return read_channel(spec_of(table), dump).findings;
}

Shown rows_of(const std::string& dump) {
  const ReadResult result = read_channel(spec_of(), dump);
  CHECK(result.findings.empty());
  return result.rows;
}

const Shown kOneRow = {R"(1 A {"code":"A","qty":1,"note":"n"})"};

}  // namespace

// Goal:   every dialect gives the rows that its program was told, and none of what stands in
//         functions, triggers, comments and other tables.
// Method: the same table dumped by pg_dump in its three ways and by SQLite's shell, and written as
//         mysqldump writes; fed in cuts of every small size.
TEST_CASE("sql dump: every program's dump gives the table's rows, in any cut",
          "[channels][sql_dump]") {
  for (const Dump& dump : dumps()) {
    INFO(dump.name);
    const std::string bytes = fixture(dump.name);
    for (const std::size_t cut : {0, 1, 2, 3, 7, 64, 1000}) {
      const ReadResult result = read_channel(pantry_spec(), bytes, cut);
      CHECK(result.findings.empty());
      CHECK(result.rows == dump.rows);
      CHECK(result.summary.complete);
      CHECK(result.summary.bytes == static_cast<std::int64_t>(bytes.size()));
    }
  }
}

// Goal:   no part of a dump passes for the whole.
// Method: cut each program's dump behind every byte up to its last mark.
TEST_CASE("sql dump: cut short anywhere it is refused", "[channels][sql_dump]") {
  const std::map<std::string, std::string> last_marks = {
      {"pg_dump_copy.sql", "dump complete"},
      {"pg_dump_inserts.sql", "dump complete"},
      {"pg_dump_column_inserts.sql", "dump complete"},
      {"mysqldump.sql", "Dump completed"},
      {"sqlite_dump.sql", "COMMIT;"}};
  for (const auto& [name, mark] : last_marks) {
    const std::string bytes = fixture(name);
    const std::size_t end = bytes.rfind(mark) + mark.size();
    REQUIRE(end > mark.size());
    CHECK(read_channel(pantry_spec(), bytes.substr(0, end)).findings.empty());
    for (std::size_t size = bytes.find("items"); size < end; ++size) {
      const ReadResult result = read_channel(pantry_spec(), bytes.substr(0, size));
      INFO(name << " " << size);
      CHECK(result.findings == Shown{result.findings.at(0)});
      CHECK_THAT(result.findings[0],
                 Catch::Matchers::StartsWith("WB-3107") || Catch::Matchers::StartsWith("WB-3108"));
      CHECK_FALSE(result.summary.complete);
    }
  }
}

TEST_CASE("sql dump: a dump cut short tells the line at which it ends", "[channels][sql_dump]") {
  CHECK(refusal("COPY items (code, qty, note) FROM stdin;\nA\t1\tn\n") ==
        Shown{"WB-3107 row 0 line 3 byte 47"});
  CHECK(refusal("INSERT INTO items (code, qty, note) VALUES\n('A', 1, 'n'),\n") ==
        Shown{"WB-3107 row 0 line 3 byte 58"});
  CHECK(refusal("INSERT INTO items (code, qty, note) VALUES ('A', 1, 'n')") ==
        Shown{"WB-3107 row 0 line 1 byte 56"});
  CHECK(refusal("BEGIN;\nINSERT INTO items (code, qty, note) VALUES ('A', 1, 'n');\n") ==
        Shown{"WB-3107 row 0 line 3 byte 65"});
  CHECK(refusal("BEGIN;INSERT INTO items (code, qty, note) VALUES ('A', 1, 'n');ROLLBACK;")
            .at(0)
            .starts_with("WB-3107"));
  CHECK(refusal("INSERT INTO items (code, qty, note) VALUES ('A', 1, 'n'); /* ")
            .at(0)
            .starts_with("WB-3107"));
}

TEST_CASE("sql dump: a statement's own list orders its values", "[channels][sql_dump]") {
  CHECK(rows_of("INSERT INTO items (note, code, qty) VALUES ('n', 'A', 1);") == kOneRow);
  CHECK(rows_of("CREATE TABLE items (note text, qty int, code text);\n"
                "INSERT INTO items VALUES ('n', 1, 'A');")
            .size() == 1);
  CHECK(rows_of("INSERT INTO items (code,qty,note) VALUES ('A',1,'n');\n"
                "INSERT INTO items (note,code,qty) VALUES ('m','B',2);") ==
        Shown{kOneRow[0], R"(2 B {"code":"B","qty":2,"note":"m"})"});
  CHECK(refusal("INSERT INTO items (code,qty,note) VALUES ('A',1,'n');\n"
                "INSERT INTO items (note,code,code) VALUES ('m','B','C');") ==
        Shown{"WB-3109 row 0 line 2 byte 54"});
  CHECK(refusal("\nINSERT INTO items VALUES ('A',1,'n');") == Shown{"WB-3109 row 0 line 2 byte 1"});
}

TEST_CASE("sql dump: names are told apart with and without schema and quotes",
          "[channels][sql_dump]") {
  for (const char* name : {"items", "public.items", "\"items\"", "\"public\".\"items\"", "`items`",
                           "`pantry`.`items`", "[dbo].[items]"}) {
    INFO(name);
    CHECK(rows_of("INSERT INTO " + std::string(name) +
                  " (code, \"qty\", [note]) VALUES"
                  " ('A', 1, 'n');") == kOneRow);
  }
  const std::string two =
      "INSERT INTO a.items (code, qty, note) VALUES ('A', 1, 'n');"
      "INSERT INTO b.items (code, qty, note) VALUES ('B', 1, 'n');";
  CHECK(refusal(two) == Shown{"WB-3109 row 0 line 1 byte 59"});
  CHECK(read_channel(spec_of("a.items"), two).rows == kOneRow);
  CHECK(refusal(two, "c.items") == Shown{"WB-3108 row 0 line 0 byte 0"});
  CHECK(refusal("INSERT INTO items2 (code) VALUES ('A');") == Shown{"WB-3108 row 0 line 0 byte 0"});
  const ReadResult missing = read_channel(spec_of("ITEMS"), two);
  CHECK_THAT(missing.messages.at(0), Catch::Matchers::Contains("ITEMS"));
}

TEST_CASE("sql dump: every form of literal is read, and nothing is guessed",
          "[channels][sql_dump]") {
  const auto note = [](const std::string& literal) {
    const ReadResult result = read_channel(
        spec_of(), "INSERT INTO items (code,qty,note) VALUES ('A',1," + literal + ");");
    if (!result.findings.empty()) return result.findings[0].substr(0, 7);
    const std::size_t at = result.rows.at(0).find("\"note\":") + 7;
    return result.rows[0].substr(at, result.rows[0].size() - at - 1);
  };
  CHECK(note("NULL") == "null");
  CHECK(note("null") == "null");
  CHECK(note("''") == "null");
  CHECK(note("'it''s'") == R"("it's")");
  CHECK(note(R"('a\nb')") == R"("a\\nb")");
  CHECK(note(R"(E'a\n\x41\101\'')") == R"("a\nAA'")");
  CHECK(note("-1.5e+10") == R"("-1.5e+10")");
  CHECK(note("+.5") == R"("+.5")");
  CHECK(note("TRUE") == R"("true")");
  CHECK(note("N'x'") == R"("x")");
  CHECK(note("b'101'") == R"("101")");
  CHECK(note("'2026-11-20'::date") == R"("2026-11-20")");
  CHECK(note("$$it's$$") == R"("it's")");
  CHECK(note("$a$x$$y$a$") == R"("x$$y")");
  CHECK(note("'a'||char(10)||'b'") == R"("a\nb")");
  CHECK(note("unistr('a\\u000ab\\\\')") == R"("a\nb\\")");
  CHECK(note("X'00'") == "WB-3012");
  CHECK(note("0xFF") == "WB-3012");
  CHECK(note("_binary 'x'") == "WB-3012");
  CHECK(note("E'a\\000b'") == "WB-3011");
  CHECK(note("'\xFF'") == "WB-3004");
  for (const char* guess : {"DEFAULT", "now()", "1 + 1", "'a' 'b'", "(SELECT 1)", "", "-", "'a'::",
                            "char(999999)", "replace('a','b')", "nextval('x'::regclass)"}) {
    INFO(guess);
    const std::string got = note(guess);
    CHECK((got == "WB-3109" || (std::string(guess) == "'a'::" && got == R"("a")")));
  }
  CHECK(rows_of("INSERT INTO items (code,qty,note,at,pic) VALUES ('A',1,'n',now(),X'00');") ==
        kOneRow);
}

TEST_CASE("sql dump: a backslash means what the dump's program means by it",
          "[channels][sql_dump]") {
  const std::string insert = R"(INSERT INTO items (code,qty,note) VALUES ('A',1,'a\'');)";
  CHECK(refusal(insert + "\n").at(0).starts_with("WB-3107"));  // standard: the text goes on
  const Shown row = {R"(1 A {"code":"A","qty":1,"note":"a'"})"};
  CHECK(rows_of("-- MySQL dump 10.13\n" + insert + "\n-- Dump completed\n") == row);
  CHECK(rows_of("SET standard_conforming_strings = off;\n" + insert) == row);
  CHECK(rows_of(R"(INSERT INTO `items` (`code`,`qty`,`note`) VALUES ('A',1,'a\'');)") == row);
}

TEST_CASE("sql dump: statements around the rows change nothing", "[channels][sql_dump]") {
  const std::string rows = "(code,qty,note) VALUES ('A',1,'n')";
  CHECK(rows_of("INSERT IGNORE INTO items " + rows + ";") == kOneRow);
  CHECK(rows_of("INSERT OR REPLACE INTO items " + rows + ";") == kOneRow);
  CHECK(rows_of("REPLACE INTO items " + rows + ";") == kOneRow);
  CHECK(rows_of("INSERT INTO items " + rows + " ON CONFLICT DO NOTHING;") == kOneRow);
  CHECK(rows_of("INSERT INTO items (code,qty,note) OVERRIDING SYSTEM VALUE VALUES ('A',1,'n');") ==
        kOneRow);
  CHECK(rows_of("# note\n\\connect pantry\n;;/* ' */ insert into items " + rows + ";\r\n") ==
        kOneRow);
  CHECK(rows_of("\xEF\xBB\xBFINSERT INTO items " + rows + ";") == kOneRow);
  CHECK(rows_of("COPY other (a) FROM stdin;\n'\nINSERT\n\\.\nINSERT INTO items " + rows + ";") ==
        kOneRow);
  CHECK(rows_of("COPY items (code, qty, note) FROM stdin;\r\nA\t1\tn\r\n\\.\r\n") == kOneRow);
  CHECK(rows_of("CREATE TABLE items (code text, qty int, note text);").empty());
  CHECK(refusal("\xFF\xFE"
                "a") == Shown{"WB-3004 row 0 line 1 byte 0"});
  CHECK(refusal("") == Shown{"WB-3001 row 0 line 0 byte 0"});
  CHECK(refusal("INSERT INTO items SELECT 1;").at(0).starts_with("WB-3109"));
  CHECK(refusal("COPY items (code, qty, note) FROM stdin WITH (FORMAT csv);\n\\.\n")
            .at(0)
            .starts_with("WB-3109"));
}

// Goal:   no row is lost or staged as it was before, because a statement was not understood.
TEST_CASE("sql dump: a statement that nobody knows, or that changes rows, is refused",
          "[channels][sql_dump]") {
  const std::string row = "INSERT INTO items (code,qty,note) VALUES ('A',1,'n');\n";
  const Shown refused = {"WB-3109 row 0 line 2 byte 54"};
  for (const char* change :
       {"UPDATE items SET qty = 2;", "DELETE FROM public.items;", "TRUNCATE TABLE \"items\";",
        "MERGE INTO items USING x ON 1;", "WITH x AS (SELECT 1) INSERT INTO items SELECT 1;", "GO",
        "xINSERT;", "(1);", "'A';", "INSERT INTO items SELECT 1;",
        "CREATE TABLE items AS SELECT 1;"}) {
    INFO(change);
    CHECK(refusal(row + change + "\n").at(0) == refused[0]);
  }
  CHECK(rows_of("DELETE FROM items;\n" + row + "DELETE FROM sqlite_sequence;\n") == kOneRow);
  CHECK(rows_of("INSERT items (code,qty,note) VALUES ('A',1,'n');") == kOneRow);
}

TEST_CASE("sql dump: rows and columns that do not fit are found with their line",
          "[channels][sql_dump]") {
  const std::string copy = "COPY items (code, qty, note) FROM stdin;\nA\t1\tn\n";
  CHECK(refusal(copy + "B\t1\nC\tx\tn\n\\N\t1\tn\n\\.\n") ==
        Shown{"WB-3005 row 2 line 3 byte 47", "WB-3012 row 3 line 4 byte 51 column 2 qty",
              "WB-3006 row 4 line 5 byte 57 column 1 code"});
  const std::string insert = "INSERT INTO items (code,qty,note) VALUES ('A',1,'n'),\n";
  CHECK(refusal(insert + " ('B',1),\n ('C','x','n');") ==
        Shown{"WB-3005 row 2 line 2 byte 55", "WB-3012 row 3 line 3 byte 65 column 2 qty"});
  CHECK(refusal("CREATE TABLE items (code text, qty int);") ==
        Shown{"WB-3003 row 0 line 0 byte 0 note"});
  const ReadResult strict = read_channel(
      spec_of("items", "refuse"), "INSERT INTO items (code,qty,note,x) VALUES ('A',1,'n',2);");
  CHECK(strict.findings == Shown{"WB-3010 row 0 line 1 byte 0 column 4 x"});
  const std::string long_text(kRecordBytesMax + 1, 'x');
  CHECK(refusal("INSERT INTO items (code,qty,note) VALUES ('A',1,'" + long_text + "');") ==
        Shown{"WB-3007 row 1 line 1 byte 41"});
  CHECK(refusal("COPY items (code, qty, note) FROM stdin;\nA\t1\t" + long_text + "\n\\.\n") ==
        Shown{"WB-3007 row 1 line 2 byte 41"});
  CHECK(refusal("INSERT INTO items (code,qty,note) VALUES ('A',1," + std::string(5000, '(') +
                std::string(5000, ')') + ");") == Shown{"WB-3007 row 1 line 1 byte 41"});
}

TEST_CASE("sql dump: rows set aside are told by their place, without bytes", "[channels][sql]") {
  json spec = to_json(spec_of());
  spec["on_finding"] = {{"value-missing", "quarantine_row"}, {"value-invalid", "quarantine_row"}};
  const ReadResult result = read_channel(
      parse_file_spec(spec),
      "CREATE TABLE items (code text, qty numeric, note text);\n"
      "INSERT INTO items VALUES ('A', 1, 'x'),\n(NULL, 2, 'y'),\n('C', 'many', 'z');\n");
  REQUIRE(result.set_aside.size() == 2);
  CHECK(result.set_aside[0].starts_with("2 WB-3006 line 3 byte "));
  CHECK(result.set_aside[1].starts_with("3 WB-3012 line 4 byte "));
  CHECK(result.set_aside[1].ends_with(": "));
  CHECK(result.rows.size() == 1);
}
