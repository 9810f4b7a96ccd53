// ColumnCandidates: the types and forms that are tried on the values of a column.
//
// Place:    central/authoring; ColumnProfile above.
// Rule:     what comes first is proposed when several fit and read the values alike.
#pragma once

#include <string>
#include <vector>

#include "core/column_spec.h"

namespace waybill::authoring {

/// Booleans, dates, points in time, numbers: each plain form before those with more in them.
/// Times without an offset are of `time_zone`, or of UTC when that is "".
[[nodiscard]] std::vector<ColumnSpec> candidate_columns(const std::string& time_zone);

/// "date %d.%m.%Y", "decimal with comma in groups by point": for the evidence.
[[nodiscard]] std::string describe(const ColumnSpec& column);

/// Do the two formats take day and month, or year, in another order?
[[nodiscard]] bool have_other_order(const ColumnSpec& left, const ColumnSpec& right);

[[nodiscard]] inline bool is_moment(const ColumnSpec& column) {
  return column.type == ColumnType::kDate || column.type == ColumnType::kTimestamp;
}
[[nodiscard]] inline bool is_number(const ColumnSpec& column) {
  return column.type == ColumnType::kInteger || column.type == ColumnType::kDecimal;
}

}  // namespace waybill::authoring
