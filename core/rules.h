// Rules: what becomes of a file or a row in which a check finds something.
//
// Place:    core; a file spec sets them ("on_finding"), every reader of rows obeys them.
// Source:   the table in rules.cc: each rule is an error code of the content of a file, with the
//           action it has when the spec is silent and those a spec may choose.
// Rule:     what makes the rest of a file unreadable, or would stage something else than the file
//           says, can only refuse the file; a value that cannot be staged as it is cannot be a
//           warning.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error_code.h"

namespace waybill {

enum class RuleAction : std::uint8_t {
  kIgnore,         ///< says nothing
  kWarn,           ///< says so; the row is staged all the same
  kQuarantineRow,  ///< the row is set aside, the others are staged
  kRefuseFile,     ///< nothing of the file is staged
};

/// "ignore", "warn", "quarantine_row", "refuse_file".
[[nodiscard]] std::string_view to_string(RuleAction action);

struct Rule {
  const ErrorCode* code;
  RuleAction otherwise;  ///< when the spec is silent
  std::uint8_t choices;  ///< one bit an action that a spec may choose; 0: always `otherwise`

  [[nodiscard]] bool allows(RuleAction action) const {
    return ((choices >> static_cast<unsigned>(action)) & 1U) != 0;
  }
};

inline constexpr std::size_t kRuleCount = 18;
/// The rules that a spec may change, in the order of their codes.
[[nodiscard]] const std::array<Rule, kRuleCount>& rules();
/// "value-invalid": the rule with this name; kRuleCount when there is none to choose for.
[[nodiscard]] std::size_t find_rule(std::string_view name);

/// The actions of one file spec.
class RuleActions {
 public:
  RuleActions();
  /// What a finding with this code means; every code that is no rule refuses the file.
  [[nodiscard]] RuleAction of(const ErrorCode& code) const;
  [[nodiscard]] RuleAction at(std::size_t rule) const { return actions_.at(rule); }
  void set(std::size_t rule, RuleAction action) { actions_.at(rule) = action; }

  bool operator==(const RuleActions&) const = default;

 private:
  std::array<RuleAction, kRuleCount> actions_;
};

}  // namespace waybill
