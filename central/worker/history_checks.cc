#include "central/worker/history_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/count_of.h"

namespace waybill {

namespace {

bool is_asked(const FindingList& findings, const ErrorCode& code) {
  return findings.action_of(code) != RuleAction::kIgnore;
}

Finding finding_of(const ErrorCode& code, std::string message, std::string column = "") {
  return {&code, std::move(message), 0, 0, 0, std::move(column), 0};
}

/// All rows of one finding, with the first of them as places; their lines are not known any more.
void add_rows(const RowsFound& found, Finding finding, FindingList& findings) {
  if (found.rows == 0) return;
  std::vector<FindingPlace> places;
  for (const std::int64_t row : found.first_rows) places.push_back({row, 0, 0});
  if (!places.empty()) finding.row = places.front().row;
  findings.add_group(std::move(finding), found.rows, std::move(places));
}

/// A part has as many rows as the cut gives it; the last one to be staged speaks for the original.
void check_row_count(Registry& registry, const Claim& claim, const FileSpec& spec,
                     const ReadSummary& read, FindingList& findings) {
  if (!is_asked(findings, error_code::kRowCountUnexpected)) return;
  const RowCount& expected = spec.row_count;
  if (expected.min == 0 && expected.max == 0 && expected.change_percent == 0) return;
  const std::optional<UsualRowCount> usual = registry.usual_row_count(claim);
  if (!usual) return;
  const std::int64_t rows = read.rows + usual->other_rows;
  const std::string have = count_of(rows, "row") + (claim.part_count > 1 ? " in all parts" : "");
  const auto add = [&](std::string message) {
    findings.add(finding_of(error_code::kRowCountUnexpected, std::move(message)));
  };
  if (rows < expected.min) {
    add(fmt::format("{}; the file spec expects {} at least", have, expected.min));
  } else if (expected.max > 0 && rows > expected.max) {
    add(fmt::format("{}; the file spec expects {} at most", have, expected.max));
  }
  if (expected.change_percent == 0 || usual->files < kUsualFilesMin) return;
  const auto median = static_cast<double>(usual->median);
  const double change = std::abs(static_cast<double>(rows) - median);
  if (change * 100 <= median * static_cast<double>(expected.change_percent)) return;
  add(fmt::format(
      "{}; the median of the last {} files is {}, and the file spec allows {} % more or less", have,
      usual->files, usual->median, expected.change_percent));
}

void check_known_keys(Registry& registry, const Claim& claim, const FileSpec& spec,
                      FindingList& findings) {
  if (!is_asked(findings, error_code::kKeyKnown) || spec.natural_key.empty()) return;
  const std::optional<RowsFound> found = registry.known_keys(claim);
  if (!found) return;
  const char* const have = found->rows == 1 ? "has" : "have";
  add_rows(*found,
           finding_of(error_code::kKeyKnown,
                      fmt::format("{} {} a natural key that another file has brought before",
                                  count_of(found->rows, "row"), have)),
           findings);
}

/// What the reader could not compare: rows of other parts, and those beyond its memory.
void check_repeated_keys(Registry& registry, const Claim& claim, const FileSpec& spec,
                         const ReadSummary& read, FindingList& findings) {
  const bool has_more = claim.part_count > 1 || read.keys_unchecked_from_row > 0;
  if (!spec.natural_key_unique || !has_more) return;
  const std::optional<RowsFound> found =
      registry.repeated_keys(claim, read.keys_unchecked_from_row);
  if (!found) return;
  const char* const have = found->rows == 1 ? "has" : "have";
  add_rows(*found,
           finding_of(error_code::kKeyDuplicate,
                      fmt::format("{} {} the natural key of an earlier row of the whole file",
                                  count_of(found->rows, "row"), have)),
           findings);
}

/// "Recipe", "Line": the export's names of the columns that fill these payload keys.
std::string column_names(const FileSpec& spec, const std::vector<std::string>& keys) {
  std::string names;
  for (const std::string& key : keys) {
    const auto column =
        std::find_if(spec.columns.begin(), spec.columns.end(),
                     [&](const ColumnSpec& candidate) { return candidate.to == key; });
    if (!names.empty()) names += ", ";
    names += column == spec.columns.end() ? key : column->name;
  }
  return names;
}

void check_references(Registry& registry, const Claim& claim, const FileSpec& spec,
                      FindingList& findings) {
  if (!is_asked(findings, error_code::kReferenceUnknown)) return;
  for (const Reference& reference : spec.references) {
    const std::optional<RowsFound> found =
        registry.unknown_references(claim, reference.entity, reference.key);
    if (!found) continue;
    const std::string columns = column_names(spec, reference.key);
    std::string message =
        fmt::format("{} name{} by {} a {} that is not staged", count_of(found->rows, "row"),
                    found->rows == 1 ? "s" : "", columns, reference.entity);
    if (found->rows > 1) message += fmt::format(" ({} different)", found->keys);
    add_rows(*found,
             finding_of(error_code::kReferenceUnknown, std::move(message),
                        reference.key.size() == 1 ? columns : ""),
             findings);
  }
}

}  // namespace

void check_history(Registry& registry, const Claim& claim, const FileSpec& spec,
                   const ReadSummary& read, FindingList& findings) {
  check_row_count(registry, claim, spec, read, findings);
  check_known_keys(registry, claim, spec, findings);
  check_repeated_keys(registry, claim, spec, read, findings);
  check_references(registry, claim, spec, findings);
}

}  // namespace waybill
