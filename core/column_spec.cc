#include "core/column_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "core/ascii.h"
#include "core/config_object.h"
#include "core/file_name.h"
#include "core/read/pattern.h"

namespace waybill {

namespace {

using nlohmann::json;

constexpr std::size_t kColumnsMax = 1600;  // what a PostgreSQL table can have
constexpr std::size_t kKnownValuesMax = 100'000;
constexpr std::int64_t kRecordWidthMax = std::int64_t{1} << 20;
constexpr std::array<std::string_view, 17> kColumnKeys = {
    "name",    "to",          "type",        "date_format",   "required",     "start",
    "trim",    "null_values", "true_values", "false_values",  "width",        "known_values",
    "pattern", "unique",      "optional",    "personal_data", "renamed_from",
};
constexpr std::array<std::string_view, 5> kTypes = {"text", "integer", "decimal", "boolean",
                                                    "date"};
constexpr std::string_view kDateDirectives = "YmdHMS%";

constexpr std::string_view kWhat = "file spec";

void require(bool is_good, std::string_view place, const std::string& cause) {
  if (!is_good) refuse_config(kWhat, place, cause);
}

void check_date_format(const std::string& format, const std::string& place) {
  std::string seen;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    ++i;
    const bool is_known = i < format.size() && kDateDirectives.find(format[i]) != std::string::npos;
    require(is_known, place, "allowed after % are: Y, m, d, H, M, S, %");
    require(format[i] == '%' || seen.find(format[i]) == std::string::npos, place,
            std::string("has %") + format[i] + " twice");
    seen += format[i];
  }
  for (const char needed : {'Y', 'm', 'd'}) {
    require(seen.find(needed) != std::string::npos, place, std::string("lacks %") + needed);
  }
}

void parse_boolean_words(const ConfigObject& object, ColumnSpec& column) {
  for (const char* key : {"true_values", "false_values"}) {
    require(column.type == ColumnType::kBoolean || !object.has(key), object.at(key),
            "goes with type boolean only");
  }
  if (column.type != ColumnType::kBoolean) return;
  column.true_values = {"true", "t", "yes", "y", "1"};
  column.false_values = {"false", "f", "no", "n", "0"};
  if (object.has("true_values")) column.true_values = object.texts("true_values");
  if (object.has("false_values")) column.false_values = object.texts("false_values");
  for (const std::string& word : column.true_values) {
    const bool is_both =
        std::any_of(column.false_values.begin(), column.false_values.end(),
                    [&](const std::string& other) { return equal_ignoring_case(word, other); });
    require(!is_both, object.at("true_values"), "shares a word with false_values");
  }
  require(!column.true_values.empty() || !column.false_values.empty(), object.at("true_values"),
          "must not be empty when false_values is");
}

void parse_value_rules(const ConfigObject& object, ColumnSpec& column) {
  column.known_values = object.texts("known_values");
  require(column.known_values.size() <= kKnownValuesMax, object.at("known_values"),
          "must be at most " + std::to_string(kKnownValuesMax) + " values");
  require(column.known_values.empty() || column.type != ColumnType::kBoolean,
          object.at("known_values"), "does not go with type boolean, which lists its words itself");
  if (object.has("pattern")) {
    column.pattern = object.name("pattern");
    const std::string problem = Pattern(column.pattern).problem();
    require(problem.empty(), object.at("pattern"), problem);
  }
  column.unique = object.flag("unique", false);
}

ColumnSpec parse_column(const json& value, const std::string& place) {
  const ConfigObject object(kWhat, value, place, kColumnKeys);
  ColumnSpec column;
  column.name = object.name("name");
  column.to = object.text("to");
  require(is_file_tag(column.to), object.at("to"),
          "must be a payload key: a lower-case letter, then up to 62 of a-z, 0-9 and _");
  column.type = static_cast<ColumnType>(object.choice("type", kTypes));
  const bool is_date = column.type == ColumnType::kDate;
  require(is_date || !object.has("date_format"), object.at("date_format"),
          "goes with type date only");
  if (is_date) {
    column.date_format = object.name("date_format");
    check_date_format(column.date_format, object.at("date_format"));
  }
  column.required = object.flag("required", false);
  column.trim = object.flag("trim", false);
  column.null_values = object.texts("null_values");
  for (const std::string& word : column.null_values) {
    require(!column.trim || trim_ascii_blanks(word) == word, object.at("null_values"),
            "has a word with blanks at its ends, which trim removes before comparing");
  }
  parse_boolean_words(object, column);
  parse_value_rules(object, column);
  column.optional = object.flag("optional", false);
  column.personal_data = object.flag("personal_data", false);
  column.renamed_from = object.texts("renamed_from");
  column.start = static_cast<std::int32_t>(object.number("start", 0, 1, kRecordWidthMax));
  column.width = static_cast<std::int32_t>(object.number("width", 0, 1, kRecordWidthMax));
  return column;
}

}  // namespace

std::vector<ColumnSpec> parse_columns(const json& list) {
  require(list.is_array() && !list.empty() && list.size() <= kColumnsMax, "columns",
          "must be a list of 1 to " + std::to_string(kColumnsMax) + " columns");
  std::vector<ColumnSpec> columns;
  std::set<std::string, std::less<>> names;
  std::set<std::string, std::less<>> keys;
  for (const json& value : list) {
    const std::string place = "columns[" + std::to_string(columns.size()) + "]";
    columns.push_back(parse_column(value, place));
    const ColumnSpec& column = columns.back();
    require(names.emplace(trim_ascii_blanks(column.name)).second, place + ".name",
            "is a name of an earlier column too");
    for (const std::string& name : column.renamed_from) {
      require(names.emplace(trim_ascii_blanks(name)).second, place + ".renamed_from",
              "has a name that this column or an earlier one has");
    }
    require(keys.insert(column.to).second, place + ".to", "is filled by an earlier column too");
  }
  return columns;
}

std::string_view to_string(ColumnType type) { return kTypes[static_cast<std::size_t>(type)]; }

std::string payload_key_of(std::string_view name) {
  std::string key;
  for (const char c : name) {
    const char lower = to_ascii_lower(c);
    if (is_ascii_lower(lower) || is_ascii_digit(lower)) {
      key += lower;
    } else if (!key.empty() && key.back() != '_') {
      key += '_';
    }
  }
  while (!key.empty() && key.back() == '_') key.pop_back();
  return is_file_tag(key) ? key : "";
}

json to_json(const ColumnSpec& column) {
  json value = {{"name", column.name},
                {"to", column.to},
                {"type", to_string(column.type)},
                {"required", column.required},
                {"trim", column.trim},
                {"null_values", column.null_values},
                {"known_values", column.known_values},
                {"unique", column.unique},
                {"optional", column.optional},
                {"personal_data", column.personal_data},
                {"renamed_from", column.renamed_from}};
  if (column.start > 0) value["start"] = column.start;
  if (column.width > 0) value["width"] = column.width;
  if (column.type == ColumnType::kDate) value["date_format"] = column.date_format;
  if (column.type == ColumnType::kBoolean) {
    value["true_values"] = column.true_values;
    value["false_values"] = column.false_values;
  }
  if (!column.pattern.empty()) value["pattern"] = column.pattern;
  return value;
}

}  // namespace waybill
