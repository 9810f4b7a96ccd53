#include <iostream>

#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/config/agent_key.h"
#include "agent/config/agent_token.h"
#include "agent/config/network_options.h"
#include "agent/engine/rebuilder.h"
#include "agent/ledger/ledger.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/host_name.h"
#include "sync/http_central_api.h"

namespace waybill {

namespace {

std::string read_code(const CommandOptions& options) {
  std::string code = options.code;
  if (code.empty()) {
    std::cerr << "Enrolment code: " << std::flush;
    std::getline(std::cin, code);
  }
  std::erase_if(code, [](unsigned char c) { return c <= ' '; });
  if (code.empty()) {
    throw Error(error_code::kEnrolmentRefused, "enroll", "", "no enrolment code was given");
  }
  return code;
}

/// Central is there now, and need not be at the first start: an agent that knows what was delivered
/// takes files in without it. What fails here is done at that start.
void take_inventory(const Clock& clock, CentralApi& central, Ledger& ledger,
                    const std::string& project_url) {
  SystemChance chance;
  Rebuilder rebuilder({clock, central, chance}, ledger, project_url);
  while (!rebuilder.is_done()) {
    if (rebuilder.step().worked) continue;
    std::cout
        << "What central holds of this agency could not be asked yet; the first start asks.\n";
    return;
  }
}

}  // namespace

int enroll_agent(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const SystemClock clock;
  const bool is_anew = !find_agent_token(files, config.state_folder);
  Ledger ledger(files, clock, config.state_folder,
                is_anew ? OnDamage::kSetAside : OnDamage::kRefuse);
  if (const auto identity = ledger.identity()) {
    throw Error(error_code::kAlreadyEnrolled, "enroll", config.state_folder.string(),
                "this is already agent " + identity->agent_name + " of " + identity->tenant_name);
  }
  wire::EnrollRequest request;
  request.code = read_code(options);
  request.agent_name = options.agent_name.empty() ? host_name() : options.agent_name;

  // The token is on disk before central hears of it. When the answer is lost, the same code and
  // the same token get it again.
  std::optional<std::string> token = find_agent_token(files, config.state_folder);
  if (!token) {
    token = make_agent_token();
    write_agent_token(files, config.state_folder, *token);
  }
  request.secret_hash = sha256_hex(*token);
  request.machine = {{"name", host_name()}, {"waybill", WAYBILL_VERSION}};

  HttpOptions http = network_options(files, config);
  http.user_agent = "waybill/" WAYBILL_VERSION;
  HttpCentralApi central({config.project_url, config.publishable_key}, http);
  const wire::EnrollAnswer answer = central.enroll(request);
  ledger.enroll({.agent_id = answer.agent_id,
                 .tenant_id = answer.tenant.tenant_id,
                 .tenant_slug = answer.tenant.slug,
                 .tenant_name = answer.tenant.display_name,
                 .time_zone = answer.tenant.time_zone,
                 .agent_name = request.agent_name,
                 .project_url = config.project_url},
                answer.file_specs, answer.settings);
  (void)read_or_make_agent_key(files, config.state_folder);
  ledger.want_rebuild();  // the folder may hold what an earlier agent has delivered
  std::cout << "Enrolled as " << request.agent_name << " of " << answer.tenant.display_name << " ("
            << answer.tenant.slug << ", time zone " << answer.tenant.time_zone << ").\n"
            << "File specs received: " << answer.file_specs.specs.size() << ".\n";
  HttpCentralApi as_agent({config.project_url, config.publishable_key, *token}, http);
  take_inventory(clock, as_agent, ledger, config.project_url);
  std::cout << "Start with: waybill --config " << options.config_file.string() << " run\n";
  return kExitOk;
}

}  // namespace waybill
