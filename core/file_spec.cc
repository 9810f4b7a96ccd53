#include "core/file_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "core/ascii.h"
#include "core/config_object.h"
#include "core/error.h"
#include "core/file_name.h"
#include "core/glob.h"
#include "core/name_fields.h"
#include "core/read/number_text.h"
#include "core/suggest.h"

namespace waybill {

namespace {

using nlohmann::json;

constexpr std::int64_t kSplitBytesMin = 4096;
constexpr std::int64_t kSplitBytesMax = std::int64_t{5'000'000'000};
constexpr std::int64_t kSplitRowsMax = std::int64_t{1'000'000'000};

constexpr std::array<std::string_view, 27> kSpecKeys = {
    "file_tag",
    "entity",
    "description",
    "file_name",
    "name_fields",
    "format",
    "container",
    "container_entry",
    "table",
    "encoding",
    "delimiter",
    "quote",
    "quotes",
    "header",
    "columns",
    "other_columns",
    "natural_key",
    "split_rows",
    "split_bytes",
    "on_refusal",
    "quirk",
    "natural_key_unique",
    "row_count",
    "on_finding",
    "references",
    "stale_after_hours",
    "send_quarantined_rows",
};
constexpr std::array<std::string_view, 6> kEntities = {
    "component", "variant", "recipe", "recipe_line", "party", "uom_conversion",
};
// Each list in the order of its enum.
constexpr std::array<std::string_view, 5> kFormats = {"csv", "jsonl", "fixed_width", "sqlite",
                                                      "sql_dump"};
constexpr std::array<std::string_view, 3> kContainers = {"none", "gzip", "zip"};
constexpr std::array<std::string_view, 2> kOnRefusal = {"halt", "quarantine"};
constexpr std::array<std::string_view, 5> kEncodings = {"utf-8", "windows-1252", "iso-8859-1",
                                                        "utf-16le", "utf-16be"};
constexpr std::array<std::string_view, 2> kQuoteRules = {"strict", "lenient"};
constexpr std::array<std::string_view, 3> kOtherColumns = {"refuse", "ignore", "keep"};

constexpr std::array<std::string_view, 3> kRowCountKeys = {"min", "max", "change_percent"};
constexpr std::int64_t kRowsMax = std::int64_t{1'000'000'000'000};
constexpr std::int64_t kChangePercentMax = 10'000;
constexpr std::array<std::string_view, 2> kReferenceKeys = {"entity", "key"};
constexpr std::size_t kReferencesMax = 16;
constexpr std::int64_t kStaleHoursMax = std::int64_t{366} * 24;
constexpr std::string_view kWhat = "file spec";

void require(bool is_good, std::string_view place, const std::string& cause) {
  if (!is_good) refuse_config(kWhat, place, cause);
}

/// A delimiter or quote: one ASCII character that cannot be taken for content or a line end.
char parse_separator(const ConfigObject& spec, const char* key) {
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

CsvDialect parse_dialect(const ConfigObject& spec) {
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

bool fills(const FileSpec& spec, const std::string& payload_key) {
  return std::any_of(spec.columns.begin(), spec.columns.end(),
                     [&](const ColumnSpec& column) { return column.to == payload_key; });
}

void check_natural_key(const FileSpec& spec) {
  for (std::size_t i = 0; i < spec.natural_key.size(); ++i) {
    require(fills(spec, spec.natural_key[i]), "natural_key[" + std::to_string(i) + "]",
            "must be the \"to\" of one of the columns");
  }
}

RowCount parse_row_count(const ConfigObject& spec) {
  RowCount count;
  if (!spec.has("row_count")) return count;
  const ConfigObject object(kWhat, spec.need("row_count"), "row_count", kRowCountKeys);
  count.min = object.number("min", 0, 1, kRowsMax);
  count.max = object.number("max", 0, 1, kRowsMax);
  require(count.max == 0 || count.min <= count.max, "row_count.max", "is below min");
  count.change_percent = object.number("change_percent", 0, 1, kChangePercentMax);
  return count;
}

std::vector<Reference> parse_references(const ConfigObject& object, const FileSpec& spec) {
  std::vector<Reference> references;
  if (!object.has("references")) return references;
  const json& list = object.need("references");
  require(list.is_array() && list.size() <= kReferencesMax, "references",
          "must be a list of at most " + std::to_string(kReferencesMax) + " references");
  for (const json& value : list) {
    const std::string place = "references[" + std::to_string(references.size()) + "]";
    const ConfigObject reference(kWhat, value, place, kReferenceKeys);
    require(reference.has("entity"), reference.at("entity"),
            "is missing; allowed are: " + list_words(kEntities));
    references.push_back(
        {std::string(kEntities[reference.choice("entity", kEntities)]), reference.texts("key")});
    const std::vector<std::string>& key = references.back().key;
    require(!key.empty(), reference.at("key"), "must name at least one payload key");
    for (std::size_t i = 0; i < key.size(); ++i) {
      require(fills(spec, key[i]), reference.at("key") + "[" + std::to_string(i) + "]",
              "must be the \"to\" of one of the columns");
    }
  }
  return references;
}

std::string allowed_actions(const Rule& rule) {
  std::string list;
  for (const RuleAction action : {RuleAction::kIgnore, RuleAction::kWarn,
                                  RuleAction::kQuarantineRow, RuleAction::kRefuseFile}) {
    if (rule.allows(action)) list += (list.empty() ? "" : ", ") + std::string(to_string(action));
  }
  return list;
}

RuleActions parse_on_finding(const ConfigObject& spec) {
  RuleActions actions;
  if (!spec.has("on_finding")) return actions;
  std::vector<std::string_view> names;
  for (const Rule& rule : rules()) names.push_back(rule.code->name);
  const ConfigObject object(kWhat, spec.need("on_finding"), "on_finding", names);
  for (std::size_t i = 0; i < kRuleCount; ++i) {
    const std::string name(names[i]);
    if (!object.has(name.c_str())) continue;
    const std::string word = object.text(name.c_str());
    bool is_known = false;
    for (const RuleAction action : {RuleAction::kIgnore, RuleAction::kWarn,
                                    RuleAction::kQuarantineRow, RuleAction::kRefuseFile}) {
      if (word != to_string(action) || !rules()[i].allows(action)) continue;
      actions.set(i, action);
      is_known = true;
    }
    require(is_known, object.at(name), "allowed are: " + allowed_actions(rules()[i]));
  }
  return actions;
}

void check_file_name(const std::string& pattern) {
  require(pattern.find_first_of("/\\") == std::string::npos, "file_name",
          "is compared with the base name; it cannot hold / or \\");
  require(is_valid_glob(pattern), "file_name",
          "has a set [...] that is empty, not closed, or with a range the wrong way round");
}

/// Keys that mean something for some formats only.
void parse_format(const ConfigObject& object, FileSpec& spec) {
  spec.format = static_cast<FileFormat>(object.choice("format", kFormats));
  const bool is_csv = spec.format == FileFormat::kCsv;
  const bool is_fixed = spec.format == FileFormat::kFixedWidth;
  for (const char* key : {"delimiter", "quote", "quotes"}) {
    require(is_csv || !object.has(key), key, "goes with format csv only");
  }
  require(is_csv || is_fixed || !object.has("header"), "header",
          "goes with formats csv and fixed_width only");
  spec.header = object.flag("header", is_csv);
  const bool has_table = spec.format == FileFormat::kSqlite || spec.format == FileFormat::kSqlDump;
  require(has_table == object.has("table"), "table",
          has_table ? "is missing: which table of the dump holds the rows"
                    : "goes with formats sqlite and sql_dump only");
  if (has_table) spec.table = object.name("table");
  require(spec.encoding == Encoding::kUtf8 || is_csv || is_fixed, "encoding",
          "must be utf-8 with this format");
  require(!is_utf16(spec.encoding) || is_csv, "encoding",
          "must not be UTF-16 with this format, whose columns are bytes; it goes with csv only");
}

void parse_container(const ConfigObject& object, FileSpec& spec) {
  spec.container = static_cast<Container>(object.choice("container", kContainers));
  require(spec.container == Container::kZip || !object.has("container_entry"), "container_entry",
          "goes with container zip only");
  if (object.has("container_entry")) spec.container_entry = object.name("container_entry");
  require(is_valid_glob(spec.container_entry), "container_entry",
          "has a set [...] that is empty, not closed, or with a range the wrong way round");
}

void parse_split(const ConfigObject& object, FileSpec& spec) {
  spec.split_rows = object.number("split_rows", 0, 1, kSplitRowsMax);
  spec.split_bytes = object.number("split_bytes", 0, kSplitBytesMin, kSplitBytesMax);
  for (const char* key : {"split_rows", "split_bytes"}) {
    require(is_splittable(spec) || !object.has(key), key,
            "goes with formats csv, jsonl and fixed_width outside a container only, and not with "
            "UTF-16 or a quirk");
  }
  const bool is_split = spec.split_rows > 0 || spec.split_bytes > 0;
  require(
      !is_split || spec.on_finding.of(error_code::kKeyDuplicate) != RuleAction::kQuarantineRow,
      "on_finding.key-duplicate",
      "cannot be quarantine_row with split_rows or split_bytes: when the key of another part is "
      "found, its rows are staged");
}

/// Places go with fixed width only. A dump's numbers are the database's own and have no marks; a
/// text in it that looks like one stays text.
void check_columns(const FileSpec& spec) {
  const bool is_fixed = spec.format == FileFormat::kFixedWidth;
  const bool is_dump = spec.format == FileFormat::kSqlite || spec.format == FileFormat::kSqlDump;
  for (std::size_t i = 0; i < spec.columns.size(); ++i) {
    const ColumnSpec& column = spec.columns[i];
    const std::string place = "columns[" + std::to_string(i) + "]";
    const bool has_place = column.start > 0 && column.width > 0;
    const bool has_none = column.start == 0 && column.width == 0;
    require(is_fixed ? has_place : has_none, place,
            is_fixed ? "needs start and width with format fixed_width"
                     : "has start or width, which go with format fixed_width only");
    require(!is_dump || NumberMarks{column.decimal_mark, column.group_mark}.are_plain(), place,
            "has decimal_mark or group_mark, which do not go with formats sqlite and sql_dump");
  }
}

}  // namespace

bool is_splittable(const FileSpec& spec) {
  return spec.container == Container::kNone && spec.quirk.empty() && !is_utf16(spec.encoding) &&
         (spec.format == FileFormat::kCsv || spec.format == FileFormat::kJsonLines ||
          spec.format == FileFormat::kFixedWidth);
}

const std::vector<std::string>& entity_names() {
  static const std::vector<std::string> kNames(kEntities.begin(), kEntities.end());
  return kNames;
}

FileSpec parse_file_spec(const json& value) {
  const ConfigObject object(kWhat, value, "", kSpecKeys);
  FileSpec spec;
  spec.file_tag = FileTag(object.text("file_tag"));
  require(is_file_tag(spec.file_tag.value), "file_tag",
          "must be a lower-case letter, then up to 62 of a-z, 0-9 and _");
  require(object.has("entity"), "entity", "is missing; allowed are: " + list_words(kEntities));
  spec.entity = kEntities[object.choice("entity", kEntities)];
  if (object.has("description")) spec.description = object.text("description");
  spec.file_name = object.name("file_name");
  check_file_name(spec.file_name);
  if (object.has("name_fields")) {
    spec.name_fields = object.name("name_fields");
    const std::string problem = name_fields_problem(spec.name_fields);
    require(problem.empty(), "name_fields", problem);
  }
  spec.encoding = static_cast<Encoding>(object.choice("encoding", kEncodings));
  parse_format(object, spec);
  parse_container(object, spec);
  spec.dialect = parse_dialect(object);
  spec.columns = parse_columns(object.need("columns"));
  check_columns(spec);
  spec.other_columns = static_cast<OtherColumns>(object.choice("other_columns", kOtherColumns));
  const bool has_names =
      spec.header || spec.format == FileFormat::kJsonLines || !spec.table.empty();
  require((has_names && spec.format != FileFormat::kFixedWidth) ||
              spec.other_columns != OtherColumns::kKeep,
          "other_columns", "cannot be keep without a header: the columns would have no names");
  spec.natural_key = object.texts("natural_key");
  check_natural_key(spec);
  spec.natural_key_unique = object.flag("natural_key_unique", false);
  require(!spec.natural_key_unique || !spec.natural_key.empty(), "natural_key_unique",
          "says nothing without natural_key");
  spec.row_count = parse_row_count(object);
  spec.references = parse_references(object, spec);
  spec.on_finding = parse_on_finding(object);
  spec.stale_after_hours = object.number("stale_after_hours", 0, 1, kStaleHoursMax);
  spec.send_quarantined_rows = object.flag("send_quarantined_rows", false);
  if (object.has("quirk")) spec.quirk = object.name("quirk");
  require(spec.quirk.empty() || !is_utf16(spec.encoding), "quirk",
          "reads the file as bytes, so it does not go with UTF-16");
  parse_split(object, spec);
  spec.on_refusal = static_cast<OnRefusal>(object.choice("on_refusal", kOnRefusal));
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
    refuse_config(kWhat, "byte " + std::to_string(error.byte), "the text is not JSON");
  } catch (const json::exception&) {
    refuse_config(kWhat, "the top", "holds a number outside every range");
  }
  return parse_file_spec(value);
}

namespace {

void write_format(const FileSpec& spec, json& value) {
  const bool is_csv = spec.format == FileFormat::kCsv;
  if (is_csv || spec.format == FileFormat::kFixedWidth) value["header"] = spec.header;
  if (!spec.table.empty()) value["table"] = spec.table;
  if (!is_csv) return;
  value["delimiter"] = std::string(1, spec.dialect.delimiter);
  value["quote"] = nullptr;
  if (!spec.dialect.quote) return;
  value["quote"] = std::string(1, *spec.dialect.quote);
  value["quotes"] = kQuoteRules[static_cast<std::size_t>(spec.dialect.quote_rule)];
}

void write_rules(const FileSpec& spec, json& value) {
  value["natural_key_unique"] = spec.natural_key_unique;
  if (spec.row_count.min > 0) value["row_count"]["min"] = spec.row_count.min;
  if (spec.row_count.max > 0) value["row_count"]["max"] = spec.row_count.max;
  if (spec.row_count.change_percent > 0) {
    value["row_count"]["change_percent"] = spec.row_count.change_percent;
  }
  value["references"] = json::array();
  for (const Reference& reference : spec.references) {
    value["references"].push_back({{"entity", reference.entity}, {"key", reference.key}});
  }
  if (spec.stale_after_hours > 0) value["stale_after_hours"] = spec.stale_after_hours;
  value["send_quarantined_rows"] = spec.send_quarantined_rows;
  for (std::size_t i = 0; i < kRuleCount; ++i) {
    const RuleAction action = spec.on_finding.at(i);
    if (action == rules()[i].otherwise) continue;
    value["on_finding"][std::string(rules()[i].code->name)] = to_string(action);
  }
}

}  // namespace

json to_json(const FileSpec& spec) {
  json columns = json::array();
  for (const ColumnSpec& column : spec.columns) columns.push_back(to_json(column));
  json value = {{"file_tag", spec.file_tag.value},
                {"entity", spec.entity},
                {"description", spec.description},
                {"file_name", spec.file_name},
                {"format", kFormats[static_cast<std::size_t>(spec.format)]},
                {"container", kContainers[static_cast<std::size_t>(spec.container)]},
                {"encoding", kEncodings[static_cast<std::size_t>(spec.encoding)]},
                {"columns", std::move(columns)},
                {"other_columns", kOtherColumns[static_cast<std::size_t>(spec.other_columns)]},
                {"natural_key", spec.natural_key},
                {"on_refusal", kOnRefusal[static_cast<std::size_t>(spec.on_refusal)]}};
  write_format(spec, value);
  write_rules(spec, value);
  if (!spec.name_fields.empty()) value["name_fields"] = spec.name_fields;
  if (spec.container == Container::kZip) value["container_entry"] = spec.container_entry;
  if (spec.split_rows > 0) value["split_rows"] = spec.split_rows;
  if (spec.split_bytes > 0) value["split_bytes"] = spec.split_bytes;
  if (!spec.quirk.empty()) value["quirk"] = spec.quirk;
  return value;
}

bool matches_file_name(const FileSpec& spec, std::string_view base_name) {
  return matches_glob(spec.file_name, base_name);
}

}  // namespace waybill
