#include "agent/engine/backoff.h"

#include <algorithm>

#include "agent/ledger/job_file.h"

namespace waybill {

std::int64_t pause_ms(std::int32_t failures, std::int64_t asked_ms, Chance& chance) {
  const std::int32_t doublings = std::clamp(failures - 1, 0, 20);
  const std::int64_t ceiling = std::min(kRetryPauseMaxMs, kPauseBaseMs << doublings);
  const double spread = static_cast<double>(ceiling - kPauseFloorMs) * chance.fraction();
  const std::int64_t pause = kPauseFloorMs + static_cast<std::int64_t>(spread);
  return std::min(kRetryPauseMaxMs, std::max(pause, asked_ms));
}

}  // namespace waybill
