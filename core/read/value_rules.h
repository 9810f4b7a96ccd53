// ValueRules: what a file spec asks of a column's value beyond its type.
//
// Place:    core; RowBuilder asks, once a filled value of a column that has such rules.
// Owner:    one column of one file; keeps a copy of what it needs of the spec.
// Rule:     a value is compared as the file has it, trimmed when the spec says so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/column_spec.h"
#include "core/error_code.h"
#include "core/read/pattern.h"

namespace waybill {

class ValueRules {
 public:
  explicit ValueRules(const ColumnSpec& spec);

  /// Does the column have any?
  [[nodiscard]] static bool has_any(const ColumnSpec& spec);
  /// WB-3019 or WB-3020, or nullptr.
  [[nodiscard]] const ErrorCode* check(std::string_view content) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_set<std::string, Hash, std::equal_to<>> known_values_;
  std::optional<Pattern> pattern_;
};

}  // namespace waybill
