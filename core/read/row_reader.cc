#include "core/read/row_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/read/column_map.h"
#include "core/read/csv_reader.h"
#include "core/read/encoding.h"
#include "core/read/json_text.h"

namespace waybill {

namespace {

/// Room that short records never outgrow.
constexpr std::size_t kPayloadBytesMin = std::size_t{16} * 1024;

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
  }
  return {};
}

}  // namespace

CsvDialect record_dialect(const FileSpec& spec) {
  if (spec.format == FileFormat::kCsv) return spec.dialect;
  return {'\0', std::nullopt, QuoteRule::kStrict};
}

class RowReader::Impl {
 public:
  Impl(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
      : spec_(spec), sink_(std::move(sink)), first_source_row_(first_source_row) {
    if (!spec_.header) start_rows(ColumnMap::from_places(spec_));
  }

  void feed(std::string_view bytes);
  void finish();
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] ReadSummary summary() const;

 private:
  void start(ByteOrderMark mark);
  void start_rows(ColumnMap map);
  void read_header(const CsvRecord& record);
  void read_record(const CsvRecord& record);
  void read_problem(const CsvProblem& problem);
  [[nodiscard]] bool has_good_shape(const CsvRecord& record);
  [[nodiscard]] bool has_good_encoding(const CsvRecord& record);
  void write_payload(const CsvRecord& record);
  void write_column(const CsvRecord& record, MappedColumn& column, char*& out);
  void find_value(const CsvRecord& record, const MappedColumn& column, const ErrorCode& code,
                  std::string message);
  void note_key_part(const MappedColumn& column, std::string_view text, std::string_view json);
  [[nodiscard]] std::optional<std::string_view> join_key();
  [[nodiscard]] std::string_view decoded(const CsvRecord& record, const CsvField& field);
  void make_room(std::size_t record_bytes);
  void add_finding(Finding finding);
  void end_reading();
  /// Row number of a record in the original file; 0 for the header.
  [[nodiscard]] std::int64_t row_of(std::int64_t record_number) const;

  FileSpec spec_;
  RowSink sink_;
  std::int64_t first_source_row_;

  std::string head_;  ///< the first bytes, until a byte order mark can be told
  std::unique_ptr<CsvReader> csv_;
  bool ended_ = false;
  bool finished_ = false;
  bool header_seen_ = false;
  std::int64_t bytes_ = 0;
  std::int64_t rows_ = 0;
  std::int64_t records_ = 0;
  std::int64_t problem_record_ = 0;  ///< the last record a CsvProblem was about
  std::vector<Finding> findings_;
  std::int64_t findings_count_ = 0;

  ColumnMap map_;
  std::size_t expected_fields_ = 0;  ///< 0: not known before the first record
  std::vector<std::string> key_parts_;
  bool key_is_null_ = true;
  std::string key_;
  std::string unquoted_;
  std::string transcoded_;
  std::size_t keys_bytes_ = 0;  ///< what a payload holds besides its values
  std::unique_ptr<char[]> payload_;
  std::size_t payload_capacity_ = 0;
  std::size_t payload_size_ = 0;
};

void RowReader::Impl::feed(std::string_view bytes) {
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

void RowReader::Impl::start(ByteOrderMark mark) {
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
      spec_.dialect, [this](const CsvRecord& record) { read_record(record); },
      [this](const CsvProblem& problem) { read_problem(problem); },
      static_cast<std::int64_t>(mark_bytes));
  csv_->feed(std::string_view(head_).substr(mark_bytes));
}

void RowReader::Impl::finish() {
  if (finished_) return;
  finished_ = true;
  if (ended_) return;
  if (!csv_) start(detect_byte_order_mark(head_));
  if (csv_) csv_->finish();
  if (ended_ || findings_count_ > 0) return;
  if (records_ == 0) {
    add_finding({&error_code::kFileEmpty,
                 bytes_ == 0 ? "the file holds no bytes" : "the file holds no record", 0, 0, 0, "",
                 0});
  }
}

void RowReader::Impl::start_rows(ColumnMap map) {
  map_ = std::move(map);
  const bool width_is_open = !spec_.header && spec_.other_columns == OtherColumns::kIgnore;
  expected_fields_ = width_is_open ? 0 : map_.field_count();
  key_parts_.assign(spec_.natural_key.size(), {});
  keys_bytes_ = 2;
  for (const MappedColumn& column : map_.columns()) {
    keys_bytes_ += column.key_text.size() + kValueOverheadBytes;
  }
}

void RowReader::Impl::read_header(const CsvRecord& record) {
  header_seen_ = true;
  if (problem_record_ == record.number || !has_good_encoding(record)) {
    end_reading();
    return;
  }
  if (record.field_count > record.fields.size()) {
    add_finding({&error_code::kRowRagged,
                 fmt::format("the header has {} fields; {} are read at most", record.field_count,
                             kFieldsMax),
                 0, record.line, record.byte_offset, "", 0});
    end_reading();
    return;
  }
  std::vector<std::string> names;
  for (const CsvField& field : record.fields) names.emplace_back(decoded(record, field));
  std::vector<HeaderProblem> problems;
  ColumnMap map = ColumnMap::from_header(spec_, std::move(names), problems);
  for (HeaderProblem& problem : problems) {
    Finding finding{problem.code,       std::move(problem.message), 0, record.line,
                    record.byte_offset, std::move(problem.column),  0};
    if (problem.field_index != CsvProblem::kNoField) {
      const std::size_t begin = record.fields[problem.field_index].begin;
      finding.line = record.line_at(begin);
      finding.byte_offset += static_cast<std::int64_t>(begin);
      finding.column_number = static_cast<std::int32_t>(problem.field_index + 1);
    }
    add_finding(std::move(finding));
  }
  if (!problems.empty()) {
    end_reading();
    return;
  }
  start_rows(std::move(map));
}

void RowReader::Impl::read_record(const CsvRecord& record) {
  ++records_;
  if (spec_.header && !header_seen_) {
    read_header(record);
    return;
  }
  ++rows_;
  if (!has_good_encoding(record)) {
    end_reading();
    return;
  }
  if (problem_record_ == record.number || !has_good_shape(record)) return;
  write_payload(record);
  if (findings_count_ > 0) return;
  const std::string_view payload(payload_.get(), payload_size_);
  sink_({row_of(record.number), join_key(), payload});
}

bool RowReader::Impl::has_good_shape(const CsvRecord& record) {
  if (expected_fields_ == 0 && record.field_count >= map_.field_count() &&
      record.field_count <= kFieldsMax) {
    expected_fields_ = record.field_count;
  }
  const std::size_t expected = expected_fields_ == 0 ? map_.field_count() : expected_fields_;
  if (record.field_count == expected) return true;
  add_finding({&error_code::kRowRagged,
               fmt::format("{} fields where {} are expected", record.field_count, expected),
               row_of(record.number), record.line, record.byte_offset, "", 0});
  return false;
}

bool RowReader::Impl::has_good_encoding(const CsvRecord& record) {
  if (record.is_ascii) return true;
  const std::size_t bad = find_invalid_byte(spec_.encoding, record.bytes);
  if (bad == std::string_view::npos) return true;
  // The field that holds the byte is the last one that begins at or before it.
  std::size_t index = 0;
  while (index + 1 < record.fields.size() && record.fields[index + 1].begin <= bad) ++index;
  add_finding({&error_code::kEncodingInvalid,
               fmt::format("this byte is not valid in {}", to_string(spec_.encoding)),
               row_of(record.number), record.line_at(bad),
               record.byte_offset + static_cast<std::int64_t>(bad),
               std::string(map_.field_name(index)), static_cast<std::int32_t>(index + 1)});
  return false;
}

std::string_view RowReader::Impl::decoded(const CsvRecord& record, const CsvField& field) {
  const std::string_view text = record.text(field, unquoted_);
  if (record.is_ascii || spec_.encoding == Encoding::kUtf8) return text;
  transcoded_.clear();
  append_windows_1252(text, transcoded_);
  return transcoded_;
}

/// Room for the worst a record can become: every octet as \u00XX, every value at its longest.
void RowReader::Impl::make_room(std::size_t record_bytes) {
  const std::size_t needed = keys_bytes_ + kJsonGrowthMax * record_bytes;
  if (needed <= payload_capacity_) return;
  payload_capacity_ = std::max(needed, kPayloadBytesMin);
  payload_ = std::make_unique<char[]>(payload_capacity_);
}

void RowReader::Impl::write_payload(const CsvRecord& record) {
  make_room(record.bytes.size());
  key_is_null_ = true;
  char* out = payload_.get();
  for (MappedColumn& column : map_.columns()) write_column(record, column, out);
  *out++ = '}';
  *payload_.get() = '{';  // over the first key's comma
  payload_size_ = static_cast<std::size_t>(out - payload_.get());
}

void RowReader::Impl::write_column(const CsvRecord& record, MappedColumn& column, char*& out) {
  out = column.write_key(out);
  const char* const value_begin = out;
  const std::string_view text = decoded(record, record.fields[column.field_index]);
  const ValueOutcome outcome = column.value.write(text, out);
  if (outcome == ValueOutcome::kFilled) {
    ++column.filled;
    if (column.key_part >= 0) {
      note_key_part(column, text, {value_begin, static_cast<std::size_t>(out - value_begin)});
    }
  } else if (outcome == ValueOutcome::kInvalid) {
    find_value(record, column, error_code::kValueInvalid,
               "the value is not " + column.value.expectation());
  } else {
    ++column.null;
    if (column.key_part >= 0) key_parts_[static_cast<std::size_t>(column.key_part)].clear();
    if (column.value.spec().required) {
      find_value(record, column, error_code::kValueMissing, "a value is required here");
    }
  }
}

void RowReader::Impl::find_value(const CsvRecord& record, const MappedColumn& column,
                                 const ErrorCode& code, std::string message) {
  const std::size_t begin = record.fields[column.field_index].begin;
  add_finding({&code, std::move(message), row_of(record.number), record.line_at(begin),
               record.byte_offset + static_cast<std::int64_t>(begin),
               std::string(map_.field_name(column.field_index)),
               static_cast<std::int32_t>(column.field_index + 1)});
}

/// A part is the value as a person reads it: text itself, other types without JSON's quotes.
void RowReader::Impl::note_key_part(const MappedColumn& column, std::string_view text,
                                    std::string_view json) {
  std::string& part = key_parts_[static_cast<std::size_t>(column.key_part)];
  key_is_null_ = false;
  if (column.value.spec().type == ColumnType::kText) {
    part = column.value.content(text);
  } else {
    part = json.starts_with('"') ? json.substr(1, json.size() - 2) : json;
  }
}

std::optional<std::string_view> RowReader::Impl::join_key() {
  if (key_is_null_) return std::nullopt;
  key_.clear();
  for (std::size_t i = 0; i < key_parts_.size(); ++i) {
    if (i > 0) key_.push_back(kNaturalKeySeparator);
    key_.append(key_parts_[i]);
  }
  return key_;
}

void RowReader::Impl::read_problem(const CsvProblem& problem) {
  problem_record_ = problem.record_number;
  Finding finding{&code_of(problem.kind),
                  message_of(problem.kind),
                  row_of(problem.record_number),
                  problem.line,
                  problem.byte_offset,
                  "",
                  0};
  if (problem.field_index != CsvProblem::kNoField) {
    finding.column = map_.field_name(problem.field_index);
    finding.column_number = static_cast<std::int32_t>(problem.field_index + 1);
  }
  add_finding(std::move(finding));
  if (csv_->stopped()) end_reading();
}

std::int64_t RowReader::Impl::row_of(std::int64_t record_number) const {
  const std::int64_t row = record_number - (spec_.header ? 1 : 0);
  return row == 0 ? 0 : row + first_source_row_ - 1;
}

void RowReader::Impl::add_finding(Finding finding) {
  ++findings_count_;
  if (findings_.size() < kFindingsMax) findings_.push_back(std::move(finding));
}

void RowReader::Impl::end_reading() {
  ended_ = true;
  if (csv_) csv_->stop();
}

ReadSummary RowReader::Impl::summary() const {
  ReadSummary summary;
  summary.rows = rows_;
  summary.bytes = bytes_;
  summary.findings_count = findings_count_;
  summary.complete = finished_ && !ended_;
  for (const MappedColumn& column : map_.columns()) {
    summary.columns.push_back(
        {std::string(map_.field_name(column.field_index)), column.value.spec().to,
         static_cast<std::int32_t>(column.field_index + 1), column.filled, column.null});
  }
  return summary;
}

RowReader::RowReader(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : impl_(std::make_unique<Impl>(spec, std::move(sink), first_source_row)) {}
RowReader::~RowReader() = default;

void RowReader::feed(std::string_view bytes) { impl_->feed(bytes); }
void RowReader::finish() { impl_->finish(); }
const std::vector<Finding>& RowReader::findings() const { return impl_->findings(); }
ReadSummary RowReader::summary() const { return impl_->summary(); }

}  // namespace waybill
