// Drift: how a file's header differs from the columns its spec lists, as changes for a person to
// take over into the spec.
//
// Place:    core/preflight; the preflight report shows it at both ends.
// Rule:     names only, never a value: nothing is compared unless the first record is sure to be a
//           header (it has at least one known name).
// Units:    places are 1-based, in the file's header or in the spec's list.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/file_spec.h"

namespace waybill {

enum class ChangeKind : std::uint8_t { kAdded, kDropped, kRenamed, kMoved };
/// "added", "dropped", "renamed", "moved".
[[nodiscard]] std::string_view to_string(ChangeKind kind);

struct ColumnChange {
  ChangeKind kind = ChangeKind::kAdded;
  std::string name;             ///< in the file; of a dropped column in the spec
  std::string spec_name;        ///< kRenamed: what the spec calls it
  bool is_certain = true;       ///< kRenamed: the spec knows the name; false: it looks like it
  std::int32_t place = 0;       ///< in the file; 0: dropped
  std::int32_t spec_place = 0;  ///< in the spec; 0: added
};

/// The changes, dropped ones first, then in the order of the file. `names` are the header's fields.
[[nodiscard]] std::vector<ColumnChange> find_drift(const FileSpec& spec,
                                                   const std::vector<std::string>& names);

/// {change, column, spec_column, certain, place, spec_place, proposal}; `proposal` is what to write
/// into the file spec, as the column's JSON or in words.
[[nodiscard]] nlohmann::json to_json(const ColumnChange& change, const FileSpec& spec);

}  // namespace waybill
