// Termination: how a long-running program learns that it shall end.
//
// Place:    core; the port. core/platform/ listens to SIGTERM and SIGINT (later: the service
//           manager and the console of Windows).
// Threads:  arm() is called in main() before any thread is started.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace waybill {

/// A request to end, made once and never taken back. Shared by all threads of a program.
class StopSource {
 public:
  void request();
  [[nodiscard]] bool requested() const { return requested_.load(std::memory_order_relaxed); }
  /// Waits at most `timeout_ms`, less when the end is requested; true when it is.
  bool wait_for(std::int64_t timeout_ms);
  /// The flag itself, for code that polls it from a callback.
  [[nodiscard]] const std::atomic<bool>& flag() const { return requested_; }

 private:
  std::atomic<bool> requested_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Turns the system's signals to end into `stop.request()`; `stop` must outlive the process's
/// threads. Also lets a broken pipe be an error of the write instead of the end of the process.
void arm_termination(StopSource& stop);

}  // namespace waybill
