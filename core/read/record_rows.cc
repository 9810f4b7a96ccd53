#include "core/read/record_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/read/row_reader.h"

namespace waybill {

namespace {

/// nullptr: no finding; the file is read as it stands.
const ErrorCode* code_of(CsvProblemKind kind) {
  switch (kind) {
    case CsvProblemKind::kQuoteUnbalanced:
      return &error_code::kQuoteUnbalanced;
    case CsvProblemKind::kTextAfterQuote:
    case CsvProblemKind::kQuoteInsideUnquoted:
      return &error_code::kQuoteMisplaced;
    case CsvProblemKind::kRecordTooLong:
      return &error_code::kRecordTooLong;
    case CsvProblemKind::kNulByte:
      return &error_code::kNulByte;
    case CsvProblemKind::kControlCharacter:
    case CsvProblemKind::kLineEndsMixed:
      return nullptr;
  }
  return &error_code::kInternal;
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
    : spec_(spec), builder_(std::move(sink)), first_source_row_(first_source_row) {}

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
  if (ended_ || !is_good()) return;
  if (records_ == 0) {
    add_finding({&error_code::kFileEmpty,
                 bytes_ == 0 ? "the file holds no bytes" : "the file holds no record", 0, 0, 0, "",
                 0});
  }
}

void RecordRows::read_record(const CsvRecord& record) {
  ++records_;
  const bool is_broken = problem_record_ == record.number;
  if (spec_.header && !header_seen_) {
    header_seen_ = true;
    if (is_broken || !has_good_encoding(record)) {
      end_reading();
    } else {
      take_header(record);
    }
    return;
  }
  ++rows_;
  if (has_good_encoding(record)) {
    take_record(record, is_broken);
  } else {
    end_reading();
  }
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
  const ErrorCode* code = code_of(problem.kind);
  if (code == nullptr) return;
  problem_record_ = problem.record_number;
  Finding finding{code,
                  message_of(problem.kind),
                  row_of(problem.record_number),
                  problem.line,
                  problem.byte_offset,
                  "",
                  0};
  if (problem.field_index != CsvProblem::kNoField) {
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
  summary.findings_count = findings_.count();
  summary.complete = finished_ && !ended_;
  summary.columns = builder_.summary();
  return summary;
}

}  // namespace waybill
