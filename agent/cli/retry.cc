#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/export_path.h"
#include "agent/config/agent_config.h"
#include "agent/engine/chance.h"
#include "agent/engine/request_folder.h"
#include "agent/ledger/ledger_report.h"
#include "core/error.h"

namespace waybill {

int retry_files(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto report = LedgerReport::open(config.state_folder);
  if (!report || !report->identity()) {
    throw Error(error_code::kNotEnrolled, "ask for another try", config.state_folder.string(),
                "this agent has not been enrolled");
  }
  std::string relative_path;  // "": all that were given up
  if (!options.is_all) {
    relative_path = relative_to_export(config, options.file, *report);
    const std::vector<JobFile> versions = report->versions(relative_path);
    if (versions.empty()) {
      std::cerr << "The ledger has never seen " << relative_path << ".\n";
      return kExitUnknownFile;
    }
    if (!is_in_our_hands(versions.back().state)) {
      std::cout << relative_path << " is " << to_string(versions.back().state) << ": "
                << to_sentence(versions.back().state) << ". There is nothing to try again.\n";
      return kExitOk;
    }
  }
  SystemChance chance;
  RequestFolder(files, config.state_folder, kRetryRequests)
      .put(chance.uuid(), {{"relative_path", relative_path}});
  std::cout << "Asked for. The agent tries "
            << (options.is_all ? "every file that was given up" : relative_path)
            << " again as soon as it runs.\n";
  return kExitOk;
}

}  // namespace waybill
