// One suite for the Clock port, on the real thing and on the fake.
#include "core/clock.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

using namespace waybill;

TEMPLATE_TEST_CASE("clock: steady time never goes back, and wall time is of this age",
                   "[contract][clock]", SystemClock, FakeClock) {
  const TestType clock;
  std::int64_t last = clock.steady_ms();
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t now = clock.steady_ms();
    REQUIRE(now >= last);
    last = now;
  }
  CHECK(clock.now_ms() > parse_utc("2025-01-01T00:00:00Z"));
  CHECK(clock.now_ms() < parse_utc("2100-01-01T00:00:00Z"));
}

TEST_CASE("clock: a step of the wall clock leaves steady time alone", "[contract][clock]") {
  FakeClock clock;
  const std::int64_t steady = clock.steady_ms();
  const std::int64_t wall = clock.now_ms();
  clock.step_wall_clock(-86'400'000);
  CHECK(clock.steady_ms() == steady);
  CHECK(clock.now_ms() == wall - 86'400'000);
}
