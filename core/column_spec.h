// ColumnSpec: one column of an export and what its values must be.
//
// Place:    core, a piece of FileSpec; ColumnValue and ValueRules read by it.
// Source:   config/file-spec.schema.json, $defs/column.
// Errors:   parse_columns() throws Error WB-3014 naming the place and what is allowed there.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace waybill {

enum class ColumnType : std::uint8_t { kText, kInteger, kDecimal, kBoolean, kDate, kTimestamp };
[[nodiscard]] std::string_view to_string(ColumnType type);

/// One column of the file and the payload key it fills. It must be there, unless it is optional.
struct ColumnSpec {
  std::string name;  ///< header name; without a header a label, and the column's place counts
  std::string to;    ///< payload key
  ColumnType type = ColumnType::kText;
  /// kDate, kTimestamp: %Y %m %d %H %M %S %%, other characters stand for themselves; kTimestamp
  /// also %f (a fraction of the second) and %z (the offset from UTC).
  std::string date_format;
  std::string time_zone;    ///< kTimestamp without %z: whose clock it is, "UTC", "Europe/Paris"
  char decimal_mark = '.';  ///< kDecimal
  char group_mark = 0;      ///< kDecimal, kInteger: may stand between thousands; 0: none
  bool required = false;    ///< null is a finding WB-3006
  bool trim = false;        ///< ASCII blanks around the content are removed first
  std::vector<std::string> null_values;   ///< besides the empty field, exact
  std::vector<std::string> true_values;   ///< kBoolean; ASCII case is ignored
  std::vector<std::string> false_values;  ///< kBoolean
  std::vector<std::string> known_values;  ///< not empty: the only values allowed, exact
  std::string pattern;                    ///< not "": an RE2 expression for the whole value
  bool unique = false;                    ///< a value that an earlier row had is a finding WB-3021
  bool optional = false;       ///< may be absent from the file; the payloads lack it then
  bool personal_data = false;  ///< for people: says something about a person
  std::vector<std::string> renamed_from;  ///< other names it has had; a finding WB-3023
  std::int32_t start = 0;                 ///< kFixedWidth: first byte of the record, from 1
  std::int32_t width = 0;                 ///< kFixedWidth: bytes
};

/// The value of "columns": a list of 1 to 1,600, with no name and no payload key twice.
[[nodiscard]] std::vector<ColumnSpec> parse_columns(const nlohmann::json& list);

/// A payload key for a column of this name: "Unit Price" gives "unit_price"; "" when the name gives
/// none.
[[nodiscard]] std::string payload_key_of(std::string_view name);

/// With every key written out that means something for the column.
[[nodiscard]] nlohmann::json to_json(const ColumnSpec& column);

}  // namespace waybill
