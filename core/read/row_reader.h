// RowReader: reads an export by its file spec, in one streaming pass, into rows for staging.
//
// Place:    core; the agent's preflight and the worker's staging above; one class below for each
//           format that holds rows as text: csv, jsonl, fixed_width.
// Owner:    one reader, one file, one thread. FileSpec is copied.
// Units:    as in rows.h.
// Memory:   one record and its JSON, whatever the file's size (kRecordBytesMax).
// Errors:   what is wrong with the file is a Finding. What the sink throws passes through feed().
//           WB-9001: the spec names a format that only central's channels read.
// Rule:     no finding, report or message ever holds a value of the file.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/read/csv_reader.h"
#include "core/read/rows.h"

namespace waybill {

class RecordRows;

/// Feed the file in any cut, then finish(); every cut gives the same rows and findings.
///
/// What a finding means the spec says (core/rules.h). After one that refuses the file no row
/// reaches the sink any more; what is read further is for the findings, and rows handed over before
/// must be undone by the owner. A row that is set aside does not reach the sink, the others do. A
/// broken quote, a record beyond the limit, bad encoding and a bad header end the reading.
/// An empty sink checks the file only: the same findings and summary, faster.
class RowReader {
 public:
  /// `first_source_row`: number of the first record, above 1 for a later part of a split file.
  RowReader(const FileSpec& spec, RowSink sink, std::int64_t first_source_row = 1);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  RowReader(RowReader&&) = delete;
  RowReader& operator=(RowReader&&) = delete;

  /// Takes the records that are set aside, as they stand in the file; before the first feed().
  void set_quarantine(QuarantineSink sink);
  /// A whole file with fewer or more rows than that has a finding; before finish().
  void expect_rows(const RowCount& row_count);
  void feed(std::string_view bytes);
  void finish();

  [[nodiscard]] const std::vector<Finding>& findings() const;
  [[nodiscard]] ReadSummary summary() const;
  /// The fields of the header, once it is read and sure to be one; of the CSV format only.
  [[nodiscard]] const std::vector<std::string>& header_names() const;
  /// As far as it has been read; with a header only when a quarantine was set.
  [[nodiscard]] FileForm form() const;

 private:
  std::unique_ptr<RecordRows> rows_;
};

/// How the records of csv, jsonl and fixed_width are cut: a csv spec's own dialect; of the other
/// two a record is a line that is not empty, one field unless NUL bytes stand in it. Whoever cuts a
/// file by CsvReader with this dialect counts the same records as RowReader.
[[nodiscard]] CsvDialect record_dialect(const FileSpec& spec);

/// The validation report of a file, an artifact of its job: {file_tag, entity, outcome:
/// "accepted"|"refused", rows, rows_quarantined, bytes, complete, findings_count, findings:[...],
/// groups:[{code, rule, action, message, count, what_to_do, column, column_number, places:[{row,
/// line, byte_offset}]}], columns:[{name, to, column_number, filled, null}]}. Never a value of the
/// file.
[[nodiscard]] nlohmann::json validation_report(const FileSpec& spec,
                                               const std::vector<Finding>& findings,
                                               const ReadSummary& summary);
[[nodiscard]] nlohmann::json validation_report(const FileSpec& spec, const RowReader& reader);

}  // namespace waybill
