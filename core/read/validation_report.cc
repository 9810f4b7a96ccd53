#include <nlohmann/json.hpp>

#include "core/read/row_reader.h"

namespace waybill {

using nlohmann::json;

json to_json(const Finding& finding) {
  json value = {{"code", finding.code->id},
                {"message", finding.message},
                {"row", finding.row},
                {"line", finding.line},
                {"byte_offset", finding.byte_offset}};
  if (!finding.column.empty()) value["column"] = finding.column;
  if (finding.column_number > 0) value["column_number"] = finding.column_number;
  return value;
}

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
          {"outcome", summary.findings_count == 0 && summary.complete ? "accepted" : "refused"},
          {"rows", summary.rows},
          {"bytes", summary.bytes},
          {"complete", summary.complete},
          {"findings_count", summary.findings_count},
          {"findings", std::move(findings)},
          {"columns", std::move(columns)}};
}

json validation_report(const FileSpec& spec, const RowReader& reader) {
  return validation_report(spec, reader.findings(), reader.summary());
}

}  // namespace waybill
