#include "core/clock.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdio>

namespace waybill {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

}  // namespace

std::int64_t SystemClock::now_ms() const {
  return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t SystemClock::steady_ms() const {
  return duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string format_utc(std::int64_t utc_ms) {
  const std::chrono::sys_time<milliseconds> time{milliseconds(utc_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::int64_t parse_utc(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  // NOLINTNEXTLINE(cert-err34-c): the number of fields is checked, and their ranges below
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d%n", &year, &month, &day, &hour,
                  &minute, &second, &used) != 6) {
    return -1;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return -1;
  std::size_t at = static_cast<std::size_t>(used);
  std::int64_t fraction_ms = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      fraction_ms += (text[at] - '0') * scale;
    }
  }
  std::int64_t offset_min = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    int hours = 0, minutes = 0;
    // NOLINTNEXTLINE(cert-err34-c): as above
    if (std::sscanf(text.c_str() + at + 1, "%2d:%2d", &hours, &minutes) < 1) return -1;
    offset_min = (hours * 60 + minutes) * (text[at] == '-' ? -1 : 1);
  } else if (at >= text.size() || text[at] != 'Z') {
    return -1;
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const std::int64_t seconds =
      duration_cast<std::chrono::seconds>(days).count() + hour * 3600 + minute * 60 + second;
  return (seconds - offset_min * 60) * 1000 + fraction_ms;
}

}  // namespace waybill
