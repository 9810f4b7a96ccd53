// ExpectedRows: rows as their author expects them, one JSON object a line, in the order of the
// file:
// {"source_row": 1, "natural_key": "A1", "payload": {"code": "A1", "amount": 1.50}}.
//
// Place:    central/authoring; SpecTest above, core's JsonScan below.
// Rule:     values are compared as they are written: 1.50 is not 1.5, and no digit of a long number
//           is lost. A line without natural_key leaves the key to the spec.
// Errors:   WB-3014 naming the line and what is wrong there. Differences name rows and payload
// keys,
//           never a value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/read/rows.h"

namespace waybill::authoring {

struct ExpectedRow {
  std::int64_t source_row = 0;
  bool has_natural_key = false;            ///< the line says something about it
  std::optional<std::string> natural_key;  ///< nothing: null
  std::string_view payload_json;           ///< of the text they were read from
};

/// Throws WB-3014; `name` is the file's, for messages. The rows are valid as long as `text`.
[[nodiscard]] std::vector<ExpectedRow> parse_expected_rows(std::string_view text,
                                                           const std::string& name);

/// The line that expects this row, its payload as it is staged.
[[nodiscard]] std::string expected_line(const StagingRow& row);

/// Tells of every difference between a row and what was expected of it.
void compare_row(const ExpectedRow& expected, const StagingRow& staged,
                 const std::function<void(std::string)>& differ);

}  // namespace waybill::authoring
