#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/count_of.h"
#include "core/preflight/preflight.h"
#include "core/printable.h"

namespace waybill {

namespace {

/// Kinds of findings and changes of columns that a page lists; a program reads them all.
constexpr std::size_t kShownMax = 50;

std::string_view heading_of(RuleAction action) {
  switch (action) {
    case RuleAction::kRefuseFile:
      return "REFUSES THE FILE";
    case RuleAction::kQuarantineRow:
      return "ROWS SET ASIDE";
    case RuleAction::kWarn:
    case RuleAction::kIgnore:
      break;
  }
  return "WARNING";
}

std::string place_of(const FindingPlace& place) {
  if (place.line == 0 && place.row == 0) return "the file as a whole";
  const std::string row = place.row == 0 ? "header" : fmt::format("row {}", place.row);
  return fmt::format("{}, line {}, byte {}", row, place.line, place.byte_offset);
}

std::string column_of(const Finding& finding) {
  if (!finding.column.empty()) return fmt::format(", column \"{}\"", printable(finding.column));
  if (finding.column_number > 0) return fmt::format(", column {}", finding.column_number);
  return "";
}

std::string group_text(const FindingGroup& group) {
  const Finding& first = group.first;
  std::string text = fmt::format("\n{}: {} {}{}\n  {}\n", heading_of(first.action), first.code->id,
                                 first.code->name, column_of(first), first.message);
  const auto shown = static_cast<std::int64_t>(group.places.size());
  for (const FindingPlace& place : group.places) text += "  at " + place_of(place) + "\n";
  if (group.count > shown) text += fmt::format("  and {} more\n", group.count - shown);
  return text + fmt::format("  What to do: {}\n", first.code->way_out);
}

std::string change_text(const ColumnChange& change, const FileSpec& spec) {
  std::string text = fmt::format("  {} \"{}\"", to_string(change.kind), printable(change.name));
  if (change.kind == ChangeKind::kRenamed) {
    text += fmt::format(", which the file spec calls \"{}\"{}", change.spec_name,
                        change.is_certain ? "" : " (it looks like it)");
  }
  if (change.kind == ChangeKind::kMoved) {
    text += fmt::format(" from place {} to place {}", change.spec_place, change.place);
  }
  const nlohmann::json json = to_json(change, spec);
  if (json.contains("proposal")) text += "\n    propose: " + json["proposal"].dump();
  return text + "\n";
}

}  // namespace

std::string preflight_page(std::string_view name, const FileSpec& spec,
                           const PreflightResult& result, const Sha256Hex& content_sha256) {
  const ReadSummary& summary = result.summary;
  const std::string_view outcome = !result.is_accepted()        ? "would be REFUSED"
                                   : summary.findings_count > 0 ? "is good, with remarks"
                                                                : "is good";
  std::string page = fmt::format("{}: {}\n", name, outcome);
  page += fmt::format("  file spec {} (entity {}), {}, {}\n  SHA-256 {}\n", spec.file_tag.value,
                      spec.entity, count_of(summary.rows, "row"),
                      count_of(result.size_bytes, "byte"), content_sha256);
  if (summary.rows_quarantined > 0) {
    page += fmt::format("  {} would be set aside, {} staged\n",
                        count_of(summary.rows_quarantined, "row"),
                        summary.rows - summary.rows_quarantined);
  }
  if (!summary.complete) page += "  reading ended early; what stands behind was not looked at\n";
  if (summary.keys_unchecked_from_row > 0) {
    page += fmt::format("  keys were compared up to row {}; central compares the rest\n",
                        summary.keys_unchecked_from_row - 1);
  }
  std::size_t groups = 0;
  for (const RuleAction action :
       {RuleAction::kRefuseFile, RuleAction::kQuarantineRow, RuleAction::kWarn}) {
    for (const FindingGroup& group : summary.groups) {
      if (group.first.action == action && ++groups <= kShownMax) page += group_text(group);
    }
  }
  if (groups > kShownMax) page += fmt::format("\nand {} more kinds\n", groups - kShownMax);
  if (!result.drift.empty()) page += "\nThe columns are not as in the file spec:\n";
  const std::size_t shown = std::min(result.drift.size(), kShownMax);
  for (std::size_t i = 0; i < shown; ++i) page += change_text(result.drift[i], spec);
  if (shown < result.drift.size()) {
    page += fmt::format("  and {} more\n", result.drift.size() - shown);
  }
  return page;
}

}  // namespace waybill
