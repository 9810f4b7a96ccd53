// FindingList: what a finding means, one by one and as a group, and two lists in one summary.
#include "core/read/finding_list.h"

#include <catch2/catch.hpp>

namespace waybill::test {
namespace {

Finding finding_of(const ErrorCode& code, std::int64_t row) {
  return {&code, "words", row, 0, 0, "", 0};
}

RuleActions actions_with(std::string_view rule, RuleAction action) {
  RuleActions actions;
  actions.set(find_rule(rule), action);
  return actions;
}

TEST_CASE("finding list: a group counts as so many findings and keeps the first places",
          "[core][read]") {
  FindingList list{RuleActions()};
  std::vector<FindingPlace> places;
  for (std::int64_t row = 3; row < 20; ++row) places.push_back({row, 0, 0});
  CHECK(list.add_group(finding_of(error_code::kReferenceUnknown, 3), 17, places) ==
        RuleAction::kWarn);
  ReadSummary summary;
  list.summarize(summary);
  CHECK(summary.findings_count == 17);
  REQUIRE(summary.groups.size() == 1);
  CHECK(summary.groups[0].count == 17);
  CHECK(summary.groups[0].places.size() == kPlacesMax);
  CHECK(summary.groups[0].places[0].row == 3);
  CHECK(list.kept().size() == 1);
  CHECK_FALSE(summary.refusal);
}

TEST_CASE("finding list: rows that were handed over cannot be set aside any more", "[core][read]") {
  FindingList list{actions_with("key-duplicate", RuleAction::kQuarantineRow)};
  CHECK(list.add_group(finding_of(error_code::kKeyDuplicate, 9), 1, {}) == RuleAction::kRefuseFile);
  CHECK(list.is_refused());
  FindingList silent{actions_with("reference-unknown", RuleAction::kIgnore)};
  CHECK(silent.add_group(finding_of(error_code::kReferenceUnknown, 9), 1, {}) ==
        RuleAction::kIgnore);
  CHECK(silent.kept().empty());
}

TEST_CASE("finding list: what a rule finds in many columns is counted together", "[core][read]") {
  FindingList list{RuleActions()};
  for (int round = 0; round < 3; ++round) {
    for (std::int32_t column = 1; column <= 200; ++column) {
      Finding finding = finding_of(error_code::kValueInvalid, 1);
      finding.column = "column " + std::to_string(column);
      finding.column_number = column;
      list.add(std::move(finding));
    }
  }
  ReadSummary summary;
  list.summarize(summary);
  CHECK(summary.findings_count == 600);
  REQUIRE(summary.groups.size() == 51);
  CHECK(summary.groups[0].count == 3);
  CHECK(summary.groups[50].count == 450);
  CHECK(summary.groups[50].first.column.empty());
  CHECK(summary.groups[50].first.column_number == 0);
}

TEST_CASE("finding list: two lists join in one summary; the first refusal speaks", "[core][read]") {
  FindingList reader{RuleActions()};
  reader.add(finding_of(error_code::kControlCharacter, 1));
  FindingList history{actions_with("key-known", RuleAction::kRefuseFile)};
  history.add_group(finding_of(error_code::kKeyKnown, 4), 6, {{4, 0, 0}});
  ReadSummary summary;
  reader.summarize(summary);
  history.append_to(summary);
  CHECK(summary.findings_count == 7);
  CHECK(summary.groups.size() == 2);
  REQUIRE(summary.refusal);
  CHECK(summary.refusal->code == &error_code::kKeyKnown);
  reader.add(finding_of(error_code::kValueInvalid, 2));
  reader.summarize(summary);
  history.append_to(summary);
  CHECK(summary.refusal->code == &error_code::kValueInvalid);
}

}  // namespace
}  // namespace waybill::test
