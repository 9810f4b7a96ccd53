#include "core/read/field_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/ascii.h"
#include "core/count_of.h"

namespace waybill {

namespace {

/// Does the byte go on with a character that began before it?
bool goes_on(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

void FieldRows::name_column(std::size_t index, Finding& finding) const {
  finding.column = builder().map().field_name(index);
  finding.column_number = static_cast<std::int32_t>(index + 1);
}

void FieldRows::start_rows(ColumnMap map) { builder().start(std::move(map), spec()); }

std::string_view FieldRows::decoded(const CsvRecord& record, const CsvField& field) {
  const std::string_view text = record.text(field, unquoted_);
  if (record.is_ascii || !is_single_byte(spec().encoding)) return text;
  transcoded_.clear();
  append_single_bytes(spec().encoding, text, transcoded_);
  return transcoded_;
}

void FieldRows::write_row(const CsvRecord& record) {
  RowBuilder& row = builder();
  row.begin_row(record.bytes.size());
  for (MappedColumn& column : row.map().columns()) {
    const ErrorCode* bad = row.put(column, decoded(record, record.fields[column.field_index]));
    if (bad != nullptr) find_value(record, column, *bad, value_problem(column, *bad));
  }
  find_key_problems(record);
  if (is_good()) row.hand_over(row_of(record.number));
}

void FieldRows::find_key_problems(const CsvRecord& record) {
  if (const MappedColumn* column = builder().column_of_long_key()) {
    find_value(record, *column, error_code::kValueInvalid, kKeyTooLong);
  }
  if (!is_sound()) return;
  builder().check_keys(row_of(record.number), [&](const MappedColumn* column) {
    if (column != nullptr) {
      return find_value(record, *column, error_code::kKeyDuplicate, kValueTwice);
    }
    add_finding({&error_code::kKeyDuplicate, kKeyTwice, row_of(record.number), record.line,
                 byte_offset_of(record), "", 0});
  });
}

void FieldRows::refuse_header(const CsvRecord& record) {
  add_finding({&error_code::kHeaderUnexpected,
               "the first record holds column names; the file spec has no header",
               row_of(record.number), record.line, byte_offset_of(record), "", 0});
  end_reading();
}

void FieldRows::find_value(const CsvRecord& record, const MappedColumn& column,
                           const ErrorCode& code, std::string message) {
  const std::size_t begin = record.fields[column.field_index].begin;
  add_finding({&code, std::move(message), row_of(record.number), record.line_at(begin),
               byte_offset_of(record, begin),
               std::string(builder().map().field_name(column.field_index)),
               static_cast<std::int32_t>(column.field_index + 1)});
}

CsvRows::CsvRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : FieldRows(spec, std::move(sink), first_source_row) {
  if (spec.header) return;
  start_rows(ColumnMap::from_places(spec));
  const bool width_is_open = spec.other_columns == OtherColumns::kIgnore;
  expected_fields_ = width_is_open ? 0 : builder().map().field_count();
}

void CsvRows::take_first(const FirstRecord& first) {
  const std::optional<char> instead = delimiter_instead(spec(), first.bytes());
  if (!instead) return;
  add_finding(finding_at_first(
      first, error_code::kDelimiterWrong,
      fmt::format("the fields are separated by {}; the file spec names {}",
                  delimiter_words(*instead), delimiter_words(spec().dialect.delimiter))));
  end_reading();
}

void CsvRows::take_header(const CsvRecord& record) {
  if (record.field_count > record.fields.size()) {
    add_finding({&error_code::kRowRagged,
                 fmt::format("the header has {} fields; {} are read at most", record.field_count,
                             kFieldsMax),
                 0, record.line, byte_offset_of(record), "", 0});
    end_reading();
    return;
  }
  std::vector<std::string> names;
  for (const CsvField& field : record.fields) names.emplace_back(decoded(record, field));
  std::vector<HeaderProblem> problems;
  ColumnMap map = ColumnMap::from_header(spec(), std::move(names), problems);
  // A first record without one known name may be data, whose values nobody is to see.
  const bool is_header = problems.empty() || problems[0].code != &error_code::kHeaderMissing;
  if (is_header) keep_header(map.field_names());
  for (HeaderProblem& problem : problems) {
    Finding finding{problem.code,           std::move(problem.message), 0, record.line,
                    byte_offset_of(record), std::move(problem.column),  0};
    if (problem.field_index != CsvProblem::kNoField) {
      const std::size_t begin = record.fields[problem.field_index].begin;
      finding.line = record.line_at(begin);
      finding.byte_offset = byte_offset_of(record, begin);
      finding.column_number = static_cast<std::int32_t>(problem.field_index + 1);
    }
    add_finding(std::move(finding));
  }
  if (!is_good()) {
    end_reading();
    return;
  }
  expected_fields_ = map.field_count();
  start_rows(std::move(map));
}

void CsvRows::take_record(const CsvRecord& record, bool is_broken) {
  if (is_broken) return;
  if (is_unexpected_header(spec(), record)) return refuse_header(record);
  if (has_good_shape(record)) write_row(record);
}

bool CsvRows::has_good_shape(const CsvRecord& record) {
  const std::size_t mapped = builder().map().field_count();
  if (expected_fields_ == 0 && record.field_count >= mapped && record.field_count <= kFieldsMax) {
    expected_fields_ = record.field_count;
  }
  const std::size_t expected = expected_fields_ == 0 ? mapped : expected_fields_;
  if (record.field_count == expected) return true;
  add_finding(
      {&error_code::kRowRagged,
       fmt::format("{} where {} are expected",
                   count_of(static_cast<std::int64_t>(record.field_count), "field"), expected),
       row_of(record.number), record.line, byte_offset_of(record), "", 0});
  return false;
}

/// The field that holds a byte is the last one that begins at or before it.
void CsvRows::name_place(const CsvRecord& record, std::size_t offset, Finding& finding) const {
  std::size_t index = 0;
  while (index + 1 < record.fields.size() && record.fields[index + 1].begin <= offset) ++index;
  name_column(index, finding);
}

FixedWidthRows::FixedWidthRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : FieldRows(spec, std::move(sink), first_source_row) {
  for (const ColumnSpec& column : spec.columns) {
    const auto begin = static_cast<std::uint32_t>(column.start - 1);
    fields_.push_back({begin, begin + static_cast<std::uint32_t>(column.width), false, false});
    width_ = std::max<std::size_t>(width_, fields_.back().end);
  }
  start_rows(ColumnMap::from_places(spec));
}

void FixedWidthRows::take_header(const CsvRecord& /*record*/) {}  // the spec has the places

void FixedWidthRows::take_record(const CsvRecord& line, bool is_broken) {
  if (is_broken) return;
  if (is_unexpected_header(spec(), line)) return refuse_header(line);
  if (!has_good_shape(line)) return;
  CsvRecord record = line;
  record.fields = fields_;
  record.field_count = fields_.size();
  if (record.is_ascii || spec().encoding != Encoding::kUtf8 || has_whole_characters(record)) {
    write_row(record);
  }
}

void FixedWidthRows::name_place(const CsvRecord& /*record*/, std::size_t offset,
                                Finding& finding) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].begin > offset || offset >= fields_[i].end) continue;
    name_column(i, finding);
    return;
  }
}

bool FixedWidthRows::has_good_shape(const CsvRecord& line) {
  if (line.field_count > 1) {
    add_finding(finding_at(line, line.fields.front().end, error_code::kNulByte,
                           "a NUL byte; text has none"));
    return false;
  }
  std::string message;
  if (line.bytes.size() < width_) {
    message = fmt::format("{} bytes where {} are needed", line.bytes.size(), width_);
  } else if (spec().other_columns == OtherColumns::kRefuse) {
    const std::string_view rest = line.bytes.substr(width_);
    if (!trim_ascii_blanks(rest).empty()) {
      message =
          fmt::format("something stands behind the last column, which ends at byte {}", width_);
    }
  }
  if (message.empty()) return true;
  add_finding({&error_code::kRecordWidthWrong, std::move(message), row_of(line.number), line.line,
               byte_offset_of(line), "", 0});
  return false;
}

/// A width in bytes may end within a character of several; half a character is no text.
bool FixedWidthRows::has_whole_characters(const CsvRecord& record) {
  for (const MappedColumn& column : builder().map().columns()) {
    const CsvField& field = record.fields[column.field_index];
    const bool begins_inside = goes_on(record.bytes[field.begin]);
    const bool ends_inside = field.end < record.bytes.size() && goes_on(record.bytes[field.end]);
    if (!begins_inside && !ends_inside) continue;
    find_value(record, column, error_code::kEncodingInvalid,
               "the column's edge cuts a character of several bytes");
    return false;
  }
  return true;
}

}  // namespace waybill
