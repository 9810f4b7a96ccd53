// Pacer: one bandwidth limit shared by all upload threads.
//
// Place:    sync; HttpClient asks it before it hands bytes to a socket.
// Method:   a token bucket. What is not used is kept for a moment only, so that a pause is not made
//           up for by a burst.
// Threads:  take() is called by any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include "core/clock.h"

namespace waybill {

class Pacer {
 public:
  /// Bytes a second that are allowed now; 0: no limit. Asked a few times a second, by any thread.
  using Limit = std::function<std::int64_t()>;

  Pacer(const Clock& clock, Limit limit);

  /// How many of `wanted` bytes may go now; 0: none for a moment.
  [[nodiscard]] std::size_t take(std::size_t wanted);

 private:
  void refill(std::int64_t now_ms);

  const Clock& clock_;
  Limit limit_;
  std::mutex mutex_;  // guards what follows
  std::int64_t limit_bytes_s_ = 0;
  std::int64_t asked_ms_;     // when the limit was asked for last
  std::int64_t refilled_ms_;  // ... and the bucket filled
  std::int64_t left_ = 0;     // in the bucket; thousandths of a byte
};

}  // namespace waybill
