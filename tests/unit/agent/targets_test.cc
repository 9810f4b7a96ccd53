#include "agent/engine/targets.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

using namespace waybill;

namespace {
wire::UploadTarget target(std::int64_t expires_at_ms) {
  return {wire::UploadMethod::kPut, "b", ObjectPath("p"), "/u", "", "", expires_at_ms};
}
}  // namespace

TEST_CASE("targets: one that is about to expire is not used, one that lives is used once",
          "[agent][targets]") {
  FakeClock clock;
  Targets targets(clock);
  targets.put(FileId{1}, target(clock.now_ms() + 120'000));
  CHECK(targets.has_fresh(FileId{1}));
  clock.advance(100'000);
  CHECK_FALSE(targets.has_fresh(FileId{1}));
  targets.put(FileId{1}, target(clock.now_ms() + 120'000));
  CHECK(targets.take(FileId{1}));
  CHECK_FALSE(targets.take(FileId{1}));
}

TEST_CASE("targets: one just fetched is used even when our clock says it has expired",
          "[agent][targets]") {
  FakeClock clock;
  Targets targets(clock);
  targets.put(FileId{1}, target(clock.now_ms() - 86'400'000));
  CHECK(targets.has_fresh(FileId{1}));
  clock.advance(31'000);
  CHECK_FALSE(targets.has_fresh(FileId{1}));
}
