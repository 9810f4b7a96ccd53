// LocalDay: the port that tells which calendar day it is where the agency is.
//
// Place:    core; the system's time zone data in core/platform/, a fixed offset in tests.
// Source:   the zone is the IANA name that central gave at enrolment.
// Units:    *_ms are UTC milliseconds since 1970; *_min are minutes of local clock time after
//           midnight; a date is "YYYY-MM-DD".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

class LocalDay {
 public:
  virtual ~LocalDay() = default;
  /// "YYYY-MM-DD" of that moment in the agency's zone, daylight saving and all.
  [[nodiscard]] virtual std::string date_of(std::int64_t utc_ms) const = 0;

  /// The moment at which the agency's clocks show so many minutes after midnight of `date`. Clocks
  /// that skip it (spring): as if they had not been put forward yet. Clocks that show it twice
  /// (autumn): the second time. PostgreSQL's AT TIME ZONE decides the same, so both ends agree.
  [[nodiscard]] virtual std::int64_t utc_ms_of(const std::string& date,
                                               std::int32_t minutes) const = 0;
};

/// The system's own zone rules for `iana_zone`. Sets the zone of the whole process, so call it
/// once, in main(), before any thread is started. Throws WB-1002 when the system does not know it.
[[nodiscard]] std::unique_ptr<LocalDay> system_local_day(const std::string& iana_zone);

// ---- calendar dates, without any zone

/// Is it "YYYY-MM-DD" of a day that the calendar has?
[[nodiscard]] bool is_date(const std::string& text);

/// The day so many days later (or earlier). WB-9001 when `date` is none.
[[nodiscard]] std::string shifted_date(const std::string& date, std::int32_t days);

/// 0 for Monday ... 6 for Sunday.
[[nodiscard]] std::size_t weekday_of(const std::string& date);

/// "mon" ... "sun", Monday first, as configuration and plans name them.
inline constexpr std::array<std::string_view, 7> kWeekdayNames = {"mon", "tue", "wed", "thu",
                                                                  "fri", "sat", "sun"};
[[nodiscard]] std::optional<std::size_t> parse_weekday(std::string_view name);

/// "08:30" in minutes after midnight; nothing when it is no time of day.
[[nodiscard]] std::optional<std::int32_t> parse_time_of_day(std::string_view text);

/// Midnight UTC of the date, in milliseconds since 1970.
[[nodiscard]] std::int64_t utc_midnight_ms(const std::string& date);

// ---- deliveries

/// The date of the delivery that a file complete at that moment belongs to, when days begin
/// `day_starts_min` after midnight.
[[nodiscard]] std::string delivery_date_of(const LocalDay& local_day, std::int64_t utc_ms,
                                           std::int32_t day_starts_min);

}  // namespace waybill
