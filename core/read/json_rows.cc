#include "core/read/json_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/ascii.h"

namespace waybill {

namespace {

/// Keys beside the listed ones that are kept; a file with more is not a table.
constexpr std::size_t kKeptKeysMax = 1600;

/// Unlisted keys that findings name.
constexpr std::size_t kNamedKeysMax = 5;

/// Does the key read like a column's name, not like an address, a number or a sentence?
bool is_plain_name(std::string_view key) {
  constexpr std::size_t kNameBytesMax = 64;
  const auto is_letter = [](char c) {
    return is_ascii_lower(to_ascii_lower(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80U;
  };
  return !key.empty() && key.size() <= kNameBytesMax && is_letter(key.front()) &&
         is_column_name(key) && std::all_of(key.begin(), key.end(), [&](char c) {
           return is_letter(c) || is_ascii_digit(c) || c == ' ' || c == '.' || c == '-';
         });
}

constexpr std::size_t kNoColumn = CsvProblem::kNoField;

}  // namespace

JsonRows::JsonRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : RecordRows(spec, std::move(sink), first_source_row) {
  builder().start(ColumnMap::from_places(spec), spec);
  for (std::size_t i = 0; i < spec.columns.size(); ++i) {
    columns_.emplace(trim_ascii_blanks(spec.columns[i].name), i);
    for (const std::string& name : spec.columns[i].renamed_from) {
      columns_.emplace(trim_ascii_blanks(name), i);
      renamed_.emplace(trim_ascii_blanks(name));
    }
  }
  values_.resize(spec.columns.size());
}

void JsonRows::take_header(const CsvRecord& /*record*/) {}  // there is none
void JsonRows::name_place(const CsvRecord& /*record*/, std::size_t /*offset*/,
                          Finding& /*finding*/) const {}

void JsonRows::take_record(const CsvRecord& line, bool is_broken) {
  if (is_broken) return;
  if (line.field_count > 1) {
    return find(line, line.fields.front().end, error_code::kNulByte, "a NUL byte; text has none");
  }
  JsonScan scan(line.bytes);
  if (!scan.read_object(members_)) {
    return find(line, std::min(scan.at(), line.bytes.size()), error_code::kLineNotAnObject,
                "a line must be one JSON object; this one stops being that here");
  }
  if (read_members(line)) write_row(line);
}

bool JsonRows::read_members(const CsvRecord& line) {
  unescaped_used_ = 0;
  listed_found_ = 0;
  places_.resize(std::max(places_.size(), members_.size()), kNoColumn);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!match_member(line, i)) return false;
  }
  if (listed_found_ > 0 || members_.empty()) return true;
  find(line, 0, error_code::kColumnMissing,
       "the object holds none of the columns of the file spec");
  return false;
}

bool JsonRows::match_member(const CsvRecord& line, std::size_t member) {
  const std::string_view key = text_of(line, members_[member].key);
  const std::size_t offset = members_[member].key.begin;
  if (key.find('\0') != std::string_view::npos) {
    find(line, offset, error_code::kNulByte, "a key holds a NUL; text has none");
    return false;
  }
  // Lines of one export have their keys in one order.
  const std::size_t guess = places_[member];
  std::size_t column = kNoColumn;
  if (guess != kNoColumn && builder().map().field_name(guess) == key) {
    column = guess;
  } else if (const auto found = columns_.find(std::string(key)); found != columns_.end()) {
    column = found->second;
    if (!renamed_.empty()) tell_renamed(line, offset, key);
  } else {
    if (!take_other_key(line, offset, key)) return false;
    if (spec().other_columns == OtherColumns::kIgnore) return true;
    column = values_.size() - 1;
  }
  places_[member] = column;
  return set_value(line, members_[member], column);
}

/// Says once a file that a column stands under a name it has had.
void JsonRows::tell_renamed(const CsvRecord& line, std::size_t offset, std::string_view key) {
  if (renamed_.erase(std::string(key)) == 0) return;
  find(line, offset, error_code::kColumnRenamed,
       "the column that the file spec calls otherwise stands here under a name it has had", key);
}

/// Only where listed keys stand too is a key sure to be a name, not a value of the agency; and
/// where every line has another key, keys are values all the same.
bool JsonRows::may_be_named(std::string_view key) {
  if (listed_found_ == 0 || !is_plain_name(key)) return false;
  if (other_keys_.contains(key)) return true;
  return other_keys_.size() < kNamedKeysMax && other_keys_.emplace(key).second;
}

/// A key that the spec does not list: false when it refuses the line.
bool JsonRows::take_other_key(const CsvRecord& line, std::size_t offset, std::string_view key) {
  if (spec().other_columns == OtherColumns::kIgnore) return true;
  if (spec().other_columns == OtherColumns::kRefuse) {
    find(line, offset, error_code::kColumnUnexpected, "the file spec does not list this key",
         may_be_named(key) ? key : std::string_view());
    return false;
  }
  const auto& listed = spec().columns;
  const bool is_taken = std::any_of(listed.begin(), listed.end(),
                                    [&](const ColumnSpec& column) { return column.to == key; });
  if (is_taken || !is_column_name(key)) {
    find(line, offset, is_taken ? error_code::kHeaderDuplicate : error_code::kColumnUnexpected,
         is_taken ? "a key kept under its own name fills a payload key twice"
                  : "a key that is empty, too long, or holds control characters cannot be kept");
    return false;
  }
  if (values_.size() - listed.size() >= kKeptKeysMax) {
    find(line, offset, error_code::kColumnUnexpected,
         fmt::format("more than {} different keys that the file spec does not list", kKeptKeysMax));
    return false;
  }
  columns_.emplace(key, values_.size());
  builder().add_kept(std::string(key));
  values_.emplace_back();
  return true;
}

bool JsonRows::set_value(const CsvRecord& line, const JsonMember& member, std::size_t column) {
  Value& value = values_[column];
  if (value.line_number == line.number) {
    find(line, member.key.begin, error_code::kHeaderDuplicate, "the line has this key twice",
         builder().map().field_name(column));
    return false;
  }
  value.line_number = line.number;
  value.offset = member.value.begin;
  value.text = {};
  value.source = member.kind == JsonKind::kNumber ? ValueSource::kJsonNumber : ValueSource::kText;
  if (column < spec().columns.size()) ++listed_found_;
  if (member.kind == JsonKind::kNull) return true;
  value.text = text_of(line, member.value);
  if (value.text.find('\0') == std::string_view::npos) return true;
  find(line, value.offset, error_code::kNulByte, "a text holds a NUL; text has none",
       builder().map().field_name(column));
  return false;
}

std::string_view JsonRows::text_of(const CsvRecord& line, const JsonText& text) {
  if (!text.is_escaped) return line.bytes.substr(text.begin, text.end - text.begin);
  if (unescaped_used_ == unescaped_.size()) unescaped_.emplace_back();
  return json_text(line.bytes, text, unescaped_[unescaped_used_++]);
}

void JsonRows::write_row(const CsvRecord& line) {
  RowBuilder& row = builder();
  row.begin_row(line.bytes.size());
  std::vector<MappedColumn>& columns = row.map().columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool is_there = values_[i].line_number == line.number;
    if (!is_there && i >= spec().columns.size()) continue;  // kept keys: only where they stand
    const std::string_view text = is_there ? values_[i].text : std::string_view();
    const ErrorCode* bad = row.put(columns[i], text, values_[i].source);
    if (bad == nullptr) continue;
    find(line, is_there ? values_[i].offset : 0, *bad, value_problem(columns[i], *bad),
         row.map().field_name(i));
  }
  find_key_problems(line);
  if (is_good()) row.hand_over(row_of(line.number));
}

void JsonRows::find_key_problems(const CsvRecord& line) {
  if (const MappedColumn* column = builder().column_of_long_key()) {
    find(line, values_[column->field_index].offset, error_code::kValueInvalid, kKeyTooLong,
         builder().map().field_name(column->field_index));
  }
  if (!is_sound()) return;
  builder().check_keys(row_of(line.number), [&](const MappedColumn* column) {
    const std::size_t offset = column == nullptr ? 0 : values_[column->field_index].offset;
    const auto name =
        column == nullptr ? std::string_view() : builder().map().field_name(column->field_index);
    find(line, offset, error_code::kKeyDuplicate, column == nullptr ? kKeyTwice : kValueTwice,
         name);
  });
}

void JsonRows::find(const CsvRecord& line, std::size_t offset, const ErrorCode& code,
                    std::string message, std::string_view column) {
  Finding finding = finding_at(line, offset, code, std::move(message));
  if (is_column_name(column)) finding.column = column;
  add_finding(std::move(finding));
}

}  // namespace waybill
