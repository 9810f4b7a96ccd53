// Identity: who this agent is, as central told it at enrolment. Holds no secret.
#pragma once

#include <string>

#include "core/ids.h"

namespace waybill {

struct Identity {
  AgentId agent_id;
  TenantId tenant_id;
  std::string tenant_slug;
  std::string tenant_name;
  std::string time_zone;  ///< IANA name
  std::string agent_name;
  std::string project_url;
};

}  // namespace waybill
