// FindingList: the findings of one file, judged by its spec's rules.
//
// Place:    core; every reader of rows has one.
// Memory:   the first kFindingsMax findings; of each rule 50 columns, each with kPlacesMax places.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/read/rows.h"
#include "core/rules.h"

namespace waybill {

class FindingList {
 public:
  explicit FindingList(const RuleActions& actions) : actions_(actions) {}

  /// Keeps or counts it, unless the rule is to be ignored. Returns what it means.
  RuleAction add(Finding finding);
  /// `count` findings at once, about rows that have been handed over: none of them can be set aside
  /// any more, so a rule that asks for that refuses the file. `first` speaks for all of them.
  RuleAction add_group(Finding first, std::int64_t count, std::vector<FindingPlace> places);

  [[nodiscard]] RuleAction action_of(const ErrorCode& code) const { return actions_.of(code); }
  [[nodiscard]] bool is_refused() const { return refusal_.has_value(); }
  [[nodiscard]] const std::vector<Finding>& kept() const { return kept_; }
  /// Writes what it knows into the summary.
  void summarize(ReadSummary& summary) const;
  /// Adds what it knows to a summary that has findings already.
  void append_to(ReadSummary& summary) const;

 private:
  [[nodiscard]] FindingGroup* find_group(const Finding& finding);
  FindingGroup& group_of(const Finding& finding);

  RuleActions actions_;
  std::vector<Finding> kept_;
  std::vector<FindingGroup> groups_;
  std::optional<Finding> refusal_;
  std::int64_t count_ = 0;
};

}  // namespace waybill
