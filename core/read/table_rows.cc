#include "core/read/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/utf8.h"

namespace waybill {

namespace {

/// ColumnMap's problems speak of a header; a table has columns.
void speak_of_table(HeaderProblem& problem) {
  if (problem.code == &error_code::kHeaderMissing) {
    problem.code = &error_code::kColumnMissing;
    problem.message = "the table has none of the columns of the file spec";
  } else if (problem.code == &error_code::kColumnMissing) {
    problem.message = "the table lacks this column";
  } else if (problem.code == &error_code::kHeaderDuplicate) {
    problem.message = "the table has this column twice, or fills a payload key twice with it";
  }
}

}  // namespace

TableRows::TableRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : spec_(spec),
      builder_(std::move(sink)),
      findings_(spec.on_finding),
      first_source_row_(first_source_row) {}

bool TableRows::start(std::vector<std::string> names, TablePlace place) {
  started_ = true;
  std::vector<HeaderProblem> problems;
  ColumnMap map = ColumnMap::from_header(spec_, std::move(names), problems);
  for (HeaderProblem& problem : problems) {
    speak_of_table(problem);
    Finding finding{problem.code,      std::move(problem.message), 0, place.line,
                    place.byte_offset, std::move(problem.column),  0};
    if (problem.field_index != kNoColumn) {
      finding.column_number = static_cast<std::int32_t>(problem.field_index + 1);
    }
    findings_.add(std::move(finding));
  }
  if (!findings_.is_refused()) {
    builder_.start(std::move(map), spec_);
  } else {
    ended_ = true;
  }
  return !findings_.is_refused();
}

void TableRows::take_row(Values values, TablePlace place) {
  ++rows_;
  row_is_set_aside_ = false;
  row_is_sound_ = true;
  if (has_good_text(values, place)) read_row(values, place);
  end_row(place);
}

void TableRows::end_row(TablePlace place) {
  if (!row_is_set_aside_) return;
  ++rows_quarantined_;
  if (!quarantine_) return;
  quarantine_(
      {rows_ + first_source_row_ - 1, place.byte_offset, {}, place.line, set_aside_by_, {}});
}

void TableRows::read_row(Values values, TablePlace place) {
  std::size_t text_bytes = 0;
  for (const std::string_view value : values) text_bytes += value.size();
  builder_.begin_row(text_bytes);
  for (MappedColumn& column : builder_.map().columns()) {
    const ErrorCode* bad = builder_.put(column, values[column.field_index]);
    if (bad != nullptr) find_value(*bad, value_problem(column, *bad), place, column.field_index);
  }
  find_key_problems(place);
  if (is_good()) builder_.hand_over(rows_ + first_source_row_ - 1);
}

bool TableRows::has_good_text(Values values, TablePlace place) {
  if (values.size() != builder_.map().field_count()) {
    find_value(
        error_code::kRowRagged,
        fmt::format("{} values where {} are expected", values.size(), builder_.map().field_count()),
        place, kNoColumn);
    return false;
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    bytes += values[i].size();
    if (values[i].find('\0') != std::string_view::npos) {
      find_value(error_code::kNulByte, "a NUL byte; text has none", place, i);
      return false;
    }
    if (is_valid_utf8(values[i])) continue;
    find_value(error_code::kEncodingInvalid, "the value is not valid in utf-8", place, i);
    return false;
  }
  if (bytes <= kRecordBytesMax) return true;
  find_value(error_code::kRecordTooLong,
             fmt::format("the row is longer than {} bytes", kRecordBytesMax), place, kNoColumn);
  return false;
}

void TableRows::refuse_row(const ErrorCode& code, std::string message, TablePlace place,
                           std::size_t column) {
  ++rows_;
  row_is_set_aside_ = false;
  row_is_sound_ = true;
  find_value(code, std::move(message), place, column);
  end_row(place);
}

void TableRows::refuse_file(const ErrorCode& code, std::string message, TablePlace place) {
  ended_ = true;
  findings_.add({&code, std::move(message), 0, place.line, place.byte_offset, "", 0});
}

void TableRows::find_value(const ErrorCode& code, std::string message, TablePlace place,
                           std::size_t column) {
  Finding finding{&code,      std::move(message), rows_ + first_source_row_ - 1,
                  place.line, place.byte_offset,  "",
                  0};
  if (column != kNoColumn) {
    finding.column = builder_.map().field_name(column);
    finding.column_number = static_cast<std::int32_t>(column + 1);
  }
  const RuleAction action = findings_.add(std::move(finding));
  if (action > RuleAction::kWarn) row_is_sound_ = false;
  if (action != RuleAction::kQuarantineRow) return;
  if (!row_is_set_aside_) set_aside_by_ = &code;
  row_is_set_aside_ = true;
}

void TableRows::find_key_problems(TablePlace place) {
  if (const MappedColumn* column = builder_.column_of_long_key()) {
    find_value(error_code::kValueInvalid, kKeyTooLong, place, column->field_index);
  }
  if (!row_is_sound_) return;
  builder_.check_keys(rows_ + first_source_row_ - 1, [&](const MappedColumn* column) {
    find_value(error_code::kKeyDuplicate, column == nullptr ? kKeyTwice : kValueTwice, place,
               column == nullptr ? kNoColumn : column->field_index);
  });
}

bool TableRows::is_read(std::size_t column) const {
  const auto& columns = builder_.map().columns();
  return std::any_of(columns.begin(), columns.end(),
                     [&](const MappedColumn& mapped) { return mapped.field_index == column; });
}

ReadSummary TableRows::summary() const {
  ReadSummary summary;
  summary.rows = rows_;
  summary.rows_quarantined = rows_quarantined_;
  summary.keys_unchecked_from_row = builder_.keys_unchecked_from_row();
  findings_.summarize(summary);
  summary.complete = !ended_;
  summary.columns = builder_.summary();
  return summary;
}

}  // namespace waybill
