// How the agent reaches the network: proxy, trusted issuers, client certificate.
//
// Place:    agent/config; made once at start, so that a wrong path is told then and not at night.
// Errors:   WB-1002 when a file of the section network is not there, WB-1006 when others than the
//           service account may read the client's key.
#pragma once

#include "agent/config/agent_config.h"
#include "core/file_system.h"
#include "sync/http/http_client.h"

namespace waybill {

/// For calls of central and uploads.
[[nodiscard]] HttpOptions network_options(FileSystem& files, const AgentConfig& config);

}  // namespace waybill
