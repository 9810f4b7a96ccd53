// Preflight for people: what the agent found in files before they were sent.
//
// Place:    agent/cli, beside trace and status; core/preflight made the report. Never a value of
// the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/ledger/ledger_report.h"
#include "agent/ledger/preflight_record.h"

namespace waybill {

/// The report as central was told it, and where the rows set aside are kept.
[[nodiscard]] nlohmann::json preflight_json(const PreflightRecord& record);

/// Some lines, indented as trace's; `preflight` as preflight_json() gives it.
[[nodiscard]] std::string preflight_lines(const nlohmann::json& preflight);

/// Files sent with findings since `since_ms`: [{relative_path, findings_count, rows_quarantined,
/// at}], newest first.
[[nodiscard]] nlohmann::json remarks_json(LedgerReport& report, std::int64_t since_ms);

/// The same as a paragraph of status; "" when there are none.
[[nodiscard]] std::string remarks_text(const nlohmann::json& remarks);

}  // namespace waybill
