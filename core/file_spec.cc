#include "core/file_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "core/ascii.h"
#include "core/error.h"
#include "core/file_name.h"
#include "core/glob.h"
#include "core/suggest.h"

namespace waybill {

namespace {

using nlohmann::json;
using Words = std::span<const std::string_view>;

constexpr std::size_t kColumnsMax = 1600;  // what a PostgreSQL table can have
constexpr std::size_t kTextCharactersMax = 255;

constexpr std::array<std::string_view, 13> kSpecKeys = {
    "file_tag", "entity", "description", "file_name", "format",        "encoding",    "delimiter",
    "quote",    "quotes", "header",      "columns",   "other_columns", "natural_key",
};
constexpr std::array<std::string_view, 9> kColumnKeys = {
    "name", "to",          "type",        "date_format",  "required",
    "trim", "null_values", "true_values", "false_values",
};
constexpr std::array<std::string_view, 6> kEntities = {
    "component", "variant", "recipe", "recipe_line", "party", "uom_conversion",
};
constexpr std::array<std::string_view, 1> kFormats = {"csv"};
// Each list in the order of its enum.
constexpr std::array<std::string_view, 2> kEncodings = {"utf-8", "windows-1252"};
constexpr std::array<std::string_view, 2> kQuoteRules = {"strict", "lenient"};
constexpr std::array<std::string_view, 5> kTypes = {"text", "integer", "decimal", "boolean",
                                                    "date"};
constexpr std::array<std::string_view, 3> kOtherColumns = {"refuse", "ignore", "keep"};
constexpr std::string_view kDateDirectives = "YmdHMS%";

[[noreturn]] void refuse(std::string_view place, const std::string& cause) {
  throw Error(error_code::kSpecInvalid, "read file spec at", place, cause);
}

void require(bool is_good, std::string_view place, const std::string& cause) {
  if (!is_good) refuse(place, cause);
}

/// One JSON object of the spec: hands out its keys with a type check, knows its place.
class SpecObject {
 public:
  SpecObject(const json& object, std::string place, Words keys)
      : object_(object), place_(std::move(place)) {
    require(object.is_object(), place_.empty() ? "the top" : place_, "must be an object");
    for (const auto& [key, value] : object.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const std::string_view nearest = nearest_word(key, keys);
      std::string cause = "unknown key; ";
      if (!nearest.empty()) cause += "did you mean \"" + std::string(nearest) + "\"? ";
      refuse(at(key), cause + "allowed are: " + list_words(keys));
    }
  }

  [[nodiscard]] std::string at(std::string_view key) const {
    return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
  }
  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }

  [[nodiscard]] const json& need(const char* key) const {
    require(has(key), at(key), "is missing");
    return object_.at(key);
  }

  [[nodiscard]] std::string text(const char* key) const {
    const json& value = need(key);
    require(value.is_string(), at(key), "must be text");
    return value.get<std::string>();
  }
  /// Text that names something: not empty, not endless.
  [[nodiscard]] std::string name(const char* key) const {
    std::string value = text(key);
    require(!trim_ascii_blanks(value).empty() && value.size() <= kTextCharactersMax, at(key),
            "must be 1 to " + std::to_string(kTextCharactersMax) + " characters, not all blank");
    return value;
  }
  [[nodiscard]] bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    require(object_.at(key).is_boolean(), at(key), "must be true or false");
    return object_.at(key).get<bool>();
  }

  /// The place of the key's word in `words`; 0 when the key is absent.
  [[nodiscard]] std::size_t choice(const char* key, Words words) const {
    if (!has(key)) return 0;
    const std::string value = text(key);
    const auto found = std::find(words.begin(), words.end(), value);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    const std::string_view nearest = nearest_word(value, words);
    refuse(at(key), (nearest.empty() ? "" : "did you mean \"" + std::string(nearest) + "\"? ") +
                        "allowed are: " + list_words(words));
  }

  [[nodiscard]] std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> values;
    if (!has(key)) return values;
    require(object_.at(key).is_array(), at(key), "must be a list of text");
    for (const json& value : object_.at(key)) {
      const std::string place = at(key) + "[" + std::to_string(values.size()) + "]";
      require(value.is_string(), place, "must be text");
      values.push_back(value.get<std::string>());
      require(std::count(values.begin(), values.end(), values.back()) == 1, place,
              "is in the list twice");
    }
    return values;
  }

 private:
  const json& object_;
  std::string place_;
};

/// A delimiter or quote: one ASCII character that cannot be taken for content or a line end.
char parse_separator(const SpecObject& spec, const char* key) {
  const std::string value = spec.text(key);
  const auto is_separator = [](char c) {
    const bool is_letter = is_ascii_lower(to_ascii_lower(c));
    return static_cast<unsigned char>(c) < 0x80 && c != '\0' && c != '\n' && c != '\r' &&
           !is_letter && !is_ascii_digit(c);
  };
  require(value.size() == 1 && is_separator(value.front()), spec.at(key),
          "must be one ASCII character that is no letter, digit, line end or NUL");
  return value.front();
}

CsvDialect parse_dialect(const SpecObject& spec) {
  CsvDialect dialect;
  if (spec.has("delimiter")) dialect.delimiter = parse_separator(spec, "delimiter");
  if (spec.has("quote")) {
    dialect.quote.reset();
    if (!spec.need("quote").is_null()) dialect.quote = parse_separator(spec, "quote");
  }
  require(dialect.quote != dialect.delimiter, spec.at("quote"), "must differ from the delimiter");
  require(dialect.quote.has_value() || !spec.has("quotes"), spec.at("quotes"),
          "says nothing when quote is null; leave it out");
  dialect.quote_rule = static_cast<QuoteRule>(spec.choice("quotes", kQuoteRules));
  return dialect;
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

void parse_boolean_words(const SpecObject& object, ColumnSpec& column) {
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

ColumnSpec parse_column(const json& value, const std::string& place) {
  const SpecObject object(value, place, kColumnKeys);
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
  return column;
}

std::vector<ColumnSpec> parse_columns(const SpecObject& spec) {
  const json& list = spec.need("columns");
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
            "is the name of an earlier column too");
    require(keys.insert(column.to).second, place + ".to", "is filled by an earlier column too");
  }
  return columns;
}

void check_natural_key(const FileSpec& spec) {
  for (std::size_t i = 0; i < spec.natural_key.size(); ++i) {
    const bool is_filled =
        std::any_of(spec.columns.begin(), spec.columns.end(),
                    [&](const ColumnSpec& column) { return column.to == spec.natural_key[i]; });
    require(is_filled, "natural_key[" + std::to_string(i) + "]",
            "must be the \"to\" of one of the columns");
  }
}

void check_file_name(const std::string& pattern) {
  require(pattern.find_first_of("/\\") == std::string::npos, "file_name",
          "is compared with the base name; it cannot hold / or \\");
  require(is_valid_glob(pattern), "file_name",
          "has a set [...] that is empty, not closed, or with a range the wrong way round");
}

}  // namespace

std::string_view to_string(ColumnType type) { return kTypes[static_cast<std::size_t>(type)]; }

const std::vector<std::string>& entity_names() {
  static const std::vector<std::string> names(kEntities.begin(), kEntities.end());
  return names;
}

FileSpec parse_file_spec(const json& value) {
  const SpecObject object(value, "", kSpecKeys);
  FileSpec spec;
  spec.file_tag = FileTag(object.text("file_tag"));
  require(is_file_tag(spec.file_tag.value), "file_tag",
          "must be a lower-case letter, then up to 62 of a-z, 0-9 and _");
  require(object.has("entity"), "entity", "is missing; allowed are: " + list_words(kEntities));
  spec.entity = kEntities[object.choice("entity", kEntities)];
  if (object.has("description")) spec.description = object.text("description");
  spec.file_name = object.name("file_name");
  check_file_name(spec.file_name);
  static_cast<void>(object.choice("format", kFormats));
  spec.encoding = static_cast<Encoding>(object.choice("encoding", kEncodings));
  spec.dialect = parse_dialect(object);
  spec.header = object.flag("header", true);
  spec.columns = parse_columns(object);
  spec.other_columns = static_cast<OtherColumns>(object.choice("other_columns", kOtherColumns));
  require(spec.header || spec.other_columns != OtherColumns::kKeep, "other_columns",
          "cannot be keep without a header: the columns would have no names");
  spec.natural_key = object.texts("natural_key");
  check_natural_key(spec);
  return spec;
}

FileSpec parse_file_spec_text(std::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  const auto watch = [&](int /*depth*/, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key) {
      const std::string key = parsed.get<std::string>();
      require(open_objects.back().insert(key).second, key, "is given twice in one object");
    }
    return true;
  };
  json value;
  try {
    value = json::parse(text, watch);
  } catch (const json::parse_error& error) {
    refuse("byte " + std::to_string(error.byte), "the text is not JSON");
  } catch (const json::exception&) {
    refuse("the top", "holds a number outside every range");
  }
  return parse_file_spec(value);
}

json to_json(const FileSpec& spec) {
  json columns = json::array();
  for (const ColumnSpec& column : spec.columns) {
    json entry = {{"name", column.name},
                  {"to", column.to},
                  {"type", kTypes[static_cast<std::size_t>(column.type)]},
                  {"required", column.required},
                  {"trim", column.trim},
                  {"null_values", column.null_values}};
    if (column.type == ColumnType::kDate) entry["date_format"] = column.date_format;
    if (column.type == ColumnType::kBoolean) {
      entry["true_values"] = column.true_values;
      entry["false_values"] = column.false_values;
    }
    columns.push_back(std::move(entry));
  }
  json value = {{"file_tag", spec.file_tag.value},
                {"entity", spec.entity},
                {"description", spec.description},
                {"file_name", spec.file_name},
                {"format", kFormats[0]},
                {"encoding", kEncodings[static_cast<std::size_t>(spec.encoding)]},
                {"delimiter", std::string(1, spec.dialect.delimiter)},
                {"quote", nullptr},
                {"header", spec.header},
                {"columns", std::move(columns)},
                {"other_columns", kOtherColumns[static_cast<std::size_t>(spec.other_columns)]},
                {"natural_key", spec.natural_key}};
  if (spec.dialect.quote) {
    value["quote"] = std::string(1, *spec.dialect.quote);
    value["quotes"] = kQuoteRules[static_cast<std::size_t>(spec.dialect.quote_rule)];
  }
  return value;
}

bool matches_file_name(const FileSpec& spec, std::string_view base_name) {
  return matches_glob(spec.file_name, base_name);
}

}  // namespace waybill
