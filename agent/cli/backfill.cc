#include <iostream>

#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/engine/backfiller.h"
#include "agent/engine/chance.h"
#include "agent/ledger/ledger_report.h"
#include "core/error.h"
#include "core/local_day.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameMax = 100;

bool is_within(const fs::path& inner, const fs::path& outer) {
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

[[noreturn]] void refuse(const std::string& subject, const std::string& cause) {
  throw Error(error_code::kConfigInvalid, "ask for backfill of", subject, cause);
}

void check(const Backfill& request, const AgentConfig& config) {
  std::error_code ignored;
  if (!fs::is_directory(request.folder, ignored)) refuse(request.folder, "it is not a folder");
  for (const fs::path& other : {fs::weakly_canonical(config.export_folder, ignored),
                                fs::weakly_canonical(config.state_folder, ignored)}) {
    if (is_within(request.folder, other) || is_within(other, request.folder)) {
      refuse(request.folder,
             "it must lie outside the export folder and the state folder, or its files would be "
             "taken twice");
    }
  }
  if (!is_date(request.as_of)) refuse(request.as_of, "--as-of must be a date, YYYY-MM-DD");
  if (request.delivery_name.empty() || request.delivery_name.size() > kNameMax) {
    refuse(request.folder, "--name must have 1 to 100 characters");
  }
}

}  // namespace

int backfill_folder(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto report = LedgerReport::open(config.state_folder);
  if (!report || !report->identity()) {
    throw Error(error_code::kNotEnrolled, "ask for backfill", config.state_folder.string(),
                "this agent has not been enrolled");
  }
  std::error_code ignored;
  Backfill request;
  request.folder = fs::weakly_canonical(fs::absolute(options.folder), ignored).string();
  request.as_of = options.as_of;
  request.delivery_name = options.delivery_name;
  request.is_ahead = options.is_ahead;
  request.allow_older = options.allow_older;
  SystemChance chance;
  request.request_id = chance.uuid();
  check(request, config);
  request_backfill(files, config.state_folder, request);
  std::cout << "Asked for. The agent loads " << request.folder << " "
            << (request.is_ahead ? "ahead of" : "behind") << " the nightly files"
            << " as soon as it runs; `waybill status` shows how far it is.\n"
            << "Leave the folder as it is until then.\n";
  return kExitOk;
}

}  // namespace waybill
