// Rows: what reading an export gives: rows for staging, findings, and a summary.
//
// Place:    core; every reader of rows fills these, preflight and staging take them.
// Units:    row and source_row are 1-based records, header excluded; line is the physical line;
//           byte_offset counts octets of the original file from 0.
// Rule:     no finding, report or message ever holds a value of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error_code.h"

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

/// The findings of one file: all are counted, the first are kept.
class FindingList {
 public:
  void add(Finding finding) {
    ++count_;
    if (kept_.size() < kFindingsMax) kept_.push_back(std::move(finding));
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] const std::vector<Finding>& kept() const { return kept_; }

 private:
  std::vector<Finding> kept_;
  std::int64_t count_ = 0;
};

}  // namespace waybill
