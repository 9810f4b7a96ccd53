#include "central/worker/lease_keeper.h"

#include <chrono>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kRenewalsPerLease = 3;

}  // namespace

LeaseKeeper::Hold::Hold(LeaseKeeper& keeper, const Claim& claim)
    : keeper_(keeper),
      tenant_id_(claim.tenant_id),
      fence_(claim.fence),
      renewed_ms_(keeper.clock_.steady_ms()) {
  const std::lock_guard lock(keeper_.mutex_);
  place_ = keeper_.holds_.insert(keeper_.holds_.end(), this);
}

LeaseKeeper::Hold::~Hold() {
  const std::lock_guard lock(keeper_.mutex_);
  keeper_.holds_.erase(place_);
}

LeaseKeeper::LeaseKeeper(std::string database_url, std::int64_t lease_s)
    : database_url_(std::move(database_url)), lease_s_(lease_s), thread_([this] { run(); }) {}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LeaseKeeper::run() {
  const std::chrono::milliseconds pause(lease_s_ * 1000 / kRenewalsPerLease);
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause, [this] { return end_; })) renew_all(lock);
}

/// Called and left with the lock held; the database is asked without it.
void LeaseKeeper::renew_all(std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<std::string, std::int64_t>> due;
  for (const Hold* hold : holds_) {
    if (!hold->lost()) due.emplace_back(hold->tenant_id_, hold->fence_);
  }
  for (const auto& [tenant_id, fence] : due) {
    const std::int64_t asked_ms = clock_.steady_ms();
    lock.unlock();
    bool reached = true;
    bool kept = false;
    try {
      kept = renew(tenant_id, fence);
    } catch (const Error& error) {
      reached = false;
      log_error(error);
    }
    lock.lock();
    if (end_) return;
    Hold* const hold = find(fence, tenant_id);
    if (hold == nullptr) continue;  // finished meanwhile
    if (kept) hold->renewed_ms_ = asked_ms;
    const bool expired = clock_.steady_ms() - hold->renewed_ms_ > lease_s_ * 1000;
    if ((reached && !kept) || expired) hold->lost_ = true;
  }
}

bool LeaseKeeper::renew(const std::string& tenant_id, std::int64_t fence) {
  if (!database_ || !database_->alive()) {
    database_.reset();
    auto fresh = std::make_unique<pg::Connection>(database_url_, "waybill-lease-keeper");
    Registry(*fresh).become_service_role();
    // One tenant's lock must not keep the others' leases from being renewed.
    fresh->exec("SET lock_timeout = '1s'");
    database_ = std::move(fresh);
  }
  return Registry(*database_).heartbeat(tenant_id, fence, lease_s_);
}

LeaseKeeper::Hold* LeaseKeeper::find(std::int64_t fence, const std::string& tenant_id) {
  for (Hold* hold : holds_) {
    if (hold->fence_ == fence && hold->tenant_id_ == tenant_id) return hold;
  }
  return nullptr;
}

}  // namespace waybill
