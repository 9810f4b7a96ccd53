#include "core/read/value_rules.h"

namespace waybill {

ValueRules::ValueRules(const ColumnSpec& spec)
    : known_values_(spec.known_values.begin(), spec.known_values.end()) {
  if (!spec.pattern.empty()) pattern_.emplace(spec.pattern);
}

bool ValueRules::has_any(const ColumnSpec& spec) {
  return !spec.known_values.empty() || !spec.pattern.empty();
}

const ErrorCode* ValueRules::check(std::string_view content) const {
  if (!known_values_.empty() && known_values_.find(content) == known_values_.end()) {
    return &error_code::kValueUnlisted;
  }
  if (pattern_ && !pattern_->matches(content)) return &error_code::kPatternMismatch;
  return nullptr;
}

}  // namespace waybill
