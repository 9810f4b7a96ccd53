#include "core/file_spec.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/error.h"
#include "core/suggest.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using nlohmann::json;

namespace {

json load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return json::parse(file);
}

json schema() { return load(source_folder() / "config/file-spec.schema.json"); }

/// A CSV spec with every key that goes with one; other_spec() has the others.
json full_spec() {
  return json::parse(R"json({
    "file_tag": "recipe_line", "entity": "recipe_line", "description": "Lines of recipes.",
    "file_name": "recipe_lines_*.csv", "format": "csv", "encoding": "windows-1252",
    "delimiter": ";", "quote": "'", "quotes": "lenient", "header": true,
    "columns": [
      {"name": "Recipe No", "to": "recipe_code", "type": "text", "required": true, "trim": true,
       "null_values": ["(blank)"], "pattern": "R[0-9]+", "known_values": ["R1", "R2"],
       "unique": false, "optional": false, "personal_data": false,
       "renamed_from": ["Recipe", "RecipeNo"]},
      {"name": "Active", "to": "active", "type": "boolean", "true_values": ["J"],
       "false_values": ["N"]},
      {"name": "From", "to": "valid_from", "type": "date", "date_format": "%d.%m.%Y"},
      {"name": "Qty", "to": "quantity", "type": "decimal", "decimal_mark": ",",
       "group_mark": "."},
      {"name": "Line", "to": "line_no", "type": "integer"},
      {"name": "Seen", "to": "seen_at", "type": "timestamp", "date_format": "%Y-%m-%d %H:%M",
       "time_zone": "Europe/Paris"}],
    "other_columns": "keep", "natural_key": ["recipe_code", "line_no"],
    "name_fields": "recipe_lines_%Y%m%d.csv", "split_rows": 50000, "split_bytes": 8000000,
    "on_refusal": "quarantine", "container": "none", "natural_key_unique": false,
    "row_count": {"min": 1, "max": 1000, "change_percent": 30},
    "references": [{"entity": "recipe", "key": ["recipe_code"]}], "stale_after_hours": 36,
    "send_quarantined_rows": true,
    "on_finding": {"value-invalid": "quarantine_row", "row-count-unexpected": "refuse_file"}
})json");
}

/// The keys that other formats and containers need, beside those that every spec must have.
json other_spec(const std::string& format) {
  json spec = json::parse(R"json({"file_tag": "a", "entity": "party", "file_name": "*",
      "quirk": "some_hook", "columns": [{"name": "N", "to": "n"}]})json");
  spec["format"] = format;
  if (format == "sqlite" || format == "sql_dump") {
    spec["table"] = "parties";
    spec["container"] = "zip";
    spec["container_entry"] = "*.db";
  }
  if (format == "fixed_width") {
    spec["columns"][0]["start"] = 1;
    spec["columns"][0]["width"] = 8;
  }
  return spec;
}

/// One spec of every format; together they have every key there is.
std::vector<json> every_spec() {
  return {full_spec(), other_spec("jsonl"), other_spec("fixed_width"), other_spec("sqlite"),
          other_spec("sql_dump")};
}

/// The message a spec is refused with; "" when it is accepted.
std::string refusal(const json& spec) {
  try {
    static_cast<void>(parse_file_spec(spec));
    return "";
  } catch (const Error& error) {
    CHECK(error.code().id == error_code::kSpecInvalid.id);
    return error.what();
  }
}

/// The full spec with one place changed, as a JSON pointer says.
json changed(const std::string& pointer, const json& value) {
  json spec = full_spec();
  spec[json::json_pointer(pointer)] = value;
  return spec;
}

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("file spec: every key is read", "[core][file_spec]") {
  const FileSpec spec = parse_file_spec(full_spec());
  CHECK(spec.file_tag == FileTag("recipe_line"));
  CHECK(spec.entity == "recipe_line");
  CHECK(spec.encoding == Encoding::kWindows1252);
  CHECK(spec.dialect.delimiter == ';');
  CHECK(spec.dialect.quote == '\'');
  CHECK(spec.dialect.quote_rule == QuoteRule::kLenient);
  CHECK(spec.other_columns == OtherColumns::kKeep);
  REQUIRE(spec.columns.size() == 6);
  CHECK(spec.columns[0].required);
  CHECK(spec.columns[0].trim);
  CHECK(spec.columns[0].null_values == std::vector<std::string>{"(blank)"});
  CHECK(spec.columns[1].true_values == std::vector<std::string>{"J"});
  CHECK(spec.columns[2].date_format == "%d.%m.%Y");
  CHECK(spec.columns[3].decimal_mark == ',');
  CHECK(spec.columns[3].group_mark == '.');
  CHECK(spec.columns[4].type == ColumnType::kInteger);
  CHECK(spec.columns[5].type == ColumnType::kTimestamp);
  CHECK(spec.columns[5].time_zone == "Europe/Paris");
  CHECK(spec.row_count.change_percent == 30);
  REQUIRE(spec.references.size() == 1);
  CHECK(spec.references[0].entity == "recipe");
  CHECK(spec.references[0].key == std::vector<std::string>{"recipe_code"});
  CHECK(spec.stale_after_hours == 36);
  CHECK(spec.send_quarantined_rows);
  CHECK(to_json(spec) == to_json(parse_file_spec(to_json(spec))));
}

TEST_CASE("file spec: what is left out has its default", "[core][file_spec]") {
  const FileSpec spec = parse_file_spec_text(
      R"({"file_tag":"a","entity":"party","file_name":"*","columns":[{"name":"N","to":"n"}]})");
  CHECK(spec.encoding == Encoding::kUtf8);
  CHECK(spec.dialect.delimiter == ',');
  CHECK(spec.dialect.quote == '"');
  CHECK(spec.dialect.quote_rule == QuoteRule::kStrict);
  CHECK(spec.header);
  CHECK(spec.other_columns == OtherColumns::kRefuse);
  CHECK(spec.columns[0].type == ColumnType::kText);
  CHECK_FALSE(spec.columns[0].required);
  CHECK_FALSE(spec.columns[0].trim);
  CHECK(spec.natural_key.empty());
}

// Goal:   the published schema and the parser know the same keys, words and defaults.
// Method: compare the schema's properties with what to_json() writes for specs that have all; add
//         and remove each; hand every word of every enum to the parser.
TEST_CASE("file spec: the schema and the parser know the same keys", "[core][file_spec]") {
  const json known = schema();
  const json& spec_keys = known.at("properties");
  const json& column_keys = known.at("$defs").at("column").at("properties");
  std::set<std::string> given;
  std::set<std::string> written;
  std::set<std::string> written_in_columns;
  for (const json& spec : every_spec()) {
    INFO(spec.at("format"));
    CHECK(refusal(spec).empty());
    given.merge(keys_of(spec));
    const json again = to_json(parse_file_spec(spec));
    CHECK(again == to_json(parse_file_spec(again)));
    written.merge(keys_of(again));
    for (const json& column : again.at("columns")) written_in_columns.merge(keys_of(column));
  }
  CHECK(given == keys_of(spec_keys));
  CHECK(written == keys_of(spec_keys));
  CHECK(written_in_columns == keys_of(column_keys));

  // The parser's own lists, as its messages give them.
  const std::string spec_message = refusal(changed("/zzzzzz", 1));
  const std::string column_message = refusal(changed("/columns/0/zzzzzz", 1));
  const auto listed = [](const std::string& message) {
    const std::string list = message.substr(message.find("allowed are: ") + 13);
    return 1 + std::count(list.begin(), list.end(), ',');
  };
  CHECK(listed(spec_message) == static_cast<std::ptrdiff_t>(spec_keys.size()));
  CHECK(listed(column_message) == static_cast<std::ptrdiff_t>(column_keys.size()));
  for (const std::string& key : keys_of(spec_keys)) CHECK_THAT(spec_message, Contains(key));
  for (const std::string& key : keys_of(column_keys)) CHECK_THAT(column_message, Contains(key));
}

TEST_CASE("file spec: what the schema requires the parser requires, and no more",
          "[core][file_spec]") {
  const json known = schema();
  const json minimal = json::parse(
      R"({"file_tag":"a","entity":"party","file_name":"*","columns":[{"name":"N","to":"n"}]})");
  CHECK(refusal(minimal).empty());
  CHECK(keys_of(minimal).size() == known.at("required").size());
  for (const json& key : known.at("required")) {
    json spec = minimal;
    spec.erase(key.get<std::string>());
    CHECK_THAT(refusal(spec), Contains(key.get<std::string>()) && Contains("is missing"));
  }
  for (const json& key : known.at("$defs").at("column").at("required")) {
    json spec = minimal;
    spec["columns"][0].erase(key.get<std::string>());
    CHECK_THAT(refusal(spec), Contains("columns[0]." + key.get<std::string>()));
  }
}

TEST_CASE("file spec: the schema's words and defaults are the parser's", "[core][file_spec]") {
  const json known = schema();
  for (const auto& [key, property] : known.at("properties").items()) {
    INFO(key);
    if (property.contains("enum")) {
      CHECK_FALSE(refusal(changed("/" + key, "nonsense")).empty());
      if (key == "format" || key == "container") continue;  // every_spec() has each format
      for (const json& word : property.at("enum")) {
        json spec = changed("/" + key, word);
        for (const char* cut : {"split_rows", "split_bytes"}) spec.erase(cut);  // not with UTF-16
        CHECK(refusal(spec).empty());
      }
    }
    if (!property.contains("default")) continue;
    json without = key == "container_entry" ? other_spec("sqlite") : full_spec();
    without.erase(key);
    const json filled = to_json(parse_file_spec(without));
    CHECK(filled.at(key) == property.at("default"));
  }
  CHECK(known.at("properties").at("format").at("enum").size() == every_spec().size());
  for (const json& word : known.at("properties").at("container").at("enum")) {
    json spec = other_spec("jsonl");
    spec["container"] = word;
    CHECK(refusal(spec).empty());
  }
  const json& column = known.at("$defs").at("column").at("properties");
  for (const json& word : column.at("type").at("enum")) {
    json spec = changed("/columns/4/type", word);
    if (word == "date") spec["columns"][4]["date_format"] = "%Y%m%d";
    if (word == "timestamp") spec["columns"][4]["date_format"] = "%Y%m%d%H%M%S%z";
    CHECK(refusal(spec).empty());
  }
  json bare = full_spec();
  bare["columns"] = json::parse(R"([{"name":"A","to":"a"},{"name":"B","to":"b","type":"boolean"},
                     {"name":"C","to":"c","type":"decimal"}])");
  bare["natural_key"] = json::array();
  bare["references"] = json::array();
  const json filled = to_json(parse_file_spec(bare));
  for (const auto& [key, property] : column.items()) {
    INFO(key);
    if (!property.contains("default")) continue;
    const bool is_boolean_key = key == "true_values" || key == "false_values";
    const bool is_number_key = key == "decimal_mark" || key == "group_mark";
    const int column_with_it = is_boolean_key ? 1 : is_number_key ? 2 : 0;
    CHECK(filled.at("columns").at(column_with_it).at(key) == property.at("default"));
  }
}

// Goal:   schema and table of rules know the same rules, actions and defaults.
// Method: compare them; hand each action of each rule to the parser.
TEST_CASE("file spec: the schema's rules are the table's", "[core][file_spec][rules]") {
  const json known = schema().at("properties").at("on_finding").at("properties");
  CHECK(known.size() == kRuleCount);
  for (const Rule& rule : rules()) {
    const std::string name(rule.code->name);
    INFO(name);
    REQUIRE(known.contains(name));
    CHECK(known[name]["default"] == to_string(rule.otherwise));
    std::set<std::string> allowed = known[name]["enum"];
    for (const RuleAction action : {RuleAction::kIgnore, RuleAction::kWarn,
                                    RuleAction::kQuarantineRow, RuleAction::kRefuseFile}) {
      const std::string word(to_string(action));
      CHECK(rule.allows(action) == allowed.contains(word));
      json asked = changed("/on_finding/" + name, word);
      for (const char* key : {"split_rows", "split_bytes"}) asked.erase(key);
      const std::string refused = refusal(asked);
      if (rule.allows(action)) {
        CHECK(refused == "");
        const FileSpec spec = parse_file_spec(asked);
        CHECK(spec.on_finding.of(*rule.code) == action);
        CHECK(parse_file_spec(to_json(spec)).on_finding == spec.on_finding);
      } else {
        CHECK_THAT(refused, Contains("on_finding." + name) && Contains("allowed are: "));
      }
    }
  }
  CHECK(parse_file_spec(full_spec()).on_finding.of(error_code::kQuoteUnbalanced) ==
        RuleAction::kRefuseFile);
  CHECK_THAT(refusal(changed("/on_finding/key-duplicate", "quarantine_row")),
             Contains("cannot be quarantine_row with split_rows or split_bytes"));
}

TEST_CASE("file spec: a time's format may end in what has no fixed number of digits",
          "[core][file_spec]") {
  json spec = full_spec();
  spec["columns"][5].erase("time_zone");
  for (const char* good : {"%Y-%m-%dT%H:%M:%S.%f%z", "%Y%m%d%H%M%S%f%z", "%H:%M:%S.%f %d.%m.%Y %z",
                           "%z %Y-%m-%d %H", "%H%%f%Y %m %d%z"}) {
    spec["columns"][5]["date_format"] = good;
    INFO(good);
    CHECK(refusal(spec).empty());
  }
  spec["columns"][5]["date_format"] = "%z%Y-%m-%d %H";
  CHECK_THAT(refusal(spec), Contains("%z directly before a number"));
}

TEST_CASE("file spec: marks of numbers do not go with databases, whose numbers have none",
          "[core][file_spec]") {
  for (const char* format : {"sqlite", "sql_dump"}) {
    json spec = other_spec(format);
    CHECK(refusal(spec).empty());
    spec["columns"][0]["type"] = "decimal";
    spec["columns"][0]["decimal_mark"] = ",";
    CHECK_THAT(refusal(spec), Contains("columns[0]") && Contains("sqlite and sql_dump"));
  }
}

TEST_CASE("file spec: an unknown key is refused with its place and the nearest known one",
          "[core][file_spec]") {
  CHECK_THAT(refusal(changed("/delimeter", ",")),
             Contains("WB-3014") && Contains("delimeter") && Contains("mean \"delimiter\""));
  CHECK_THAT(refusal(changed("/columns/1/requird", true)),
             Contains("columns[1].requird") && Contains("mean \"required\""));
  CHECK_THAT(refusal(changed("/columns/1/colour", "red")), !Contains("mean"));
}

TEST_CASE("file spec: a bad value is refused with its place and what is allowed",
          "[core][file_spec]") {
  const auto says = [](const std::string& pointer, const json& value, const std::string& words) {
    INFO(pointer << " = " << value);
    CHECK_THAT(refusal(changed(pointer, value)), Contains(words));
  };
  says("/file_tag", "Recipe", "lower-case");
  says("/file_tag", "a-b", "file_tag");
  says("/file_tag", 7, "must be text");
  says("/entity", "recipes", "mean \"recipe\"?");
  says("/entity", "zzzzzzzzz", "allowed are: component");
  says("/file_name", "sub/*.csv", "base name");
  says("/file_name", "a[b", "not closed");
  says("/file_name", "", "1 to 255");
  says("/on_finding", "warn", "on_finding");
  says("/on_finding/value-invald", "quarantine_row", "mean \"value-invalid\"");
  says("/on_finding/value-invalid", "warn", "allowed are: quarantine_row, refuse_file");
  says("/row_count/min", 2000, "row_count.max");
  says("/row_count/least", 1, "row_count.least");
  says("/row_count/change_percent", 0, "row_count.change_percent");
  says("/references/0/entity", "recipes", "mean \"recipe\"?");
  says("/references/0/key", json::array(), "at least one");
  says("/references/0/key/0", "recipe", "references[0].key[0]");
  says("/stale_after_hours", 9000, "stale_after_hours");
  says("/columns/2/time_zone", "UTC", "timestamp only");
  says("/columns/5/time_zone", "Europe/", "Europe/Paris");
  says("/columns/5/time_zone", "Europe/Paris; DROP", "Europe/Paris");
  says("/columns/5/date_format", "%Y-%m-%d %H %z", "does not go with %z");
  says("/columns/5/date_format", "%Y-%m-%d %p", "Y, m, d, H, M, S, f, z, %");
  says("/columns/2/date_format", "%Y-%m-%d %z", "Y, m, d, H, M, S, %");
  says("/columns/5/date_format", "%Y-%m-%d", "lacks %H; a format without time");
  says("/columns/5/date_format", "%Y-%m-%d %H:%S", "has %S without %M");
  says("/columns/5/date_format", "%Y-%m-%d %H:%M.%f", "has %f without %S");
  says("/columns/5/date_format", "%H%M%S%f%Y%m%d", "%f directly before a number");
  says("/columns/3/group_mark", ",", "differ from decimal_mark");
  says("/columns/4/decimal_mark", ",", "decimal only");
  says("/columns/0/group_mark", ",", "integer and decimal only");
  says("/columns/0/pattern", "R[0-9", "no regular expression");
  says("/columns/0/pattern", "(R)\\1", "no regular expression");  // RE2 has no references back
  says("/columns/1/known_values", json::array({"J"}), "boolean");
  says("/columns/1/renamed_from", json::array({"Recipe"}), "columns[1].renamed_from");
  says("/columns/1/name", "RecipeNo", "columns[1].name");
  says("/encoding", "utf8", "mean \"utf-8\"?");
  says("/format", "xlsx", "allowed are: csv");
  for (const char* bad : {"", ",,", "a", "1", "\n", "\r", "é"})
    says("/delimiter", bad, "one ASCII");
  says("/delimiter", std::string(1, '\0'), "one ASCII");
  says("/delimiter", "'", "differ");
  says("/quote", "\"\"", "one ASCII");
  says("/quote", nullptr, "says nothing when quote is null");
  says("/header", "yes", "true or false");
  says("/header", false, "keep without a header");
  says("/columns", json::array(), "1 to 1600");
  says("/columns", json::object(), "1 to 1600");
  says("/columns/0", "Recipe No", "must be an object");
  says("/columns/0/name", " ", "columns[0].name");
  says("/columns/0/to", "Recipe Code", "payload key");
  says("/columns/1/to", "recipe_code", "earlier column");
  says("/columns/1/name", " Recipe No", "earlier column");
  says("/columns/3/type", "number", "allowed are: text, integer");
  says("/columns/3/date_format", "%Y", "types date and timestamp only");
  says("/columns/2/date_format", "%d.%m.%y", "allowed after %");
  says("/columns/2/date_format", "%d.%m.", "lacks %Y");
  says("/columns/2/date_format", "%Y-%m-%d %d", "twice");
  says("/columns/2/date_format", "%Y-%m-%d %", "allowed after %");
  says("/columns/0/true_values", {"x"}, "type boolean only");
  says("/columns/1/false_values", {"j"}, "shares a word");
  says("/columns/0/null_values", "x", "list of text");
  says("/columns/0/null_values", {"x", 1}, "null_values[1]");
  says("/columns/0/null_values", {"x", "x"}, "twice");
  says("/columns/0/null_values", {" x"}, "trim removes");
  says("/other_columns", "drop", "allowed are: refuse, ignore, keep");
  says("/natural_key", {"recipe"}, "natural_key[0]");
  CHECK_THAT(refusal(json::array()), Contains("the top must be") || Contains("must be an object"));
}

TEST_CASE("file spec: a key that means nothing with the format is refused, not ignored",
          "[core][file_spec]") {
  const auto says = [](json spec, const std::string& pointer, const json& value,
                       const std::string& words) {
    INFO(spec.at("format") << " " << pointer << " = " << value);
    spec[json::json_pointer(pointer)] = value;
    CHECK_THAT(refusal(spec), Contains(words));
  };
  for (const char* format : {"jsonl", "fixed_width", "sqlite", "sql_dump"}) {
    says(other_spec(format), "/delimiter", ";", "format csv only");
    says(other_spec(format), "/quote", nullptr, "format csv only");
    says(other_spec(format), "/quotes", "strict", "format csv only");
  }
  for (const char* format : {"jsonl", "sqlite", "sql_dump"}) {
    says(other_spec(format), "/header", false, "csv and fixed_width only");
    says(other_spec(format), "/encoding", "windows-1252", "must be utf-8");
    says(other_spec(format), "/columns/0/start", 1, "fixed_width only");
    json keeps = other_spec(format);
    keeps["other_columns"] = "keep";
    CHECK(refusal(keeps).empty());
  }
  says(other_spec("fixed_width"), "/other_columns", "keep", "without a header");
  says(other_spec("fixed_width"), "/columns/0/width", 0, "columns[0].width");
  says(full_spec(), "/table", "t", "sqlite and sql_dump only");
  says(full_spec(), "/container_entry", "*.csv", "container zip only");
  says(other_spec("sqlite"), "/container_entry", "a[", "not closed");
  for (const char* key : {"/split_rows", "/split_bytes"}) {
    says(other_spec("jsonl"), key, 5000, "outside a container only");  // it has a quirk
    says(other_spec("sqlite"), key, 5000, "outside a container only");
    json packed = full_spec();
    packed["container"] = "gzip";
    says(packed, key, 5000, "outside a container only");
    says(full_spec(), key, 0, "whole number");
    says(full_spec(), key, 1.5, "whole number");
    says(full_spec(), key, "many", "whole number");
  }
  says(full_spec(), "/split_bytes", 4095, "from 4096");
  says(full_spec(), "/name_fields", "%Y.csv", "%Y, %m and %d");
  says(full_spec(), "/on_refusal", "stop", "allowed are: halt, quarantine");
  says(full_spec(), "/quirk", " ", "not all blank");
  json fixed = other_spec("fixed_width");
  fixed["columns"][0].erase("width");
  CHECK_THAT(refusal(fixed), Contains("needs start and width"));
  json dump = other_spec("sql_dump");
  dump.erase("table");
  CHECK_THAT(refusal(dump), Contains("which table"));
}

TEST_CASE("file spec: only plain text of records is cut into parts", "[core][file_spec]") {
  CHECK(is_splittable(parse_file_spec(full_spec())));
  json lines = other_spec("jsonl");
  CHECK_FALSE(is_splittable(parse_file_spec(lines)));
  lines.erase("quirk");
  CHECK(is_splittable(parse_file_spec(lines)));
  lines["container"] = "gzip";
  CHECK_FALSE(is_splittable(parse_file_spec(lines)));
  json dump = other_spec("sqlite");
  for (const char* key : {"quirk", "container", "container_entry"}) dump.erase(key);
  CHECK_FALSE(is_splittable(parse_file_spec(dump)));
}

TEST_CASE("file spec: UTF-16 goes with csv only, and is never cut by bytes", "[core][file_spec]") {
  json spec = full_spec();
  for (const char* key : {"split_rows", "split_bytes", "quirk"}) spec.erase(key);
  for (const char* encoding : {"utf-16le", "utf-16be"}) {
    spec["encoding"] = encoding;
    const FileSpec parsed = parse_file_spec(spec);
    CHECK_FALSE(is_splittable(parsed));
    CHECK(to_json(parsed).at("encoding") == encoding);
    json split = spec;
    split["split_rows"] = 5;
    CHECK_THAT(refusal(split), Contains("not with UTF-16"));
    json hooked = spec;
    hooked["quirk"] = "some_hook";
    CHECK_THAT(refusal(hooked), Contains("does not go with UTF-16"));
    json fixed = other_spec("fixed_width");
    fixed["encoding"] = encoding;
    CHECK_THAT(refusal(fixed), Contains("goes with csv only"));
    json lines = other_spec("jsonl");
    lines["encoding"] = encoding;
    CHECK_THAT(refusal(lines), Contains("must be utf-8"));
  }
  spec["encoding"] = "iso-8859-1";
  CHECK(is_splittable(parse_file_spec(spec)));
}

TEST_CASE("file spec: text that is not JSON, or says a key twice, is refused",
          "[core][file_spec]") {
  const auto text_refusal = [](const std::string& text) {
    try {
      static_cast<void>(parse_file_spec_text(text));
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK_THAT(text_refusal("{\"file_tag\": "), Contains("WB-3014") && Contains("not JSON"));
  CHECK_THAT(text_refusal(""), Contains("not JSON"));
  CHECK_THAT(text_refusal("{\"columns\": 1e999}"), Contains("WB-3014"));
  CHECK_THAT(text_refusal(R"({"entity":"party","entity":"recipe"})"), Contains("twice"));
  CHECK_THAT(text_refusal(R"({"columns":[{"name":"a","name":"b"}]})"), Contains("twice"));
}

TEST_CASE("file spec: a text cut short anywhere is refused, never more", "[core][file_spec]") {
  const std::string text = full_spec().dump();
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_THROWS_AS(parse_file_spec_text(text.substr(0, size)), Error);
  }
  CHECK_NOTHROW(parse_file_spec_text(text));
}

TEST_CASE("file spec: every spec in config/agencies is good", "[core][file_spec]") {
  int count = 0;
  const std::filesystem::path root = source_folder() / "config/agencies";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "_agency.json") continue;
    INFO(entry.path());
    CHECK(refusal(load(entry.path())).empty());
    CHECK(entry.path().stem() == load(entry.path()).at("file_tag").get<std::string>());
    ++count;
  }
  CHECK(count > 0);
}

TEST_CASE("file spec: a file belongs to the spec whose pattern its base name matches",
          "[core][file_spec]") {
  const FileSpec spec = parse_file_spec(full_spec());
  CHECK(matches_file_name(spec, "Recipe_Lines_20261120.CSV"));
  CHECK_FALSE(matches_file_name(spec, "recipe_20261120.csv"));
}

TEST_CASE("suggest: the nearest word, or none when nothing is near", "[core][file_spec]") {
  constexpr std::array<std::string_view, 3> known = {"delimiter", "quote", "quotes"};
  CHECK(nearest_word("Delimiter", known) == "delimiter");
  CHECK(nearest_word("quot", known) == "quote");
  CHECK(nearest_word("quotess", known) == "quotes");
  CHECK(nearest_word("header", known).empty());
  CHECK(nearest_word("", known).empty());
  CHECK(nearest_word(std::string(100'000, 'x'), known).empty());
}
