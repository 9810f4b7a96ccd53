#include "core/read/record_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/read/row_reader.h"

namespace waybill {

namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

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
  if (csv_) cut(bytes);
}

void RecordRows::start(ByteOrderMark mark) {
  if (!agrees(mark, spec_.encoding)) {
    add_finding({&error_code::kEncodingInvalid,
                 fmt::format("the file starts with the mark of {}; the file spec names {}",
                             to_string(mark), to_string(spec_.encoding)),
                 0, 1, 0, "", 0});
    end_reading();
    return;
  }
  mark_ = mark;
  first_byte_offset_ = static_cast<std::int64_t>(size_bytes(mark));
  if (is_utf16(spec_.encoding)) {
    const bool is_big = spec_.encoding == Encoding::kUtf16Be;
    transcoder_.emplace(
        is_big ? Utf16Transcoder::ByteOrder::kBigEndian : Utf16Transcoder::ByteOrder::kLittleEndian,
        first_byte_offset_);
  }
  csv_ = std::make_unique<CsvReader>(
      record_dialect(spec_), [this](const CsvRecord& record) { read_record(record); },
      [this](const CsvProblem& problem) { read_problem(problem); },
      transcoder_ ? 0 : first_byte_offset_);
  if (spec_.format == FileFormat::kCsv) first_.emplace(spec_.dialect.quote);
  cut(std::string_view(head_).substr(size_bytes(mark)));
}

/// Hands what comes next in the file to the reader of records.
void RecordRows::cut(std::string_view bytes) {
  cut_text(transcoder_ ? transcoder_->feed(bytes) : bytes);
}

void RecordRows::cut_text(std::string_view text) {
  if (!first_) {
    csv_->feed(text);
  } else if (first_->add(text)) {
    look_at_first();
  }
}

void RecordRows::look_at_first() {
  const std::optional<FirstRecord> first = std::exchange(first_, std::nullopt);
  take_first(*first);
  if (!ended_) csv_->feed(first->added());
}

void RecordRows::finish() {
  if (finished_) return;
  finished_ = true;
  if (ended_) return;
  if (!csv_) start(detect_byte_order_mark(head_));
  if (csv_ && transcoder_) cut_text(transcoder_->finish());
  if (csv_ && first_) look_at_first();
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
  if (transcoder_) transcoder_->settle(record.byte_offset);
  if (spec_.header && !header_seen_) {
    header_seen_ = true;
    header_record_ = record.bytes;
    if (!has_good_encoding(record) || is_broken(record)) {
      end_reading();
    } else {
      take_header(record);
    }
    return;
  }
  ++rows_;
  if (!is_header_again(record)) read_row(record);
  row_is_sound_ = true;
  if (!row_is_set_aside_) return;
  row_is_set_aside_ = false;
  ++rows_quarantined_;
  if (!quarantine_) return;
  quarantine_({row_of(record.number), byte_offset_of(record), record.bytes, record.line,
               set_aside_by_, form()});
}

FileForm RecordRows::form() const {
  return {mark_, header_record_, csv_ ? csv_->line_end() : std::string_view()};
}

/// Where exports were put together, the header of the second stands among the rows, its byte order
/// mark before it. Of one column alone a value may be equal to its name.
bool RecordRows::is_header_again(const CsvRecord& record) {
  if (header_record_.empty() || !record.bytes.ends_with(header_record_)) return false;
  const std::string_view before =
      record.bytes.substr(0, record.bytes.size() - header_record_.size());
  const bool is_marked = before == kUtf8Mark;
  if (!is_marked && (!before.empty() || spec_.columns.size() < 2)) return false;
  const ErrorCode& code = error_code::kHeaderRepeated;
  add_finding({&code, "the header of the file stands here once more", row_of(record.number),
               record.line, byte_offset_of(record), "", 0});
  return findings_.action_of(code) != RuleAction::kWarn;
}

void RecordRows::read_row(const CsvRecord& record) {
  if (has_good_encoding(record)) {
    take_record(record, is_broken(record));
  } else if (!row_is_set_aside_) {
    end_reading();
  }
}

void RecordRows::add_finding(Finding finding) {
  const ErrorCode* const code = finding.code;
  const RuleAction action = findings_.add(std::move(finding));
  if (action > RuleAction::kWarn) row_is_sound_ = false;
  if (action != RuleAction::kQuarantineRow) return;
  if (!row_is_set_aside_) set_aside_by_ = code;
  row_is_set_aside_ = true;
}

bool RecordRows::has_good_encoding(const CsvRecord& record) {
  if (record.is_ascii) return true;
  if (spec_.encoding == Encoding::kIso88591) find_c1_control(record);
  const std::size_t bad = find_invalid_byte(spec_.encoding, record.bytes);
  if (bad == std::string_view::npos) return true;
  const std::string_view what =
      transcoder_ ? "this is no character of" : "this byte is not valid in";
  add_finding(finding_at(record, bad, error_code::kEncodingInvalid,
                         fmt::format("{} {}", what, to_string(spec_.encoding))));
  return false;
}

/// Nobody writes the control characters 80 to 9F of ISO-8859-1; what stands there are the quotes,
/// dashes and the euro sign of Windows-1252.
void RecordRows::find_c1_control(const CsvRecord& record) {
  const std::size_t at = find_c1_byte(record.bytes);
  if (at == std::string_view::npos) return;
  const ErrorCode& code = error_code::kControlCharacter;
  if (findings_.action_of(code) > RuleAction::kWarn) problem_record_ = record.number;
  add_finding(finding_at(record, at, code,
                         "a control character of iso-8859-1 (80 to 9F); the file is probably "
                         "windows-1252, where it is a letter or sign"));
}

void RecordRows::read_problem(const CsvProblem& problem) {
  const ErrorCode& code = code_of(problem.kind);
  const RuleAction action = findings_.action_of(code);
  if (action > RuleAction::kWarn) problem_record_ = problem.record_number;
  Finding finding{
      &code,
      message_of(problem.kind),
      row_of(problem.record_number),
      problem.line,
      transcoder_ ? transcoder_->original_offset(problem.byte_offset) : problem.byte_offset,
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
                  byte_offset_of(record, offset),
                  "",
                  0};
  name_place(record, offset, finding);
  return finding;
}

Finding RecordRows::finding_at_first(const FirstRecord& first, const ErrorCode& code,
                                     std::string message) const {
  const auto offset = static_cast<std::int64_t>(first.offset());
  return {&code,
          std::move(message),
          row_of(1),
          first.line(),
          transcoder_ ? transcoder_->original_offset(offset) : first_byte_offset_ + offset,
          "",
          0};
}

std::int64_t RecordRows::byte_offset_of(const CsvRecord& record, std::size_t offset) const {
  const std::int64_t at = record.byte_offset + static_cast<std::int64_t>(offset);
  return transcoder_ ? transcoder_->original_offset(at) : at;
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
