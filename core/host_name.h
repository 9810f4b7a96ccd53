// The name this machine gives itself, for people.
#pragma once

#include <string>

namespace waybill {

/// "this machine" when the system does not tell.
[[nodiscard]] std::string host_name();

}  // namespace waybill
