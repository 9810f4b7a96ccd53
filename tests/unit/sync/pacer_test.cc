#include "sync/pacer.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

using namespace waybill;

namespace {

/// What two uploads that always want more get together within so long.
std::size_t taken(Pacer& pacer, FakeClock& clock, std::int64_t for_ms) {
  std::size_t sum = 0;
  for (std::int64_t passed = 0; passed < for_ms; passed += 20) {
    for (int asked = 0; asked < 16; ++asked) sum += pacer.take(512 * 1024);
    clock.advance(20);
  }
  return sum;
}

}  // namespace

TEST_CASE("pacer: all uploads together keep to the limit", "[sync][pacer]") {
  for (const std::int64_t limit : {1'000, 125'000, 2'500'000, 125'000'000}) {
    FakeClock clock;
    Pacer pacer(clock, [&] { return limit; });
    const auto sum = static_cast<double>(taken(pacer, clock, 60'000));
    CHECK(sum / 60.0 == Approx(static_cast<double>(limit)).epsilon(0.02));
  }
}

TEST_CASE("pacer: without a limit everything goes at once", "[sync][pacer]") {
  FakeClock clock;
  Pacer pacer(clock, [] { return 0; });
  CHECK(pacer.take(1'000'000) == 1'000'000);
  CHECK(pacer.take(1'000'000) == 1'000'000);
}

TEST_CASE("pacer: a limit that changes counts within a second, in both directions",
          "[sync][pacer]") {
  FakeClock clock;
  std::int64_t limit = 0;
  Pacer pacer(clock, [&] { return limit; });
  CHECK(pacer.take(1'000'000) == 1'000'000);
  limit = 100'000;
  taken(pacer, clock, 300);
  CHECK(taken(pacer, clock, 1'000) <= 110'000);
  limit = 0;
  clock.advance(300);
  static_cast<void>(pacer.take(1));
  CHECK(pacer.take(1'000'000) == 1'000'000);
}

TEST_CASE("pacer: a pause is not made up for by a burst", "[sync][pacer]") {
  FakeClock clock;
  Pacer pacer(clock, [] { return 100'000; });
  clock.advance(3'600'000);
  CHECK(pacer.take(1'000'000) <= 20'000);
}
