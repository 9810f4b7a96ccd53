#include "core/read/finding_list.h"

#include <algorithm>
#include <utility>

namespace waybill {

namespace {

/// Columns that one rule has groups for; what it finds in further ones is counted together.
constexpr std::ptrdiff_t kColumnsMax = 50;

}  // namespace

RuleAction FindingList::add(Finding finding) {
  finding.action = actions_.of(*finding.code);
  // The header, or what is wrong with the file as a whole, is no row that others could do without.
  const bool is_no_row = finding.row == 0;
  if (is_no_row && finding.action == RuleAction::kQuarantineRow) {
    finding.action = RuleAction::kRefuseFile;
  }
  if (finding.action == RuleAction::kIgnore) return finding.action;
  ++count_;
  FindingGroup& group = group_of(finding);
  ++group.count;
  if (group.places.size() < kPlacesMax) {
    group.places.push_back({finding.row, finding.line, finding.byte_offset});
  }
  if (finding.action == RuleAction::kRefuseFile && !refusal_) refusal_ = finding;
  const RuleAction action = finding.action;
  if (kept_.size() < kFindingsMax) kept_.push_back(std::move(finding));
  return action;
}

RuleAction FindingList::add_group(Finding first, std::int64_t count,
                                  std::vector<FindingPlace> places) {
  first.action = actions_.of(*first.code);
  if (first.action == RuleAction::kQuarantineRow) first.action = RuleAction::kRefuseFile;
  if (first.action == RuleAction::kIgnore) return first.action;
  count_ += count;
  if (places.size() > kPlacesMax) places.resize(kPlacesMax);
  if (first.action == RuleAction::kRefuseFile && !refusal_) refusal_ = first;
  if (kept_.size() < kFindingsMax) kept_.push_back(first);
  groups_.push_back({first, count, std::move(places)});
  return groups_.back().first.action;
}

FindingGroup* FindingList::find_group(const Finding& finding) {
  const auto is_alike = [&](const FindingGroup& group) {
    return group.first.code == finding.code && group.first.column_number == finding.column_number &&
           group.first.column == finding.column;
  };
  // What was found last is likely to be found again.
  const auto found = std::find_if(groups_.rbegin(), groups_.rend(), is_alike);
  return found == groups_.rend() ? nullptr : &*found;
}

FindingGroup& FindingList::group_of(const Finding& finding) {
  if (FindingGroup* group = find_group(finding)) return *group;
  const auto of_rule =
      std::count_if(groups_.begin(), groups_.end(),
                    [&](const FindingGroup& group) { return group.first.code == finding.code; });
  if (of_rule < kColumnsMax) return groups_.emplace_back(FindingGroup{finding, 0, {}});
  Finding rest = finding;
  rest.column.clear();
  rest.column_number = 0;
  if (FindingGroup* group = find_group(rest)) return *group;
  return groups_.emplace_back(FindingGroup{std::move(rest), 0, {}});
}

void FindingList::summarize(ReadSummary& summary) const {
  summary.findings_count = count_;
  summary.refusal = refusal_;
  summary.groups = groups_;
}

void FindingList::append_to(ReadSummary& summary) const {
  summary.findings_count += count_;
  if (!summary.refusal) summary.refusal = refusal_;
  summary.groups.insert(summary.groups.end(), groups_.begin(), groups_.end());
}

}  // namespace waybill
