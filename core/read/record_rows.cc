#include "core/read/record_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/read/row_reader.h"

namespace waybill {

namespace {

const ErrorCode& code_of(CsvProblemKind kind) {
  switch (kind) {
    case CsvProblemKind::kQuoteUnbalanced:
      return error_code::kQuoteUnbalanced;
    case CsvProblemKind::kTextAfterQuote:
    case CsvProblemKind::kQuoteInsideUnquoted:
      return error_code::kQuoteMisplaced;
    case CsvProblemKind::kRecordTooLong:
      return error_code::kRecordTooLong;
    case CsvProblemKind::kNulByte:
      return error_code::kNulByte;
    case CsvProblemKind::kControlCharacter:
      return error_code::kControlCharacter;
    case CsvProblemKind::kLineEndsMixed:
      return error_code::kLineEndsMixed;
  }
  return error_code::kInternal;
}

std::string message_of(CsvProblemKind kind) {
  switch (kind) {
    case CsvProblemKind::kQuoteUnbalanced:
      return "the file ends inside a quoted field that starts here";
    case CsvProblemKind::kTextAfterQuote:
      return "a quoted field goes on behind its closing quote";
    case CsvProblemKind::kQuoteInsideUnquoted:
      return "a quote stands inside a field that is not quoted";
    case CsvProblemKind::kRecordTooLong:
      return fmt::format("the record that starts here is longer than {} bytes", kRecordBytesMax);
    case CsvProblemKind::kNulByte:
      return "a NUL byte; text has none";
    case CsvProblemKind::kControlCharacter:
      return "a control character; text has none but tabs and line ends";
    case CsvProblemKind::kLineEndsMixed:
      return "this line end is not like the first one of the file";
  }
  return {};
}

}  // namespace

RecordRows::RecordRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : spec_(spec),
      builder_(std::move(sink)),
      findings_(spec.on_finding),
      first_source_row_(first_source_row) {}

void RecordRows::feed(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (ended_) return;
  if (!csv_) {
    const std::size_t missing = kByteOrderMarkBytesMax - head_.size();
    head_.append(bytes.substr(0, missing));
    bytes.remove_prefix(std::min(missing, bytes.size()));
    if (head_.size() < kByteOrderMarkBytesMax) return;
    start(detect_byte_order_mark(head_));
  }
  if (csv_) csv_->feed(bytes);
}

void RecordRows::start(ByteOrderMark mark) {
  const bool is_utf8 = mark == ByteOrderMark::kUtf8;
  if (mark != ByteOrderMark::kNone && !(is_utf8 && spec_.encoding == Encoding::kUtf8)) {
    add_finding({&error_code::kEncodingInvalid,
                 fmt::format("the file starts with the mark of {}; the file spec names {}",
                             is_utf8 ? "UTF-8" : "UTF-16", to_string(spec_.encoding)),
                 0, 1, 0, "", 0});
    end_reading();
    return;
  }
  const std::size_t mark_bytes = is_utf8 ? kByteOrderMarkBytesMax : 0;
  csv_ = std::make_unique<CsvReader>(
      record_dialect(spec_), [this](const CsvRecord& record) { read_record(record); },
      [this](const CsvProblem& problem) { read_problem(problem); },
      static_cast<std::int64_t>(mark_bytes));
  csv_->feed(std::string_view(head_).substr(mark_bytes));
}

void RecordRows::finish() {
  if (finished_) return;
  finished_ = true;
  if (ended_) return;
  if (!csv_) start(detect_byte_order_mark(head_));
  if (csv_) csv_->finish();
  if (ended_ || findings_.is_refused()) return;
  if (records_ == 0) {
    add_finding({&error_code::kFileEmpty,
                 bytes_ == 0 ? "the file holds no bytes" : "the file holds no record", 0, 0, 0, "",
                 0});
    return;
  }
  count_rows();
}

void RecordRows::count_rows() {
  std::string message;
  if (rows_ < row_count_.min) {
    message = fmt::format("{} rows; the file spec expects {} at least", rows_, row_count_.min);
  } else if (row_count_.max > 0 && rows_ > row_count_.max) {
    message = fmt::format("{} rows; the file spec expects {} at most", rows_, row_count_.max);
  }
  if (!message.empty()) {
    add_finding({&error_code::kRowCountUnexpected, std::move(message), 0, 0, 0, "", 0});
  }
}

void RecordRows::read_record(const CsvRecord& record) {
  ++records_;
  if (spec_.header && !header_seen_) {
    header_seen_ = true;
    if (problem_record_ == record.number || !has_good_encoding(record)) {
      end_reading();
    } else {
      take_header(record);
    }
    return;
  }
  ++rows_;
  read_row(record);
  if (!row_is_set_aside_) return;
  row_is_set_aside_ = false;
  ++rows_quarantined_;
  if (quarantine_) quarantine_({row_of(record.number), record.byte_offset, record.bytes});
}

void RecordRows::read_row(const CsvRecord& record) {
  if (has_good_encoding(record)) {
    take_record(record, problem_record_ == record.number);
  } else if (!row_is_set_aside_) {
    end_reading();
  }
}

void RecordRows::add_finding(Finding finding) {
  const std::int64_t row = finding.row;
  if (findings_.add(std::move(finding)) != RuleAction::kQuarantineRow) return;
  // The header is no row that others could do without.
  row_is_set_aside_ = row > 0;
}

bool RecordRows::has_good_encoding(const CsvRecord& record) {
  if (record.is_ascii) return true;
  const std::size_t bad = find_invalid_byte(spec_.encoding, record.bytes);
  if (bad == std::string_view::npos) return true;
  add_finding(finding_at(record, bad, error_code::kEncodingInvalid,
                         fmt::format("this byte is not valid in {}", to_string(spec_.encoding))));
  return false;
}

void RecordRows::read_problem(const CsvProblem& problem) {
  const ErrorCode& code = code_of(problem.kind);
  const RuleAction action = findings_.action_of(code);
  if (action > RuleAction::kWarn) problem_record_ = problem.record_number;
  Finding finding{&code,
                  message_of(problem.kind),
                  row_of(problem.record_number),
                  problem.line,
                  problem.byte_offset,
                  "",
                  0};
  // Of the other formats a record is one field, whatever its columns.
  if (spec_.format == FileFormat::kCsv && problem.field_index != CsvProblem::kNoField) {
    finding.column = builder_.map().field_name(problem.field_index);
    finding.column_number = static_cast<std::int32_t>(problem.field_index + 1);
  }
  add_finding(std::move(finding));
  if (csv_->stopped()) end_reading();
}

Finding RecordRows::finding_at(const CsvRecord& record, std::size_t offset, const ErrorCode& code,
                               std::string message) const {
  Finding finding{&code,
                  std::move(message),
                  row_of(record.number),
                  record.line_at(offset),
                  record.byte_offset + static_cast<std::int64_t>(offset),
                  "",
                  0};
  name_place(record, offset, finding);
  return finding;
}

std::int64_t RecordRows::row_of(std::int64_t record_number) const {
  const std::int64_t row = record_number - (spec_.header ? 1 : 0);
  return row == 0 ? 0 : row + first_source_row_ - 1;
}

void RecordRows::end_reading() {
  ended_ = true;
  if (csv_) csv_->stop();
}

ReadSummary RecordRows::summary() const {
  ReadSummary summary;
  summary.rows = rows_;
  summary.bytes = bytes_;
  summary.rows_quarantined = rows_quarantined_;
  summary.complete = finished_ && !ended_;
  summary.keys_unchecked_from_row = builder_.keys_unchecked_from_row();
  findings_.summarize(summary);
  summary.columns = builder_.summary();
  return summary;
}

}  // namespace waybill
