#include <unistd.h>

#include <array>

#include "core/host_name.h"
#include "core/utf8.h"

namespace waybill {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "this machine";
  return replace_invalid_utf8(name.data());
}

}  // namespace waybill
