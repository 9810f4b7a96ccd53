// RecordRows: what all formats share whose rows stand as text, one record after the other.
//
// Place:    core, behind RowReader; CsvReader cuts the records, FieldRows and JsonRows read them.
// Owner:    RowReader. One file, one thread.
// Rule:     a record is handed to take_record() when its bytes are valid in the spec's encoding.
//           Records of a UTF-16 file are UTF-8, and so are the places CsvReader gives; only
//           byte_offset_of() knows those of the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_spec.h"
#include "core/read/csv_reader.h"
#include "core/read/encoding.h"
#include "core/read/finding_list.h"
#include "core/read/first_record.h"
#include "core/read/row_builder.h"
#include "core/read/transcoder.h"

namespace waybill {

class RecordRows {
 public:
  RecordRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row);
  virtual ~RecordRows() = default;
  RecordRows(const RecordRows&) = delete;
  RecordRows& operator=(const RecordRows&) = delete;

  void set_quarantine(QuarantineSink sink) { quarantine_ = std::move(sink); }
  void expect_rows(const RowCount& row_count) { row_count_ = row_count; }
  void feed(std::string_view bytes);
  void finish();
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_.kept(); }
  [[nodiscard]] ReadSummary summary() const;
  [[nodiscard]] const std::vector<std::string>& header_names() const { return header_names_; }
  [[nodiscard]] FileForm form() const;

 protected:
  /// The file's first record as far as it can be told before records are cut; called once, for csv.
  virtual void take_first(const FirstRecord& /*first*/) {}
  /// The record that names the columns; called once, when the spec has a header.
  virtual void take_header(const CsvRecord& record) = 0;
  /// One row; `is_broken` when a problem of it has been reported already.
  virtual void take_record(const CsvRecord& record, bool is_broken) = 0;
  /// The name of the field that holds the byte at `offset` of the record, and its place.
  virtual void name_place(const CsvRecord& record, std::size_t offset, Finding& finding) const = 0;

  [[nodiscard]] const FileSpec& spec() const { return spec_; }
  [[nodiscard]] RowBuilder& builder() { return builder_; }
  [[nodiscard]] const RowBuilder& builder() const { return builder_; }
  void add_finding(Finding finding);
  /// May the row be handed over? Not when it is set aside or the file is refused.
  [[nodiscard]] bool is_good() const { return !row_is_set_aside_ && !findings_.is_refused(); }
  /// Has nothing been found in the row but warnings? A file that is refused is judged to its end.
  [[nodiscard]] bool is_sound() const { return row_is_sound_; }
  /// A finding about the byte at `offset` of the record.
  [[nodiscard]] Finding finding_at(const CsvRecord& record, std::size_t offset,
                                   const ErrorCode& code, std::string message) const;
  void keep_header(std::vector<std::string> names) { header_names_ = std::move(names); }
  /// A finding about the file's first record as a whole.
  [[nodiscard]] Finding finding_at_first(const FirstRecord& first, const ErrorCode& code,
                                         std::string message) const;
  /// Where in the file the byte at `offset` of the record is.
  [[nodiscard]] std::int64_t byte_offset_of(const CsvRecord& record, std::size_t offset = 0) const;
  /// What follows cannot be read.
  void end_reading();
  /// Row number of a record in the original file; 0 for the header.
  [[nodiscard]] std::int64_t row_of(std::int64_t record_number) const;

 private:
  void start(ByteOrderMark mark);
  void cut(std::string_view bytes);
  void cut_text(std::string_view text);
  void look_at_first();
  void read_record(const CsvRecord& record);
  [[nodiscard]] bool is_header_again(const CsvRecord& record);
  void read_row(const CsvRecord& record);
  void read_problem(const CsvProblem& problem);
  void count_rows();
  [[nodiscard]] bool has_good_encoding(const CsvRecord& record);
  void find_c1_control(const CsvRecord& record);
  [[nodiscard]] bool is_broken(const CsvRecord& record) const {
    return problem_record_ == record.number;
  }

  FileSpec spec_;
  RowBuilder builder_;
  FindingList findings_;
  std::int64_t first_source_row_;
  std::string head_;  ///< the first bytes, until a byte order mark can be told
  std::unique_ptr<CsvReader> csv_;
  RowCount row_count_;
  std::vector<std::string> header_names_;
  std::optional<Utf16Transcoder> transcoder_;  ///< of a UTF-16 file
  std::optional<FirstRecord> first_;           ///< until it has been looked at
  std::int64_t first_byte_offset_ = 0;         ///< behind the byte order mark
  bool ended_ = false;
  bool finished_ = false;
  bool header_seen_ = false;
  std::int64_t bytes_ = 0;
  std::int64_t rows_ = 0;
  std::int64_t records_ = 0;
  std::int64_t rows_quarantined_ = 0;
  bool row_is_sound_ = true;
  bool row_is_set_aside_ = false;            ///< the open record has a finding that asks for it
  const ErrorCode* set_aside_by_ = nullptr;  ///< that finding's code
  std::int64_t problem_record_ = 0;  ///< the last record that a character of it makes unreadable
  QuarantineSink quarantine_;
  ByteOrderMark mark_ = ByteOrderMark::kNone;
  std::string header_record_;  ///< its bytes, as CsvReader gives them
};

}  // namespace waybill
