#include "core/rules.h"

#include <algorithm>

namespace waybill {

namespace {

constexpr std::array<std::string_view, 4> kActions = {"ignore", "warn", "quarantine_row",
                                                      "refuse_file"};

constexpr std::uint8_t bit(RuleAction action) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(action));
}

constexpr std::uint8_t kRowOrFile = bit(RuleAction::kQuarantineRow) | bit(RuleAction::kRefuseFile);
constexpr std::uint8_t kNotice =
    bit(RuleAction::kIgnore) | bit(RuleAction::kWarn) | bit(RuleAction::kRefuseFile);
constexpr std::uint8_t kAnyRow = bit(RuleAction::kWarn) | kRowOrFile;

constexpr std::array<Rule, kRuleCount> kRules = {{
    {&error_code::kEncodingInvalid, RuleAction::kRefuseFile, kRowOrFile},
    {&error_code::kRowRagged, RuleAction::kRefuseFile, kRowOrFile},
    {&error_code::kValueMissing, RuleAction::kRefuseFile, kAnyRow},
    {&error_code::kNulByte, RuleAction::kRefuseFile, kRowOrFile},
    {&error_code::kValueInvalid, RuleAction::kRefuseFile, kRowOrFile},
    {&error_code::kControlCharacter, RuleAction::kWarn, kAnyRow | bit(RuleAction::kIgnore)},
    {&error_code::kLineEndsMixed, RuleAction::kWarn, kNotice},
    {&error_code::kValueUnlisted, RuleAction::kRefuseFile, kAnyRow},
    {&error_code::kPatternMismatch, RuleAction::kRefuseFile, kAnyRow},
    {&error_code::kKeyDuplicate, RuleAction::kRefuseFile, kAnyRow},
    {&error_code::kRowCountUnexpected, RuleAction::kWarn, kNotice},
    {&error_code::kColumnRenamed, RuleAction::kWarn, kNotice},
    {&error_code::kColumnMoved, RuleAction::kIgnore, kNotice},
    {&error_code::kKeyKnown, RuleAction::kIgnore, kNotice},
    {&error_code::kReferenceUnknown, RuleAction::kWarn, kNotice},
    {&error_code::kHeaderRepeated, RuleAction::kRefuseFile, kAnyRow},
    {&error_code::kLineNotAnObject, RuleAction::kRefuseFile, kRowOrFile},
    {&error_code::kRecordWidthWrong, RuleAction::kRefuseFile, kRowOrFile},
}};

}  // namespace

std::string_view to_string(RuleAction action) {
  return kActions.at(static_cast<std::size_t>(action));
}

const std::array<Rule, kRuleCount>& rules() { return kRules; }

std::size_t find_rule(std::string_view name) {
  const auto* const found = std::find_if(kRules.begin(), kRules.end(),
                                         [&](const Rule& rule) { return rule.code->name == name; });
  return static_cast<std::size_t>(found - kRules.begin());
}

RuleActions::RuleActions() {
  std::transform(kRules.begin(), kRules.end(), actions_.begin(),
                 [](const Rule& rule) { return rule.otherwise; });
}

RuleAction RuleActions::of(const ErrorCode& code) const {
  for (std::size_t i = 0; i < kRuleCount; ++i) {
    if (kRules[i].code->id == code.id) return actions_[i];
  }
  return RuleAction::kRefuseFile;
}

}  // namespace waybill
