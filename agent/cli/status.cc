#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/status_view.h"
#include "agent/config/agent_config.h"
#include "agent/ledger/ledger.h"
#include "core/error.h"
#include "core/local_day.h"

namespace waybill {

int show_status(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto report = LedgerReport::open(config.state_folder);
  const std::optional<Identity> identity = report ? report->identity() : std::optional<Identity>();
  if (!identity) {
    throw Error(error_code::kNotEnrolled, "show status of", config.state_folder.string(),
                "this agent has not been enrolled");
  }
  const SystemClock clock;
  StatusFacts facts;
  // Whoever can take the lock is alone: no agent runs. It is given back at once.
  facts.is_running = files.try_lock(config.state_folder / kLedgerLockName) == nullptr;
  facts.now_ms = clock.now_ms();
  facts.today = delivery_date_of(*system_local_day(identity->time_zone), facts.now_ms,
                                 report->day_starts_min());
  facts.version = WAYBILL_VERSION;
  facts.export_folder = config.export_folder.string();
  const nlohmann::json status = status_json(*report, facts);
  std::cout << (options.as_json ? status.dump(2) + "\n" : status_text(status, facts.now_ms));
  return kExitOk;
}

}  // namespace waybill
