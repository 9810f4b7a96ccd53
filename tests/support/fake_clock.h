// FakeClock: time that moves when a test says so.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace waybill {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_ms() const override { return now_ms_; }
  [[nodiscard]] std::int64_t steady_ms() const override { return steady_ms_; }

  /// Lets `ms` pass on both clocks.
  void advance(std::int64_t ms) {
    now_ms_ += ms;
    steady_ms_ += ms;
  }
  /// Somebody sets the wall clock; the steady one does not notice.
  void step_wall_clock(std::int64_t ms) { now_ms_ += ms; }

 private:
  std::int64_t now_ms_ = 1'763'700'000'000;  // 2025-11-21T04:40:00Z
  std::int64_t steady_ms_ = 1'000;
};

}  // namespace waybill
