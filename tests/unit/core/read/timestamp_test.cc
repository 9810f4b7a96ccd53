// Points in time: what is one of a format, and what is written for PostgreSQL. That PostgreSQL
// takes it is tests/integration/timestamp_cast_test.cc.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "write_value.h"

using namespace waybill;

namespace {

ColumnSpec timestamp(const std::string& format, const std::string& time_zone = "") {
  ColumnSpec spec = column(ColumnType::kTimestamp);
  spec.date_format = format;
  spec.time_zone = time_zone;
  return spec;
}

const std::string kIso = "%Y-%m-%dT%H:%M:%S";

}  // namespace

TEST_CASE("timestamp: the clock time is written as it stood, and beside it whose clock it was",
          "[core][value][timestamp]") {
  CHECK(value_of(timestamp(kIso, "Europe/Paris"), "2026-11-21T18:40:00") ==
        R"("2026-11-21T18:40:00 Europe/Paris")");
  CHECK(value_of(timestamp(kIso, "UTC"), "2026-11-21T18:40:00") == R"("2026-11-21T18:40:00Z")");
  CHECK(value_of(timestamp("%d.%m.%Y %H:%M", "Europe/Berlin"), "1.2.2026 7:05") ==
        R"("2026-02-01T07:05:00 Europe/Berlin")");
  CHECK(value_of(timestamp("%m/%d/%Y %H", "America/New_York"), "12/31/2026 23") ==
        R"("2026-12-31T23:00:00 America/New_York")");
  CHECK(value_of(timestamp("%Y%m%d%H%M%S", "UTC"), "20240229235959") ==
        R"("2024-02-29T23:59:59Z")");
  // A time that the zone's clocks skip is kept, too; who reads it decides.
  CHECK(value_of(timestamp(kIso, "Europe/Paris"), "2026-03-29T02:30:00") ==
        R"("2026-03-29T02:30:00 Europe/Paris")");
}

TEST_CASE("timestamp: an offset is Z, hours, or hours and minutes", "[core][value][timestamp]") {
  const ColumnSpec spec = timestamp(kIso + "%z");
  const auto offset_of = [&](const std::string& written_offset) {
    const std::string value = value_of(spec, "2026-11-21T18:40:00" + written_offset);
    return value == "invalid" ? value : value.substr(20, value.size() - 21);
  };
  CHECK(offset_of("Z") == "Z");
  CHECK(offset_of("+01") == "+01:00");
  CHECK(offset_of("-0330") == "-03:30");
  CHECK(offset_of("+05:45") == "+05:45");
  CHECK(offset_of("-00:00") == "-00:00");
  CHECK(offset_of("+15:59") == "+15:59");
  for (const char* bad : {"",        "z",       "+1",     "+1:00",  "+01:",   "+01:0", "+010",
                          "+01:000", "+16",     "-16:00", "+18:00", "+01:60", "01:00", "+0a:00",
                          "+-1:00",  " +01:00", "ZZ",     "Z+01",   "UTC",    "+",     "-"}) {
    INFO(bad);
    CHECK(offset_of(bad) == "invalid");
  }
  CHECK(value_of(timestamp("%Y-%m-%d %H:%M:%S %z"), "2026-11-21 18:40:00 +0100") ==
        R"("2026-11-21T18:40:00+01:00")");
  CHECK(value_of(timestamp("%Y-%m-%dT%H%z"), "2026-11-21T18-02") ==
        R"("2026-11-21T18:00:00-02:00")");
}

TEST_CASE("timestamp: a fraction keeps its digits, up to nine, and may be left out with its point",
          "[core][value][timestamp]") {
  const ColumnSpec spec = timestamp(kIso + ".%f%z");
  const auto value = [&](const std::string& fraction) {
    return value_of(spec, "2026-11-21T18:40:07" + fraction + "Z");
  };
  CHECK(value(".5") == R"("2026-11-21T18:40:07.5Z")");
  CHECK(value(".500") == R"("2026-11-21T18:40:07.500Z")");
  CHECK(value(".123456789") == R"("2026-11-21T18:40:07.123456789Z")");
  CHECK(value(".000000000") == R"("2026-11-21T18:40:07.000000000Z")");
  CHECK(value("") == R"("2026-11-21T18:40:07Z")");
  for (const char* bad : {".", ".1234567890", ",5", "5", "..5", ".-5", ".5.", ".a"}) {
    INFO(bad);
    CHECK(value(bad) == "invalid");
  }
  CHECK(value_of(timestamp("%Y-%m-%d %H:%M:%S,%f", "UTC"), "2026-11-21 18:40:07,250") ==
        R"("2026-11-21T18:40:07.250Z")");
  CHECK(value_of(timestamp("%Y-%m-%d %H:%M:%S,%f", "UTC"), "2026-11-21 18:40:07.250") == "invalid");
  // Without a point of its own in front a fraction cannot be left out.
  CHECK(value_of(timestamp("%Y%m%d%H%M%S%f", "UTC"), "20261121184007250") ==
        R"("2026-11-21T18:40:07.250Z")");
  CHECK(value_of(timestamp("%Y%m%d%H%M%S%f", "UTC"), "20261121184007") == "invalid");
  CHECK(value_of(timestamp("%Y-%m-%d %H:%M:%S %f", "UTC"), "2026-11-21 18:40:07 ") == "invalid");
}

TEST_CASE("timestamp: what is no moment of the format is invalid", "[core][value][timestamp]") {
  for (const char* bad : {"2026-02-29T00:00:00",
                          "2026-11-31T00:00:00",
                          "2026-00-01T00:00:00",
                          "0000-01-01T00:00:00",
                          "2026-11-21T24:00:00",
                          "2026-11-21T18:60:00",
                          "2026-11-21T18:40:60",
                          "2026-11-21T18:40",
                          "2026-11-21 18:40:00",
                          "2026-11-21T18:40:00 ",
                          " 2026-11-21T18:40:00",
                          "2026-11-21T18:40:00Z",
                          "2026-11-21t18:40:00",
                          "26-11-21T18:40:00",
                          "20261121T184000",
                          "2026-11-21",
                          "now",
                          "x",
                          "2026-11-21T-1:40:00",
                          "2026-11-21T118:40:00",
                          "12026-11-21T18:40:00"}) {
    INFO(bad);
    CHECK(value_of(timestamp(kIso, "UTC"), bad) == "invalid");
  }
  ColumnSpec spec = timestamp(kIso, "UTC");
  CHECK(value_of(spec, "") == "null");
  spec.null_values = {"0000-00-00T00:00:00"};
  spec.trim = true;
  CHECK(value_of(spec, " 0000-00-00T00:00:00 ") == "null");
  CHECK(value_of(spec, " 2026-11-21T18:40:00 ") == R"("2026-11-21T18:40:00Z")");
  CHECK(ColumnValue(spec).expectation() == "a date and time written as " + kIso);
}

// Goal:   the room that is asked for is enough, whatever the zone and however short the text.
// Method: the longest zone name beside the shortest texts; the sanitizer sees a write beyond it.
TEST_CASE("timestamp: the longest zone name fits the room that is asked for",
          "[core][value][timestamp]") {
  const std::string zone = "A" + std::string(63, 'z');
  CHECK(value_of(timestamp("%Y-%m-%d %H", zone), "2026-1-1 1") ==
        "\"2026-01-01T01:00:00 " + zone + "\"");
  CHECK(value_of(timestamp("%Y%m%d%H", zone), "2026010101") ==
        "\"2026-01-01T01:00:00 " + zone + "\"");
  CHECK(value_of(timestamp("%Y%m%d%H%z"), "2026010101+15") == R"("2026-01-01T01:00:00+15:00")");
}
