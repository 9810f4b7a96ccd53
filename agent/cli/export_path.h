// What a person means by FILE on the command line.
//
// Place:    agent/cli; trace and retry.
#pragma once

#include <filesystem>
#include <string>

#include "agent/config/agent_config.h"
#include "agent/ledger/ledger_report.h"

namespace waybill {

/// The name below the export folder that the person means: relative to it, or any path into it.
[[nodiscard]] std::string relative_to_export(const AgentConfig& config,
                                             const std::filesystem::path& given,
                                             LedgerReport& report);

}  // namespace waybill
