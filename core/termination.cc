#include "core/termination.h"

#include <chrono>

namespace waybill {

void StopSource::request() {
  const std::lock_guard lock(mutex_);
  requested_ = true;
  changed_.notify_all();
}

bool StopSource::wait_for(std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [this] { return requested_.load(); });
}

}  // namespace waybill
