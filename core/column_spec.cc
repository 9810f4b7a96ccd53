#include "core/column_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "core/ascii.h"
#include "core/config_object.h"
#include "core/file_name.h"
#include "core/read/moment_format.h"
#include "core/read/pattern.h"

namespace waybill {

namespace {

using nlohmann::json;

constexpr std::size_t kColumnsMax = 1600;  // what a PostgreSQL table can have
constexpr std::size_t kKnownValuesMax = 100'000;
constexpr std::int64_t kRecordWidthMax = std::int64_t{1} << 20;
constexpr std::array<std::string_view, 20> kColumnKeys = {
    "name",          "to",           "type",        "date_format", "required",
    "start",         "trim",         "null_values", "true_values", "false_values",
    "width",         "known_values", "pattern",     "unique",      "optional",
    "personal_data", "renamed_from", "time_zone",   "group_mark",  "decimal_mark"};
constexpr std::array<std::string_view, 6> kTypes = {"text",    "integer", "decimal",
                                                    "boolean", "date",    "timestamp"};
constexpr std::size_t kZoneNameMax = 64;
constexpr std::string_view kDateDirectives = "YmdHMS%";
constexpr std::string_view kTimestampDirectives = "YmdHMSfz%";
// Each list in the order of its marks.
constexpr std::array<std::string_view, 2> kDecimalMarks = {".", ","};
constexpr std::array<std::string_view, 5> kGroupMarks = {"", ",", ".", "'", " "};

constexpr std::string_view kWhat = "file spec";

void require(bool is_good, std::string_view place, const std::string& cause) {
  if (!is_good) refuse_config(kWhat, place, cause);
}

std::string list_letters(std::string_view letters) {
  std::string list;
  for (const char letter : letters) list += (list.empty() ? "" : ", ") + std::string(1, letter);
  return list;
}

/// The directives it has.
std::string check_date_format(const std::string& format, const std::string& place,
                              std::string_view directives) {
  std::string seen;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    ++i;
    const bool is_known = i < format.size() && directives.find(format[i]) != std::string::npos;
    require(is_known, place, "allowed after % are: " + list_letters(directives));
    require(format[i] == '%' || seen.find(format[i]) == std::string::npos, place,
            std::string("has %") + format[i] + " twice");
    seen += format[i];
  }
  for (const char needed : {'Y', 'm', 'd'}) {
    require(seen.find(needed) != std::string::npos, place, std::string("lacks %") + needed);
  }
  return seen;
}

/// A point in time has a time, and no smaller part of it without the larger one. What has no fixed
/// number of digits cannot stand directly before a number.
void check_time_format(const std::string& format, const std::string& directives,
                       const std::string& place) {
  const auto has = [&](char letter) { return directives.find(letter) != std::string::npos; };
  require(has('H'), place, "lacks %H; a format without time goes with type date");
  require(has('M') || !has('S'), place, "has %S without %M");
  require(has('S') || !has('f'), place, "has %f without %S");
  const MomentFormat moment(format);
  const auto& pieces = moment.pieces();
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
    const bool is_open =
        pieces[i].is_directive && (pieces[i].letter == 'f' || pieces[i].letter == 'z');
    const bool is_number = pieces[i + 1].is_directive && pieces[i + 1].letter != 'z';
    require(!is_open || !is_number, place,
            std::string("has %") + pieces[i].letter +
                " directly before a number: where it ends is unclear");
  }
}

/// Words of letters, digits, _, + and -, with / between; PostgreSQL knows which of them exist.
bool is_zone_name(std::string_view name) {
  const auto is_fit = [](char c) {
    return is_ascii_lower(to_ascii_lower(c)) || is_ascii_digit(c) || c == '_' || c == '+' ||
           c == '-' || c == '/';
  };
  return name.size() <= kZoneNameMax && is_ascii_lower(to_ascii_lower(name.front())) &&
         name.back() != '/' && name.find("//") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), is_fit);
}

void parse_moment(const ConfigObject& object, ColumnSpec& column) {
  const bool is_timestamp = column.type == ColumnType::kTimestamp;
  const bool is_moment = is_timestamp || column.type == ColumnType::kDate;
  require(is_moment || !object.has("date_format"), object.at("date_format"),
          "goes with types date and timestamp only");
  require(is_timestamp || !object.has("time_zone"), object.at("time_zone"),
          "goes with type timestamp only");
  if (!is_moment) return;
  column.date_format = object.name("date_format");
  const std::string directives =
      check_date_format(column.date_format, object.at("date_format"),
                        is_timestamp ? kTimestampDirectives : kDateDirectives);
  if (!is_timestamp) return;
  check_time_format(column.date_format, directives, object.at("date_format"));
  const bool has_offset = directives.find('z') != std::string::npos;
  require(has_offset != object.has("time_zone"), object.at("time_zone"),
          has_offset ? "does not go with %z, which tells the offset of each value"
                     : "is missing: whose clock the times are of, such as UTC or Europe/Paris; or "
                       "the date_format has %z");
  if (has_offset) return;
  column.time_zone = object.name("time_zone");
  require(is_zone_name(column.time_zone), object.at("time_zone"),
          "must be UTC or a name like Europe/Paris");
}

void parse_marks(const ConfigObject& object, ColumnSpec& column) {
  const bool is_decimal = column.type == ColumnType::kDecimal;
  const bool is_number = is_decimal || column.type == ColumnType::kInteger;
  require(is_decimal || !object.has("decimal_mark"), object.at("decimal_mark"),
          "goes with type decimal only");
  require(is_number || !object.has("group_mark"), object.at("group_mark"),
          "goes with types integer and decimal only");
  if (!is_number) return;
  column.decimal_mark = kDecimalMarks[object.choice("decimal_mark", kDecimalMarks)].front();
  const std::string_view group = kGroupMarks[object.choice("group_mark", kGroupMarks)];
  column.group_mark = group.empty() ? '\0' : group.front();
  require(!is_decimal || column.group_mark != column.decimal_mark, object.at("group_mark"),
          "must differ from decimal_mark");
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
  parse_moment(object, column);
  parse_marks(object, column);
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
  if (!column.date_format.empty()) value["date_format"] = column.date_format;
  if (!column.time_zone.empty()) value["time_zone"] = column.time_zone;
  const bool is_decimal = column.type == ColumnType::kDecimal;
  if (is_decimal) value["decimal_mark"] = std::string(1, column.decimal_mark);
  if (is_decimal || column.type == ColumnType::kInteger) {
    value["group_mark"] = std::string(column.group_mark == 0 ? 0 : 1, column.group_mark);
  }
  if (column.type == ColumnType::kBoolean) {
    value["true_values"] = column.true_values;
    value["false_values"] = column.false_values;
  }
  if (!column.pattern.empty()) value["pattern"] = column.pattern;
  return value;
}

}  // namespace waybill
