// Deliveries, central's word, history and fetches, as status shows them.
//
// Place:    agent/cli; pure functions over the ledger's report, called by the status view.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/ledger/ledger_report.h"

namespace waybill {

/// Adds "expected", "central", "backfills" and "fetches" to the status.
void add_delivery_facts(nlohmann::json& status, LedgerReport& report);

/// What today's verdict and sentence become when a plan says what is expected. Needs the facts.
void judge_delivery(nlohmann::json& status, std::int64_t now_ms);

/// What needs a person, below the first lines.
[[nodiscard]] std::string delivery_trouble_text(const nlohmann::json& status, std::int64_t now_ms);

/// The rest, at the end.
[[nodiscard]] std::string delivery_text(const nlohmann::json& status);

}  // namespace waybill
