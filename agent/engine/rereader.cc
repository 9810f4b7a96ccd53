#include "agent/engine/rereader.h"

#include <algorithm>

namespace waybill {

namespace {

constexpr double kDayMs = 86'400'000;
constexpr double kFileCost = 16 * 1024;            // of opening one, in bytes read
constexpr std::int64_t kSavedUpMaxMs = 3'600'000;  // time that was busy is caught up no further
constexpr double kBytesPerStep = 64 << 20;
constexpr std::size_t kListed = 64;
constexpr double kLately = 1.0 / 8;  // of the period
constexpr std::int64_t kLookEveryMs = 60'000;

double cost_of(const PathRecord& path) { return kFileCost + static_cast<double>(path.size_bytes); }

}  // namespace

Rereader::Rereader(const Clock& clock, Ledger& ledger, Hasher& hasher, std::int64_t rehash_days)
    : clock_(clock),
      ledger_(ledger),
      hasher_(hasher),
      period_ms_(static_cast<double>(rehash_days) * kDayMs),
      grown_until_steady_ms_(clock.steady_ms()) {}

void Rereader::folder_holds(std::int64_t size_bytes, std::size_t file_count) {
  folder_cost_ = static_cast<double>(size_bytes) + kFileCost * static_cast<double>(file_count);
}

void Rereader::grow_allowance() {
  const std::int64_t now = clock_.steady_ms();
  const auto passed = static_cast<double>(std::min(now - grown_until_steady_ms_, kSavedUpMaxMs));
  grown_until_steady_ms_ = now;
  const double most = folder_cost_ * static_cast<double>(kSavedUpMaxMs) / period_ms_;
  allowance_ = std::min(allowance_ + folder_cost_ * passed / period_ms_, most);
}

bool Rereader::step() {
  if (period_ms_ <= 0 || folder_cost_ <= 0) return false;
  grow_allowance();
  if (clock_.steady_ms() < next_look_steady_ms_) return false;
  bool worked = false;
  double left = kBytesPerStep;
  while (allowance_ > 0 && left > 0 && !hasher_.is_reading_again() && list_next()) {
    const PathRecord listed = next_.front();
    next_.pop_front();
    if (was_read_lately(listed)) {  // so was all that comes after it
      next_.clear();
      next_look_steady_ms_ = clock_.steady_ms() + kLookEveryMs;
      break;
    }
    const std::optional<PathRecord> path = ledger_.find_path(listed.relative_path);
    const bool is_its_turn =
        path && path->state == PathState::kRecorded && path->hashed_at_ms == listed.hashed_at_ms;
    if (!is_its_turn) continue;
    allowance_ -= cost_of(*path);
    left -= cost_of(*path);
    hasher_.reread(*path);
    worked = true;
  }
  return worked;
}

/// A time that is still to come tells of a clock that was stepped back: it may have been long ago.
bool Rereader::was_read_lately(const PathRecord& path) const {
  const std::int64_t age_ms = clock_.now_ms() - path.hashed_at_ms;
  return age_ms >= 0 && static_cast<double>(age_ms) < kLately * period_ms_;
}

/// A list is used up before the next is asked for, which then begins with what is older still.
bool Rereader::list_next() {
  if (!next_.empty()) return true;
  for (PathRecord& path : ledger_.paths_to_reread(kListed)) next_.push_back(std::move(path));
  return !next_.empty();
}

}  // namespace waybill
