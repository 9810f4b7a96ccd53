// Health: one colour and its reasons, as `waybill status` begins with.
//
// Place:    agent/cli; pure functions over the status, so that tests can read them.
// Rule:     red: deliveries do not move until something is done. Yellow: they move, or will by
//           themselves, but a person should look. Green: nothing to do.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/ledger/damage.h"

namespace waybill {

/// What the agent's own disk says to whoever looks from outside, while the agent runs or not.
struct DiskFacts {
  std::string state_folder;
  std::optional<std::uint64_t> free_bytes;
  std::uint64_t reserve_bytes = 0;
  std::optional<LedgerTrouble> trouble;  ///< noted beside the ledger
  std::int64_t last_backup_at_ms = 0;    ///< 0: none
};

/// Adds "disk_problem", "backup" and "ledger_trouble" to the status.
void add_disk_facts(nlohmann::json& status, const DiskFacts& facts);

/// Adds "health": {level, reasons[], oldest_unsent_at}. Needs the other facts and verdicts.
void judge_health(nlohmann::json& status, std::int64_t oldest_unsent_at_ms, std::int64_t now_ms);

/// "Health: RED. ..." and the line about backups.
[[nodiscard]] std::string health_text(const nlohmann::json& status, std::int64_t now_ms);

}  // namespace waybill
