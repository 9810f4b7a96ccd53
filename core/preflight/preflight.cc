#include "core/preflight/preflight.h"

#include <nlohmann/json.hpp>

namespace waybill {

bool can_preflight(const FileSpec& spec) {
  const bool is_text = spec.format == FileFormat::kCsv || spec.format == FileFormat::kJsonLines ||
                       spec.format == FileFormat::kFixedWidth;
  return is_text && spec.container == Container::kNone && spec.quirk.empty();
}

Preflight::Preflight(const FileSpec& spec) : spec_(spec), reader_(spec, RowSink()) {
  reader_.expect_rows(spec.row_count);
}

void Preflight::feed(std::string_view bytes) {
  hash_.update(bytes);
  reader_.feed(bytes);
}

PreflightResult Preflight::finish() {
  reader_.finish();
  PreflightResult result;
  result.content_sha256 = hash_.finish();
  result.summary = reader_.summary();
  result.size_bytes = result.summary.bytes;
  result.findings = reader_.findings();
  result.drift = find_drift(spec_, reader_.header_names());
  return result;
}

nlohmann::json preflight_report(const FileSpec& spec, const PreflightResult& result) {
  nlohmann::json report = validation_report(spec, result.findings, result.summary);
  report["report"] = "preflight";
  report["content_sha256"] = result.content_sha256;
  report["size_bytes"] = result.size_bytes;
  if (result.summary.keys_unchecked_from_row > 0) {
    report["keys_unchecked_from_row"] = result.summary.keys_unchecked_from_row;
  }
  report["drift"] = nlohmann::json::array();
  for (const ColumnChange& change : result.drift) {
    report["drift"].push_back(to_json(change, spec));
  }
  return report;
}

}  // namespace waybill
