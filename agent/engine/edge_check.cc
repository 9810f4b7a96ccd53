#include "agent/engine/edge_check.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/count_of.h"

namespace waybill {

namespace {

/// A header may hold anything; its names are told as far as they are text.
std::string to_text(const nlohmann::json& report) {
  return report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

EdgeCheck::EdgeCheck(FileSystem& files, const QuarantineSettings& quarantine,
                     const PathRecord& path, const SpecMatch& match)
    : spec_(*match.spec),
      spec_version_(match.version),
      preflight_(spec_),
      quarantine_(files, quarantine, path, match.version) {
  if (path.state == PathState::kRecorded) return;  // its turn: the rows were kept when it was new
  preflight_.write_quarantine([this](std::string_view bytes) { quarantine_.write(bytes); });
}

PreflightRecord EdgeCheck::finish(const Sha256Hex& content_sha256) {
  const PreflightResult result = preflight_.finish();
  return {.is_refused = !result.is_accepted(),
          .spec_version = spec_version_,
          .row_count = result.summary.rows,
          .quarantined_count = result.summary.rows_quarantined,
          .finding_count = result.summary.findings_count,
          .quarantine_file = quarantine_.commit(content_sha256),
          .report = to_text(preflight_notice(spec_, result, spec_version_))};
}

std::string preflight_sentence(const PreflightRecord& record) {
  if (!record.is_refused) {
    std::string text = count_of(record.row_count, "row");
    if (record.finding_count > 0) text += ", " + count_of(record.finding_count, "finding");
    if (record.quarantined_count > 0) {
      text += fmt::format(", {} set aside", count_of(record.quarantined_count, "row"));
    }
    return text;
  }
  const nlohmann::json error =
      nlohmann::json::parse(record.report).value("error", nlohmann::json::object());
  const std::int64_t row = error.value("row", std::int64_t{0});
  return fmt::format("the file spec refuses it: {} {}{}, {}", error.value("code", std::string()),
                     error.value("message", std::string()),
                     row > 0 ? fmt::format(" (row {})", row) : "",
                     count_of(record.finding_count, "finding"));
}

}  // namespace waybill
