#include "core/local_day.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "core/clock.h"
#include "core/error.h"

using namespace waybill;

namespace {

/// The process's zone is put back, so that tests stay independent of their order.
struct ZoneGuard {
  ~ZoneGuard() { (void)system_local_day("UTC"); }
};

std::string moment_of(const std::string& zone, const std::string& date, std::int32_t minutes) {
  const ZoneGuard guard;
  return format_utc(system_local_day(zone)->utc_ms_of(date, minutes));
}

std::string delivery_of(const std::string& zone, const std::string& moment, std::int32_t minutes) {
  const ZoneGuard guard;
  return delivery_date_of(*system_local_day(zone), parse_utc(moment), minutes);
}

}  // namespace

TEST_CASE("local day: a clock time is the moment the agency's clocks show it",
          "[core][local_day]") {
  CHECK(moment_of("UTC", "2025-11-21", 6 * 60) == "2025-11-21T06:00:00.000Z");
  CHECK(moment_of("America/Chicago", "2025-01-15", 0) == "2025-01-15T06:00:00.000Z");
  CHECK(moment_of("America/Chicago", "2025-07-15", 0) == "2025-07-15T05:00:00.000Z");
  CHECK(moment_of("Asia/Kathmandu", "2025-07-15", 90) == "2025-07-14T19:45:00.000Z");
}

TEST_CASE("local day: a skipped hour counts as if clocks had stayed, a doubled one as its second",
          "[core][local_day]") {
  // 2025-03-30 02:00 -> 03:00 and 2025-10-26 03:00 -> 02:00 in Berlin.
  CHECK(moment_of("Europe/Berlin", "2025-03-30", 119) == "2025-03-30T00:59:00.000Z");
  CHECK(moment_of("Europe/Berlin", "2025-03-30", 150) == "2025-03-30T01:30:00.000Z");
  CHECK(moment_of("Europe/Berlin", "2025-03-30", 180) == "2025-03-30T01:00:00.000Z");
  CHECK(moment_of("Europe/Berlin", "2025-10-26", 119) == "2025-10-25T23:59:00.000Z");
  CHECK(moment_of("Europe/Berlin", "2025-10-26", 150) == "2025-10-26T01:30:00.000Z");
  CHECK(moment_of("Europe/Berlin", "2025-10-26", 180) == "2025-10-26T02:00:00.000Z");
  // A zone that has its change at midnight: the day begins where its clocks begin.
  CHECK(moment_of("America/Asuncion", "2024-10-06", 0) == "2024-10-06T04:00:00.000Z");
}

TEST_CASE("local day: before the day's start a file belongs to the day before",
          "[core][local_day]") {
  CHECK(delivery_of("America/Chicago", "2025-01-15T05:59:59Z", 0) == "2025-01-14");
  CHECK(delivery_of("America/Chicago", "2025-01-15T06:00:00Z", 0) == "2025-01-15");
  CHECK(delivery_of("America/Chicago", "2025-01-15T17:59:59Z", 12 * 60) == "2025-01-14");
  CHECK(delivery_of("America/Chicago", "2025-01-15T18:00:00Z", 12 * 60) == "2025-01-15");
  CHECK(delivery_of("Europe/Berlin", "2025-03-30T01:29:59Z", 150) == "2025-03-29");
  CHECK(delivery_of("Europe/Berlin", "2025-03-30T01:30:00Z", 150) == "2025-03-30");
}

TEST_CASE("local day: dates are those of the calendar", "[core][local_day]") {
  CHECK(is_date("2024-02-29"));
  for (const char* none : {"2025-02-29", "2025-13-01", "2025-00-10", "2025-1-01", "20250101",
                           "2025-01-01 ", "2025-01-0x", ""}) {
    INFO(none);
    CHECK_FALSE(is_date(none));
  }
  CHECK(shifted_date("2024-03-01", -1) == "2024-02-29");
  CHECK(shifted_date("2025-12-31", 1) == "2026-01-01");
  CHECK(weekday_of("2025-11-17") == 0);
  CHECK(weekday_of("2025-11-23") == 6);
  CHECK_THROWS_AS(shifted_date("tomorrow", 1), Error);
}
