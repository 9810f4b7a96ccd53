#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/read/json_scan.h"
#include "core/utf8.h"
#include "read_rows.h"

using namespace waybill;
using nlohmann::json;

namespace {

FileSpec lines_spec(const std::string& other_columns = "refuse") {
  json spec = json::parse(R"({
    "file_tag": "component", "entity": "component", "file_name": "*.jsonl", "format": "jsonl",
    "columns": [
      {"name": "id", "to": "item_no", "required": true},
      {"name": "qty", "to": "quantity", "type": "decimal"},
      {"name": "note", "to": "note", "null_values": ["-"]},
      {"name": "ok", "to": "active", "type": "boolean"},
      {"name": "day", "to": "day", "type": "date", "date_format": "%Y-%m-%d"}],
    "natural_key": ["item_no", "day"]})");
  spec["other_columns"] = other_columns;
  return parse_file_spec(spec);
}

Shown findings_of(const std::string& bytes, const std::string& other_columns = "refuse") {
  return read_rows(lines_spec(other_columns), bytes).findings;
}

}  // namespace

TEST_CASE("json lines: keys become payload in the spec's order, digits as they are written",
          "[core][json_rows]") {
  const ReadResult result =
      read_rows(lines_spec(),
                R"({"day":"2026-11-20","qty":1.50,"id":"A1","note":"caf\u00e9 \"x\"","ok":true})"
                "\n\n"
                R"( { "id" : 70 , "qty" : "12345678901234567890.10" , "note" : "-" } )"
                "\n"
                R"({"id":"\ud83c\udf5e","qty":-0.5E-3,"ok":null,"note":{"a":[1, "x"]}})");
  CHECK(result.findings.empty());
  CHECK(
      result.rows ==
      Shown{
          "1 A1\x1F"
          R"(2026-11-20 {"item_no":"A1","quantity":1.50,"note":"café \"x\"","active":true,"day":"2026-11-20"})",
          "2 70\x1F"
          R"( {"item_no":"70","quantity":12345678901234567890.10,"note":null,"active":null,"day":null})",
          "3 🍞\x1F"
          R"( {"item_no":"🍞","quantity":-0.5E-3,"note":"{\"a\":[1, \"x\"]}","active":null,"day":null})"});
  CHECK(result.summary.complete);
  CHECK(result.summary.rows == 3);
  REQUIRE(result.summary.columns.size() == 5);
  CHECK(result.summary.columns[1].filled == 3);
  CHECK(result.summary.columns[4].null == 2);
}

TEST_CASE("json lines: marks are those of texts, a JSON number has its own", "[core][json_rows]") {
  const FileSpec spec = parse_file_spec(nlohmann::json::parse(R"({
    "file_tag": "component", "entity": "component", "file_name": "*", "format": "jsonl",
    "columns": [{"name": "qty", "to": "qty", "type": "decimal", "decimal_mark": ",", "group_mark": "."},
                {"name": "count", "to": "count", "type": "integer", "group_mark": "."},
                {"name": "at", "to": "at", "type": "timestamp",
                 "date_format": "%Y-%m-%dT%H:%M:%S.%f%z"}]})"));
  const ReadResult result =
      read_rows(spec, R"({"qty":"1.234,5","count":"1.234","at":"2026-11-21T18:40:00Z"})"
                      "\n"
                      R"({"qty":1.234,"count":1234,"at":"2026-11-21T18:40:00.25+01"})");
  CHECK(result.rows ==
        Shown{R"(1 - {"qty":1234.5,"count":1234,"at":"2026-11-21T18:40:00Z"})",
              R"(2 - {"qty":1.234,"count":1234,"at":"2026-11-21T18:40:00.25+01:00"})"});
  CHECK(read_rows(spec, R"({"qty":"1.5"})").findings == Shown{"WB-3012 row 1 line 1 byte 8 qty"});
  CHECK(read_rows(spec, R"({"count":1.234})").findings ==
        Shown{"WB-3012 row 1 line 1 byte 9 count"});
}

TEST_CASE("json lines: a line that is not one object is refused at the byte, and the next is read",
          "[core][json_rows]") {
  CHECK(
      findings_of("{\"id\":\"A\"}\n[1]\n{\"id\":\"B\"}\n{\"id\":\"C\"} {}\n{\"id\":07}\n{\"id\"") ==
      Shown{"WB-3105 row 2 line 2 byte 11", "WB-3105 row 4 line 4 byte 37",
            "WB-3105 row 5 line 5 byte 47", "WB-3105 row 6 line 6 byte 55"});
  for (const char* line :
       {"null", "\"x\"", "7", "{'id':1}", "{\"id\":1,}", "{id:1}", "{\"id\":1", "{\"id\":\"\t\"}",
        "{\"id\":\"\\x\"}", "{\"id\":\"\\ud800\"}", "{\"id\":tru}", "{\"id\":1.}", "{\"id\":+1}",
        "{\"id\":[1,]}", "{\"id\":NaN}", "{\"id\":1}//", "\xC2\xA0{\"id\":1}", "  "}) {
    INFO(line);
    const Shown found = findings_of(std::string(line) + "\n");
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Catch::Matchers::Contains("WB-3105 row 1 line 1"));
  }
}

TEST_CASE("json lines: a value that is wrong is found with row, line, byte and key",
          "[core][json_rows]") {
  CHECK(findings_of("{\"id\":\"A\",\"qty\":\"1/2\"}\n{\"qty\":1}\n{\"id\":\"\",\"ok\":2}") ==
        Shown{"WB-3012 row 1 line 1 byte 17 qty", "WB-3006 row 2 line 2 byte 23 id",
              "WB-3006 row 3 line 3 byte 40 id", "WB-3012 row 3 line 3 byte 47 ok"});
  CHECK(findings_of("{\"id\":1,\"qty\":[1]}") == Shown{"WB-3012 row 1 line 1 byte 14 qty"});
  CHECK(findings_of("{\"id\":\"a\\u0000b\"}") == Shown{"WB-3011 row 1 line 1 byte 7 id"});
  CHECK(findings_of(std::string("{\"id\":\"a\0b\"}", 12)) == Shown{"WB-3011 row 1 line 1 byte 8"});
  CHECK(findings_of("{\"id\":\"\xFF\"}") == Shown{"WB-3004 row 1 line 1 byte 7"});
}

TEST_CASE("json lines: a key given twice is refused", "[core][json_rows]") {
  CHECK(findings_of(R"({"id":"A","id":"B"})") == Shown{"WB-3009 row 1 line 1 byte 11 id"});
  CHECK(findings_of(R"({"id":"A","\u0069d":"B"})") == Shown{"WB-3009 row 1 line 1 byte 11 id"});
}

TEST_CASE("json lines: an unlisted key is refused, ignored or kept, as the spec says",
          "[core][json_rows]") {
  const std::string bytes =
      "{\"id\":\"A\",\"x\":1}\n{\"id\":\"B\"}\n{\"y\":null,\"x\":[2],\"id\":\"C\"}\n";
  CHECK(findings_of(bytes) ==
        Shown{"WB-3010 row 1 line 1 byte 11 x", "WB-3010 row 3 line 3 byte 30"});
  const std::string rest = R"(,"quantity":null,"note":null,"active":null,"day":null)";
  CHECK(read_rows(lines_spec("ignore"), bytes).rows ==
        Shown{"1 A\x1F {\"item_no\":\"A\"" + rest + "}", "2 B\x1F {\"item_no\":\"B\"" + rest + "}",
              "3 C\x1F {\"item_no\":\"C\"" + rest + "}"});
  const ReadResult kept = read_rows(lines_spec("keep"), bytes);
  CHECK(kept.rows == Shown{"1 A\x1F {\"item_no\":\"A\"" + rest + R"(,"x":"1"})",
                           "2 B\x1F {\"item_no\":\"B\"" + rest + "}",
                           "3 C\x1F {\"item_no\":\"C\"" + rest + R"(,"x":"[2]","y":null})"});
  CHECK(kept.summary.columns.size() == 7);
  CHECK(findings_of(R"({"id":"A","quantity":1})", "keep") == Shown{"WB-3009 row 1 line 1 byte 11"});
}

TEST_CASE("json lines: an object with none of the listed keys is no row, and no key of it is told",
          "[core][json_rows]") {
  for (const char* rule : {"ignore", "keep"}) {
    const ReadResult result = read_rows(lines_spec(rule), "{\"secret-4711\":1}\n");
    CHECK(result.findings == Shown{"WB-3003 row 1 line 1 byte 0"});
    CHECK_THAT(result.messages.at(0), !Catch::Matchers::Contains("4711"));
  }
  const ReadResult refused = read_rows(lines_spec(), "{\"secret-4711\":1}\n");
  CHECK(refused.findings == Shown{"WB-3010 row 1 line 1 byte 2"});
  CHECK_THAT(refused.messages.at(0), !Catch::Matchers::Contains("4711"));
}

TEST_CASE("json lines: every cut gives the same rows and findings", "[core][json_rows]") {
  const std::string bytes =
      "\xEF\xBB\xBF{\"id\":\"\\u00e9\",\"qty\":1.5}\r\n\r\n{\"id\":\"é\",\"note\":\"\\\\\"}\r{"
      "\"id\":5}\n"
      "{\"id\":\"x\",\"qty\":\"no\"}\n{\"id\":}";
  const ReadResult whole = read_rows(lines_spec(), bytes, 0, 101);
  CHECK(whole.rows.size() == 3);
  CHECK(whole.findings.size() == 3);  // with the warning of mixed line ends
  CHECK_THAT(whole.rows.at(0), Catch::Matchers::StartsWith("101 "));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const ReadResult cut_up = read_rows(lines_spec(), bytes, cut, 101);
    CHECK(cut_up.rows == whole.rows);
    CHECK(cut_up.findings == whole.findings);
  }
}

TEST_CASE("json lines: a file without a line is empty; one line may be of the longest size",
          "[core][json_rows]") {
  CHECK(findings_of("") == Shown{"WB-3001 row 0 line 0 byte 0"});
  CHECK(findings_of("\n\n") == Shown{"WB-3001 row 0 line 0 byte 0"});
  const std::string frame = "{\"id\":\"1\"}";
  const std::string longest =
      "{\"id\":" + std::string(kRecordBytesMax - frame.size(), ' ') + "\"1\"}";
  CHECK(findings_of(longest + "\n").empty());
  CHECK(findings_of(longest + " \n") == Shown{"WB-3007 row 1 line 1 byte 0"});
}

TEST_CASE("json lines: nesting has a limit, not the stack", "[core][json_rows]") {
  const auto nested = [](int depth) {
    return "{\"id\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  CHECK(findings_of(nested(kJsonDepthMax - 1)).empty());
  CHECK(findings_of(nested(kJsonDepthMax)).size() == 1);
  CHECK(findings_of("{\"id\":" + std::string(1'000'000, '[')).size() == 1);
}

// Goal:   JsonScan and nlohmann/json agree on what an object is and what its members are.
// Method: dump random objects, break most of them by a random edit, ask both. Numbers are compared
//         by what nlohmann reads of our text. The seed is printed.
TEST_CASE("json lines: the scanner agrees with an independent reader on random lines",
          "[core][json_rows]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t count) { return random() % count; };
  const std::string signs = "{}[]\",:\\u0019dea.+-eE tfn\x01\xC3\xA9/";
  const std::function<json(int)> make = [&](int depth) -> json {
    switch (pick(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return pick(2) == 0;
      case 2:
        return static_cast<std::int64_t>(random()) - (std::int64_t{1} << 31);
      case 3:
        return static_cast<double>(random()) / 1e7;
      case 4:
        return "é\t\"\\/\u0001";
      case 5:
        return std::string(pick(5), 'x');
      case 6:
        return json::array({make(depth - 1), make(depth - 1)});
      default:
        return json{{"k", make(depth - 1)}, {"l", make(depth - 1)}};
    }
  };
  int good = 0;
  for (int round = 0; round < 20'000; ++round) {
    json object = json::object();
    for (std::size_t i = pick(4); i > 0; --i) object["key" + std::to_string(i)] = make(2);
    std::string line = object.dump(-1, ' ', pick(2) == 0);
    for (std::size_t edits = pick(3); edits > 0; --edits) {
      const std::size_t at = pick(line.size());
      if (pick(2) == 0) {
        line[at] = signs[pick(signs.size())];
      } else {
        line.insert(at, 1, signs[pick(signs.size())]);
      }
    }
    if (!is_valid_utf8(line)) continue;  // the reader above refuses such a line first
    json theirs = json::value_t::discarded;
    try {
      theirs = json::parse(line);
    } catch (const json::parse_error&) {  // stays discarded
    } catch (const json::out_of_range&) {
      continue;  // a number beyond a double's range; ours keeps its digits
    }
    std::vector<JsonMember> members;
    JsonScan scan(line);
    const bool is_object = scan.read_object(members);
    INFO(line);
    REQUIRE(is_object == theirs.is_object());
    if (!is_object) continue;
    ++good;
    json ours = json::object();
    std::string scratch;
    for (const JsonMember& member : members) {
      const std::string key(json_text(line, member.key, scratch));
      const std::string value(json_text(line, member.value, scratch));
      ours[key] = member.kind == JsonKind::kText ? json(value) : json::parse(value);
    }
    REQUIRE(ours == theirs);
  }
  CHECK(good > 1000);
}
