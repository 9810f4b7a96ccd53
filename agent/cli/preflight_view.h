// Preflight for people: what the agent found in a file before it was sent.
//
// Place:    agent/cli, beside trace; core/preflight made the report. Never a value of the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/ledger/preflight_record.h"

namespace waybill {

/// The report as central was told it, and where the rows set aside are kept.
[[nodiscard]] nlohmann::json preflight_json(const PreflightRecord& record);

/// Some lines, indented as trace's; `preflight` as preflight_json() gives it.
[[nodiscard]] std::string preflight_lines(const nlohmann::json& preflight);

}  // namespace waybill
