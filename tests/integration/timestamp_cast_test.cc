// Timestamps as ColumnValue writes them, cast by PostgreSQL: both ends know the same moment.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "central/pg/connection.h"
#include "core/read/column_value.h"
#include "tests/support/private_postgres.h"

using namespace waybill;

namespace {

/// The JSON string without its quotes, or "" when the text is no such time.
std::string written(const ColumnValue& value, const std::string& text) {
  std::string room(value.overhead_bytes() + kJsonGrowthMax * text.size(), '#');
  char* out = room.data();
  if (value.write(text, out) != ValueOutcome::kFilled) return "";
  return {room.data() + 1, out - 1};
}

ColumnValue timestamp(const std::string& format, const std::string& time_zone = "") {
  ColumnSpec spec;
  spec.type = ColumnType::kTimestamp;
  spec.date_format = format;
  spec.time_zone = time_zone;
  return ColumnValue(spec);
}

struct Numbers {
  int year, month, day, hour, minute, second;
  std::string fraction;
};

Numbers random_numbers(std::mt19937& random) {
  const auto below = [&](unsigned count) { return static_cast<int>(random() % count); };
  std::string fraction;
  for (int i = below(10); i > 0; --i) fraction += static_cast<char>('0' + below(10));
  const int year = below(3) == 0 ? 1 + below(9999) : 1970 + below(80);
  return {year, 1 + below(12), 1 + below(28), below(24), below(60), below(60), fraction};
}

std::string day_of(const Numbers& n) {
  return fmt::format("{:04}-{:02}-{:02}", n.year, n.month, n.day);
}
std::string time_of(const Numbers& n) {
  return fmt::format("{:02}:{:02}:{:02}{}{}", n.hour, n.minute, n.second,
                     n.fraction.empty() ? "" : ".", n.fraction);
}

}  // namespace

// Goal:   the payload's text is the moment that was meant.
// Method: random times in several zones; PostgreSQL casts what we write, and makes the same moment
//         of the numbers themselves by make_timestamp and AT TIME ZONE.
TEST_CASE("timestamp cast: PostgreSQL reads the clock time in the zone beside it",
          "[pg][timestamp]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  database.exec("SET TimeZone = 'Asia/Tokyo'");  // whatever the session's zone is
  std::mt19937 random(20261121);
  for (const char* zone : {"UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata",
                           "Australia/Lord_Howe", "America/Argentina/Buenos_Aires", "Etc/GMT+5"}) {
    const ColumnValue value = timestamp("%d.%m.%Y %H:%M:%S.%f", zone);
    for (int i = 0; i < 60; ++i) {
      const Numbers n = random_numbers(random);
      const std::string payload =
          written(value, fmt::format("{}.{}.{:04} {}", n.day, n.month, n.year, time_of(n)));
      INFO(payload);
      REQUIRE_FALSE(payload.empty());
      const pg::Result row =
          database.exec("SELECT $1::timestamptz = ($2::date + $3::time) AT TIME ZONE $4",
                        {payload, day_of(n), time_of(n), std::string(zone)});
      CHECK(row.boolean(0, 0));
    }
  }
}

TEST_CASE("timestamp cast: PostgreSQL reads every offset that we take", "[pg][timestamp]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  const ColumnValue value = timestamp("%Y-%m-%dT%H:%M:%S.%f%z");
  std::mt19937 random(20261121);
  for (int minutes = -959; minutes <= 959; minutes += 7) {
    const Numbers n = random_numbers(random);
    const char sign = minutes < 0 ? '-' : '+';
    const int size = std::abs(minutes);
    const char* colon = random() % 2 == 0 ? ":" : "";
    const std::string payload =
        written(value, fmt::format("{}T{}{}{:02}{}{:02}", day_of(n), time_of(n), sign, size / 60,
                                   colon, size % 60));
    INFO(payload);
    REQUIRE_FALSE(payload.empty());
    const pg::Result row = database.exec(
        "SELECT $1::timestamptz = ($2::date + $3::time - make_interval(mins => $4::int)) AT TIME "
        "ZONE 'UTC'",
        {payload, day_of(n), time_of(n), std::to_string(minutes)});
    CHECK(row.boolean(0, 0));
  }
  // One hour farther is too far for both.
  CHECK(written(value, "2026-11-21T18:40:00+16:00").empty());
  CHECK_THROWS_AS(database.exec("SELECT '2026-11-21T18:40:00+16:00'::timestamptz"), pg::PgError);
}

// Goal:   no name of a zone is taken for something else when it stands behind a time.
TEST_CASE("timestamp cast: every zone that PostgreSQL knows may be named", "[pg][timestamp]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  const pg::Result zones = database.exec("SELECT name FROM pg_timezone_names ORDER BY name");
  REQUIRE(zones.rows() > 400);
  for (int i = 0; i < zones.rows(); ++i) {
    const std::string zone = zones.string(i, 0);
    const std::string payload = written(timestamp("%Y-%m-%d %H:%M", zone), "2026-07-01 12:00");
    INFO(payload);
    const pg::Result row =
        database.exec("SELECT $1::timestamptz = '2026-07-01T12:00:00'::timestamp AT TIME ZONE $2",
                      {payload, zone});
    CHECK(row.boolean(0, 0));
  }
}
