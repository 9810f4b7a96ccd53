// Backoff: how long to wait before the next try.
//
// Place:    agent/engine. Full jitter: evenly between the floor and a ceiling that doubles, so that
//           agents that failed together do not come back together.
#pragma once

#include <cstdint>

#include "agent/engine/chance.h"

namespace waybill {

inline constexpr std::int64_t kPauseFloorMs = 200;
inline constexpr std::int64_t kPauseBaseMs = 2'000;

/// The pause after the `failures`-th failure in a row (1, 2, ...), at most kRetryPauseMaxMs; never
/// less than `asked_ms`, which central or storage may have asked for.
[[nodiscard]] std::int64_t pause_ms(std::int32_t failures, std::int64_t asked_ms, Chance& chance);

}  // namespace waybill
