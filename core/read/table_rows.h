// TableRows: rows of a database table, as values under column names, into rows for staging.
//
// Place:    core; central's channels for dumps above, RowBuilder below.
// Owner:    one channel, one file, one thread.
// Rule:     after a finding that refuses the file no row reaches the sink any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file_spec.h"
#include "core/read/finding_list.h"
#include "core/read/row_builder.h"

namespace waybill {

/// Where in the dump a row stands; all 0 in a database file, which has no lines.
struct TablePlace {
  std::int64_t line = 0;
  std::int64_t byte_offset = 0;
};

class TableRows {
 public:
  /// A value's text, empty when it is null.
  using Values = std::span<const std::string_view>;
  static constexpr std::size_t kNoColumn = CsvProblem::kNoField;

  TableRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row);

  /// Takes the rows that are set aside, without bytes; before start().
  void set_quarantine(QuarantineSink sink) { quarantine_ = std::move(sink); }
  /// Matches the table's columns with the spec's; false when they do not fit, as findings say.
  [[nodiscard]] bool start(std::vector<std::string> names, TablePlace place);
  /// One row, with a value for every column of the table.
  void take_row(Values values, TablePlace place);
  /// A row that cannot be taken, because of the value in `column`.
  void refuse_row(const ErrorCode& code, std::string message, TablePlace place,
                  std::size_t column = kNoColumn);
  /// What is wrong with the file as a whole; nothing more will be read.
  void refuse_file(const ErrorCode& code, std::string message, TablePlace place = {});

  /// Does a value of the table's column go into the payload?
  [[nodiscard]] bool is_read(std::size_t column) const;
  [[nodiscard]] bool started() const { return started_; }
  /// Nothing more can be read.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_.kept(); }
  [[nodiscard]] ReadSummary summary() const;

 private:
  [[nodiscard]] bool is_good() const { return !row_is_set_aside_ && !findings_.is_refused(); }
  void read_row(Values values, TablePlace place);
  void end_row(TablePlace place);
  [[nodiscard]] bool has_good_text(Values values, TablePlace place);
  void find_key_problems(TablePlace place);
  void find_value(const ErrorCode& code, std::string message, TablePlace place, std::size_t column);

  FileSpec spec_;
  RowBuilder builder_;
  FindingList findings_;
  std::int64_t first_source_row_;
  std::int64_t rows_ = 0;
  bool started_ = false;
  std::int64_t rows_quarantined_ = 0;
  bool row_is_sound_ = true;                 ///< nothing was found in the row but warnings
  bool row_is_set_aside_ = false;            ///< the open row has a finding that asks for it
  const ErrorCode* set_aside_by_ = nullptr;  ///< that finding's code
  QuarantineSink quarantine_;
  bool ended_ = false;
};

}  // namespace waybill
