#include "sync/pacer.h"

#include <algorithm>

namespace waybill {

namespace {
constexpr std::int64_t kAskMs = 250;             // how late a changed limit is noticed
constexpr std::int64_t kBucketMs = 200;          // what is unused is kept for so long
constexpr std::int64_t kBucketBytesMin = 1'500;  // a packet, so that a low limit still sends one
}  // namespace

Pacer::Pacer(const Clock& clock, Limit limit)
    : clock_(clock),
      limit_(std::move(limit)),
      limit_bytes_s_(limit_()),
      asked_ms_(clock.steady_ms()),
      refilled_ms_(asked_ms_) {}

std::size_t Pacer::take(std::size_t wanted) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.steady_ms();
  refill(now);
  if (now - asked_ms_ >= kAskMs) {
    limit_bytes_s_ = limit_();
    asked_ms_ = now;
  }
  if (limit_bytes_s_ <= 0) {
    left_ = 0;
    return wanted;
  }
  const std::size_t allowed = std::min(wanted, static_cast<std::size_t>(left_ / 1'000));
  left_ -= static_cast<std::int64_t>(allowed) * 1'000;
  return allowed;
}

void Pacer::refill(std::int64_t now_ms) {
  const std::int64_t elapsed_ms = std::min(now_ms - refilled_ms_, std::int64_t{1'000});
  const std::int64_t full = std::max(limit_bytes_s_ * kBucketMs, kBucketBytesMin * 1'000);
  left_ = std::min(left_ + limit_bytes_s_ * elapsed_ms, full);
  refilled_ms_ = now_ms;
}

}  // namespace waybill
