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
#include "core/read/encoding.h"
#include "core/rules.h"

namespace waybill {

/// Findings that are kept; later ones are counted only.
inline constexpr std::size_t kFindingsMax = 100;

/// Between the parts of a natural key; a null part is the empty string.
inline constexpr char kNaturalKeySeparator = '\x1F';

/// One thing a check found in the file, and where. Never a value of it.
struct Finding {
  const ErrorCode* code = nullptr;  ///< of core/error_code.h; static storage
  std::string message;              ///< what is wrong, in words for a person
  std::int64_t row = 0;             ///< 0: the header, or the file as a whole
  std::int64_t line = 0;            ///< 0: the file as a whole
  std::int64_t byte_offset = 0;
  std::string column;  ///< the name in the export (without a header: in the spec), or ""
  std::int32_t column_number = 0;  ///< 1-based place in the record; 0: not about one column
  RuleAction action = RuleAction::kRefuseFile;  ///< the spec's, given by FindingList
};

/// {code, rule, action, message, row, line, column, column_number, byte_offset}; column and
/// column_number are left out when the finding is not about one column.
[[nodiscard]] nlohmann::json to_json(const Finding& finding);

/// Where a finding is, without what.
struct FindingPlace {
  std::int64_t row = 0;
  std::int64_t line = 0;
  std::int64_t byte_offset = 0;
};

/// Places that a group keeps.
inline constexpr std::size_t kPlacesMax = 5;

/// All findings of one rule in one column: how many, and the first places.
struct FindingGroup {
  Finding first;
  std::int64_t count = 0;
  std::vector<FindingPlace> places;
};

/// One row ready for staging; the views are valid only during the call of the sink.
struct StagingRow {
  std::int64_t source_row = 0;
  std::optional<std::string_view> natural_key;  ///< nothing when the spec names none
  std::string_view payload_json;                ///< one JSON object on one line, UTF-8
};

/// How a file begins and its lines end, for whoever writes another one like it.
struct FileForm {
  ByteOrderMark mark = ByteOrderMark::kNone;
  std::string_view header;  ///< the record that names the columns, as QuarantinedRow::bytes; or ""
  std::string_view line_end;  ///< of the first line; "" until one has ended
};

/// One record that was set aside; the views are valid only during the call of the sink.
struct QuarantinedRow {
  std::int64_t source_row = 0;
  std::int64_t byte_offset = 0;
  /// As the reader has them: UTF-16 as UTF-8; without the line end. Empty for a row of a dump,
  /// which is values, not a text.
  std::string_view bytes;
  std::int64_t line = 0;            ///< 0: a row of a database, which has no lines
  const ErrorCode* code = nullptr;  ///< of the first finding that set it aside
  FileForm form;                    ///< of the file; of a dump nothing
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
  std::int64_t rows = 0;              ///< records read, header excluded, good or not
  std::int64_t rows_quarantined = 0;  ///< of these, set aside
  std::int64_t bytes = 0;             ///< fed so far
  std::int64_t findings_count = 0;    ///< all of them, kept or not
  bool complete = false;              ///< read to the end; false when something ended it before
  std::optional<Finding> refusal;     ///< the first finding that refuses the file
  std::int64_t keys_unchecked_from_row = 0;  ///< beyond KeySet's memory; 0: all were checked
  std::vector<FindingGroup> groups;
  std::vector<ColumnSummary> columns;

  /// May the file be staged?
  [[nodiscard]] bool is_accepted() const { return complete && !refusal; }
};

using RowSink = std::function<void(const StagingRow&)>;
using QuarantineSink = std::function<void(const QuarantinedRow&)>;

}  // namespace waybill
