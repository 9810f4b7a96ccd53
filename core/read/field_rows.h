// FieldRows: rows whose columns are fields of a record: CSV, and fixed width.
//
// Place:    core, behind RowReader; RecordRows below.
// Owner:    RowReader. One file, one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/read/record_rows.h"

namespace waybill {

class FieldRows : public RecordRows {
 protected:
  using RecordRows::RecordRows;

  /// Names the column at `index` in the finding.
  void name_column(std::size_t index, Finding& finding) const;
  void start_rows(ColumnMap map);
  /// Writes and hands over a row that has all its fields.
  void write_row(const CsvRecord& record);
  [[nodiscard]] std::string_view decoded(const CsvRecord& record, const CsvField& field);
  void find_key_problems(const CsvRecord& record);
  /// The record names columns though the spec has no header: reading ends.
  void refuse_header(const CsvRecord& record);
  void find_value(const CsvRecord& record, const MappedColumn& column, const ErrorCode& code,
                  std::string message);

 private:
  std::string unquoted_;
  std::string transcoded_;
};

/// Records of delimited fields.
class CsvRows final : public FieldRows {
 public:
  CsvRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row);

 private:
  void take_first(const FirstRecord& first) override;
  void take_header(const CsvRecord& record) override;
  void take_record(const CsvRecord& record, bool is_broken) override;
  void name_place(const CsvRecord& record, std::size_t offset, Finding& finding) const override;
  [[nodiscard]] bool has_good_shape(const CsvRecord& record);

  std::size_t expected_fields_ = 0;  ///< 0: not known before the first record
};

/// One record a line; a column is a range of its bytes.
class FixedWidthRows final : public FieldRows {
 public:
  FixedWidthRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row);

 private:
  void take_header(const CsvRecord& record) override;
  void take_record(const CsvRecord& record, bool is_broken) override;
  void name_place(const CsvRecord& record, std::size_t offset, Finding& finding) const override;
  [[nodiscard]] bool has_good_shape(const CsvRecord& line);
  [[nodiscard]] bool has_whole_characters(const CsvRecord& record);

  std::vector<CsvField> fields_;  ///< the columns' places, the same in every record
  std::size_t width_ = 0;         ///< bytes up to the end of the last column
};

}  // namespace waybill
