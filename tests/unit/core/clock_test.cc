#include "core/clock.h"

#include <catch2/catch.hpp>

using namespace waybill;

TEST_CASE("time: what is written is read back", "[core][clock]") {
  for (const std::int64_t ms :
       {0LL, 1LL, 951'782'400'000LL, 1'763'700'000'123LL, 4'102'444'799'999LL}) {
    CHECK(parse_utc(format_utc(ms)) == ms);
  }
  CHECK(format_utc(951'782'400'000) == "2000-02-29T00:00:00.000Z");
}

TEST_CASE("time: PostgreSQL's and RFC 3339's forms are read, other text is refused",
          "[core][clock]") {
  CHECK(parse_utc("2026-11-20T23:30:00+00:00") == parse_utc("2026-11-20T23:30:00Z"));
  CHECK(parse_utc("2026-11-20 23:30:00.123456+00") == parse_utc("2026-11-20T23:30:00.123Z"));
  CHECK(parse_utc("2026-11-21T01:30:00+02:00") == parse_utc("2026-11-20T23:30:00Z"));
  CHECK(parse_utc("2026-11-20T18:00:00-05:30") == parse_utc("2026-11-20T23:30:00Z"));
  for (const char* text : {"", "yesterday", "2026-02-30T00:00:00Z", "2026-11-20T25:00:00Z",
                           "2026-11-20T23:30:00", "2026-11-20"}) {
    CHECK(parse_utc(text) == -1);
  }
}
