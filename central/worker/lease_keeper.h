// LeaseKeeper: renews the leases of steps that take longer than their lease.
//
// Place:    central/worker. COPY keeps a thread's own connection busy, so renewals have another.
// Owner:    run_worker; one keeper for all threads of the process, with one thread of its own.
// Threads:  hold() and Hold may be used from any thread.
// Errors:   a database that cannot be reached is logged; a lease that could not be renewed in its
//           time counts as lost. Being told late is safe: the registry refuses a stale fence.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "central/pg/connection.h"
#include "central/worker/registry.h"
#include "core/clock.h"

namespace waybill {

class LeaseKeeper {
 public:
  LeaseKeeper(std::string database_url, std::int64_t lease_s);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  /// One lease being kept; let go on destruction.
  class Hold {
   public:
    Hold(LeaseKeeper& keeper, const Claim& claim);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    /// True once another worker may have the step: drop it.
    [[nodiscard]] bool lost() const { return lost_.load(std::memory_order_relaxed); }

   private:
    friend class LeaseKeeper;
    LeaseKeeper& keeper_;
    const std::string tenant_id_;
    const std::int64_t fence_;
    std::int64_t renewed_ms_;  ///< steady time of the last renewal; guarded by the keeper's mutex
    std::atomic<bool> lost_{false};
    std::list<Hold*>::iterator place_;
  };

 private:
  void run();
  void renew_all(std::unique_lock<std::mutex>& lock);
  bool renew(const std::string& tenant_id, std::int64_t fence);
  [[nodiscard]] Hold* find(std::int64_t fence, const std::string& tenant_id);

  const std::string database_url_;
  const std::int64_t lease_s_;
  SystemClock clock_;
  std::unique_ptr<pg::Connection> database_;  ///< the keeper's thread alone; opened when needed
  std::mutex mutex_;
  std::condition_variable changed_;
  bool end_ = false;
  std::list<Hold*> holds_;
  std::thread thread_;
};

}  // namespace waybill
