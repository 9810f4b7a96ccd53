#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/status_view.h"
#include "agent/config/agent_config.h"
#include "agent/config/agent_token.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_backup.h"
#include "core/error.h"
#include "core/local_day.h"

namespace waybill {

namespace {

/// Looked at from here: an agent that cannot write its ledger cannot tell either.
DiskFacts disk_facts(FileSystem& files, const AgentConfig& config) {
  constexpr std::int64_t kMib = std::int64_t{1} << 20;
  DiskFacts out;
  out.state_folder = config.state_folder.string();
  out.free_bytes = files.free_bytes(config.state_folder);
  out.reserve_bytes = static_cast<std::uint64_t>(config.ledger.reserve_mib * kMib);
  out.trouble = find_trouble(files, config.state_folder);
  const auto backups = ledger_backups(files, config.state_folder);
  if (!backups.empty()) out.last_backup_at_ms = backup_time_ms(backups.back());
  return out;
}

}  // namespace

int show_status(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto report = LedgerReport::open(config.state_folder);
  const std::optional<Identity> identity = report ? report->identity() : std::optional<Identity>();
  // An enrolled agent whose ledger does not know it yet is rebuilding it.
  if (!identity && (!report || !files.stat(config.state_folder / kTokenFileName))) {
    throw Error(error_code::kNotEnrolled, "show status of", config.state_folder.string(),
                "this agent has not been enrolled, or has not run since its ledger was lost");
  }
  const SystemClock clock;
  StatusFacts facts;
  // Whoever can take the lock is alone: no agent runs. It is given back at once.
  facts.is_running = files.try_lock(config.state_folder / kLedgerLockName) == nullptr;
  facts.now_ms = clock.now_ms();
  facts.today = delivery_date_of(*system_local_day(identity ? identity->time_zone : "UTC"),
                                 facts.now_ms, report->day_starts_min());
  facts.version = WAYBILL_VERSION;
  facts.export_folder = config.export_folder.string();
  facts.disk = disk_facts(files, config);
  const nlohmann::json status = status_json(*report, facts);
  std::cout << (options.as_json ? status.dump(2) + "\n" : status_text(status, facts.now_ms));
  return kExitOk;
}

}  // namespace waybill
