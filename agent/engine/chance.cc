#include "agent/engine/chance.h"

#include <cstdint>
#include <cstring>

#include "core/crypto.h"

namespace waybill {

double SystemChance::fraction() {
  const std::string bytes = random_bytes(sizeof(std::uint32_t));
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return static_cast<double>(number) / 4294967296.0;
}

std::string SystemChance::uuid() { return random_uuid(); }

}  // namespace waybill
