// RowReader: reads an export by its file spec, in one streaming pass, into rows for staging.
//
// Place:    core; the agent's preflight and the worker's staging above, CsvReader below.
// Owner:    one reader, one file, one thread. FileSpec is copied.
// Units:    row and source_row are 1-based records, header excluded; line is the physical line;
//           byte_offset counts octets of the original file from 0.
// Memory:   one record and its JSON, whatever the file's size (kRecordBytesMax).
// Errors:   what is wrong with the file is a Finding. What the sink throws passes through feed().
// Rule:     no finding, report or message ever holds a value of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error_code.h"
#include "core/file_spec.h"
#include "core/read/csv_reader.h"

namespace waybill {

/// Findings that are kept; later ones are counted only.
inline constexpr std::size_t kFindingsMax = 100;

/// Between the parts of a natural key; a null part is the empty string.
inline constexpr char kNaturalKeySeparator = '\x1F';

/// One thing wrong with the file, and where. Never a value of it.
struct Finding {
  const ErrorCode* code = nullptr;  ///< of core/error_code.h; static storage
  std::string message;              ///< what is wrong, in words for a person
  std::int64_t row = 0;             ///< 0: the header, or the file as a whole
  std::int64_t line = 0;            ///< 0: the file as a whole
  std::int64_t byte_offset = 0;
  std::string column;  ///< the name in the export (without a header: in the spec), or ""
  std::int32_t column_number = 0;  ///< 1-based place in the record; 0: not about one column
};

/// {code, message, row, line, column, column_number, byte_offset}; column and column_number are
/// left out when the finding is not about one column.
[[nodiscard]] nlohmann::json to_json(const Finding& finding);

/// One row ready for staging; the views are valid only during the call of the sink.
struct StagingRow {
  std::int64_t source_row = 0;
  std::optional<std::string_view> natural_key;  ///< nothing when the spec names none
  std::string_view payload_json;                ///< one JSON object on one line, UTF-8
};

/// How one column was filled, over all records that had the right number of fields.
struct ColumnSummary {
  std::string name;                ///< in the export
  std::string to;                  ///< payload key
  std::int32_t column_number = 0;  ///< 1-based place in the file
  std::int64_t filled = 0;
  std::int64_t null = 0;
};

struct ReadSummary {
  std::int64_t rows = 0;            ///< records read, header excluded, good or not
  std::int64_t bytes = 0;           ///< fed so far
  std::int64_t findings_count = 0;  ///< all of them, kept or not
  bool complete = false;            ///< read to the end; false when something ended it before
  std::vector<ColumnSummary> columns;
};

using RowSink = std::function<void(const StagingRow&)>;

/// Feed the file in any cut, then finish(); every cut gives the same rows and findings.
///
/// After the first finding no row reaches the sink any more: such a file is refused as a whole, and
/// what is read further is for the findings. Rows handed over before must be undone by the owner.
/// A broken quote, a record beyond the limit, bad encoding and a bad header end the reading.
class RowReader {
 public:
  /// `first_source_row`: number of the first record, above 1 for a later part of a split file.
  RowReader(const FileSpec& spec, RowSink sink, std::int64_t first_source_row = 1);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  RowReader(RowReader&&) = delete;
  RowReader& operator=(RowReader&&) = delete;

  void feed(std::string_view bytes);
  void finish();

  [[nodiscard]] const std::vector<Finding>& findings() const;
  [[nodiscard]] ReadSummary summary() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// How the records of csv, jsonl and fixed_width are cut: a csv spec's own dialect; of the other
/// two a record is a line that is not empty, one field unless NUL bytes stand in it. Whoever cuts a
/// file by CsvReader with this dialect counts the same records as RowReader.
[[nodiscard]] CsvDialect record_dialect(const FileSpec& spec);

/// The validation report of a file, an artifact of its job: {file_tag, entity, outcome:
/// "accepted"|"refused", rows, bytes, complete, findings_count, findings:[...], columns:[{name, to,
/// column_number, filled, null}]}. Never a value of the file.
[[nodiscard]] nlohmann::json validation_report(const FileSpec& spec,
                                               const std::vector<Finding>& findings,
                                               const ReadSummary& summary);
[[nodiscard]] nlohmann::json validation_report(const FileSpec& spec, const RowReader& reader);

}  // namespace waybill
