#include "central/standin/upload_locks.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "central/standin/storage_error.h"

namespace waybill::standin {

namespace {

/// A clock that nobody sets; its zero means nothing.
std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::unique_ptr<UploadLocks::Held> UploadLocks::take(const std::string& version,
                                                     std::function<void()> cut_off) {
  const std::int64_t give_up_at_ms = steady_ms() + times_.wait_ms;
  std::unique_lock guard(mutex_);
  for (;;) {
    const auto found = holders_.find(version);
    if (found == holders_.end()) {
      holders_[version].cut_off = std::move(cut_off);
      return std::make_unique<Held>(*this, version);
    }
    const std::int64_t now_ms = steady_ms();
    if (now_ms >= give_up_at_ms) refuse_storage(kLockTimeout, "acquiring lock timeout");
    Holder& holder = found->second;
    if (!holder.asked_at_ms) holder.asked_at_ms = now_ms;
    const std::int64_t cut_at_ms = *holder.asked_at_ms + times_.drain_ms;
    if (now_ms >= cut_at_ms && !holder.is_cut_off) {
      holder.is_cut_off = true;
      if (holder.cut_off) holder.cut_off();  // under the mutex: the holder cannot be gone
    }
    const std::int64_t until_ms =
        holder.is_cut_off ? give_up_at_ms : std::min(give_up_at_ms, cut_at_ms);
    released_.wait_for(guard, std::chrono::milliseconds(until_ms - now_ms));
  }
}

std::unique_ptr<UploadLocks::Held> UploadLocks::try_take(const std::string& version) {
  const std::lock_guard guard(mutex_);
  if (!holders_.try_emplace(version).second) return nullptr;
  return std::make_unique<Held>(*this, version);
}

void UploadLocks::release(const std::string& version) {
  {
    const std::lock_guard guard(mutex_);
    holders_.erase(version);
  }
  released_.notify_all();
}

bool UploadLocks::is_cut_off(const std::string& version) {
  const std::lock_guard guard(mutex_);
  return holders_.at(version).is_cut_off;
}

}  // namespace waybill::standin
