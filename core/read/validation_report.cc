#include <nlohmann/json.hpp>

#include "core/read/row_reader.h"

namespace waybill {

using nlohmann::json;

json to_json(const Finding& finding) {
  json value = {{"code", finding.code->id},
                {"rule", finding.code->name},
                {"action", to_string(finding.action)},
                {"message", finding.message},
                {"row", finding.row},
                {"line", finding.line},
                {"byte_offset", finding.byte_offset}};
  if (!finding.column.empty()) value["column"] = finding.column;
  if (finding.column_number > 0) value["column_number"] = finding.column_number;
  return value;
}

namespace {

json groups_json(const std::vector<FindingGroup>& groups) {
  json list = json::array();
  for (const FindingGroup& group : groups) {
    json entry = {{"code", group.first.code->id},
                  {"rule", group.first.code->name},
                  {"action", to_string(group.first.action)},
                  {"message", group.first.message},
                  {"count", group.count},
                  {"what_to_do", group.first.code->way_out},
                  {"places", json::array()}};
    if (!group.first.column.empty()) entry["column"] = group.first.column;
    if (group.first.column_number > 0) entry["column_number"] = group.first.column_number;
    for (const FindingPlace& place : group.places) {
      entry["places"].push_back(
          {{"row", place.row}, {"line", place.line}, {"byte_offset", place.byte_offset}});
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

json validation_report(const FileSpec& spec, const std::vector<Finding>& kept,
                       const ReadSummary& summary) {
  json findings = json::array();
  for (const Finding& finding : kept) findings.push_back(to_json(finding));
  json columns = json::array();
  for (const ColumnSummary& column : summary.columns) {
    columns.push_back({{"name", column.name},
                       {"to", column.to},
                       {"column_number", column.column_number},
                       {"filled", column.filled},
                       {"null", column.null}});
  }
  return {{"file_tag", spec.file_tag.value},
          {"entity", spec.entity},
          {"outcome", summary.is_accepted() ? "accepted" : "refused"},
          {"rows", summary.rows},
          {"rows_quarantined", summary.rows_quarantined},
          {"bytes", summary.bytes},
          {"complete", summary.complete},
          {"findings_count", summary.findings_count},
          {"findings", std::move(findings)},
          {"groups", groups_json(summary.groups)},
          {"columns", std::move(columns)}};
}

json validation_report(const FileSpec& spec, const RowReader& reader) {
  return validation_report(spec, reader.findings(), reader.summary());
}

}  // namespace waybill
