#include "core/preflight/preflight.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace waybill {

bool can_preflight(const FileSpec& spec) {
  const bool is_text = spec.format == FileFormat::kCsv || spec.format == FileFormat::kJsonLines ||
                       spec.format == FileFormat::kFixedWidth;
  return is_text && spec.container == Container::kNone && spec.quirk.empty();
}

Preflight::Preflight(const FileSpec& spec) : spec_(spec), reader_(spec, RowSink()) {
  reader_.expect_rows(spec.row_count);
}

void Preflight::write_quarantine(QuarantineWriter::Write write) {
  quarantine_.emplace(spec_.encoding, std::move(write));
  reader_.set_quarantine([this](const QuarantinedRow& row) { quarantine_->take(row); });
}

PreflightResult Preflight::finish() {
  reader_.finish();
  if (quarantine_) quarantine_->finish(reader_.form());
  PreflightResult result;
  result.summary = reader_.summary();
  result.size_bytes = result.summary.bytes;
  result.findings = reader_.findings();
  result.drift = find_drift(spec_, reader_.header_names());
  return result;
}

namespace {

nlohmann::json drift_json(const FileSpec& spec, const PreflightResult& result) {
  nlohmann::json drift = nlohmann::json::array();
  for (const ColumnChange& change : result.drift) drift.push_back(to_json(change, spec));
  return drift;
}

void add_key_limit(nlohmann::json& report, const PreflightResult& result) {
  if (result.summary.keys_unchecked_from_row == 0) return;
  report["keys_unchecked_from_row"] = result.summary.keys_unchecked_from_row;
}

nlohmann::json refusal_json(const PreflightResult& result) {
  if (result.summary.refusal) {
    nlohmann::json error = to_json(*result.summary.refusal);
    for (const char* key : {"rule", "action"}) error.erase(key);
    error["count"] = result.summary.findings_count;
    return error;
  }
  return {{"code", error_code::kInternal.id}, {"message", "the file was not read to its end"}};
}

bool is_too_long(const nlohmann::json& notice) {
  const auto replace = nlohmann::json::error_handler_t::replace;
  return notice.dump(-1, ' ', false, replace).size() > kPreflightNoticeBytesMax;
}

/// What is least needed goes first: the proposals, then the groups from the last one on.
void shorten(nlohmann::json& notice) {
  if (!is_too_long(notice)) return;
  notice["left_out"] = true;
  notice["drift"] = nlohmann::json::array();
  nlohmann::json& groups = notice["groups"];
  while (!groups.empty() && is_too_long(notice)) {
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(groups.size() / 2), groups.end());
  }
}

}  // namespace

nlohmann::json preflight_report(const FileSpec& spec, const PreflightResult& result,
                                const Sha256Hex& content_sha256) {
  nlohmann::json report = validation_report(spec, result.findings, result.summary);
  report["report"] = "preflight";
  report["content_sha256"] = content_sha256;
  report["size_bytes"] = result.size_bytes;
  add_key_limit(report, result);
  report["drift"] = drift_json(spec, result);
  return report;
}

nlohmann::json preflight_notice(const FileSpec& spec, const PreflightResult& result,
                                std::int32_t spec_version) {
  nlohmann::json notice = validation_report(spec, {}, result.summary);
  for (const char* key : {"findings", "columns", "file_tag", "entity"}) notice.erase(key);
  notice["spec_version"] = spec_version;
  add_key_limit(notice, result);
  notice["drift"] = drift_json(spec, result);
  if (!result.is_accepted()) notice["error"] = refusal_json(result);
  shorten(notice);
  return notice;
}

}  // namespace waybill
