#include "agent/engine/backoff.h"

#include <catch2/catch.hpp>

#include "agent/ledger/job_file.h"

using namespace waybill;

namespace {
class FixedChance final : public Chance {
 public:
  double value = 0;
  [[nodiscard]] double fraction() override { return value; }
  [[nodiscard]] std::string uuid() override { return ""; }
};
}  // namespace

TEST_CASE("backoff: pauses are spread from the floor to a ceiling that doubles up to a limit",
          "[agent][backoff]") {
  FixedChance chance;
  for (const int failures : {1, 2, 10, 1'000'000}) {
    chance.value = 0;
    CHECK(pause_ms(failures, 0, chance) == kPauseFloorMs);
  }
  chance.value = 0.999999;
  CHECK(pause_ms(1, 0, chance) < pause_ms(2, 0, chance));
  CHECK(pause_ms(3, 0, chance) > 7'000);
  CHECK(pause_ms(40, 0, chance) <= kRetryPauseMaxMs);
}

TEST_CASE("backoff: what central asks for is kept, but never for longer than the limit",
          "[agent][backoff]") {
  FixedChance chance;
  CHECK(pause_ms(1, 30'000, chance) == 30'000);
  CHECK(pause_ms(1, 86'400'000, chance) == kRetryPauseMaxMs);
}
