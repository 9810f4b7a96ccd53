#include "core/local_day.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "core/ascii.h"
#include "core/error.h"

namespace waybill {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

int digits(const std::string& text, std::size_t at, std::size_t count) {
  int out = -1;
  (void)std::from_chars(text.data() + at, text.data() + at + count, out);
  return out;
}

std::optional<sys_days> parse_date(const std::string& text) {
  if (text.size() != 10) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 4 || i == 7;
    if (is_dash ? text[i] != '-' : !is_ascii_digit(text[i])) return std::nullopt;
  }
  const year_month_day date(std::chrono::year(digits(text, 0, 4)),
                            std::chrono::month(static_cast<unsigned>(digits(text, 5, 2))),
                            std::chrono::day(static_cast<unsigned>(digits(text, 8, 2))));
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

sys_days need_date(const std::string& text) {
  const std::optional<sys_days> date = parse_date(text);
  if (!date) throw Error(error_code::kInternal, "read date", text, "it is not in the calendar");
  return *date;
}

}  // namespace

bool is_date(const std::string& text) { return parse_date(text).has_value(); }

std::string shifted_date(const std::string& date, std::int32_t shift_days) {
  const year_month_day shifted(need_date(date) + days(shift_days));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(shifted.year()),
                     static_cast<unsigned>(shifted.month()), static_cast<unsigned>(shifted.day()));
}

std::optional<std::size_t> parse_weekday(std::string_view name) {
  const auto found = std::find(kWeekdayNames.begin(), kWeekdayNames.end(), name);
  if (found == kWeekdayNames.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kWeekdayNames.begin());
}

std::optional<std::int32_t> parse_time_of_day(std::string_view text) {
  const bool has_shape = text.size() == 5 && text[2] == ':' && is_ascii_digit(text[0]) &&
                         is_ascii_digit(text[1]) && is_ascii_digit(text[3]) &&
                         is_ascii_digit(text[4]);
  if (!has_shape) return std::nullopt;
  const std::int32_t hour = (text[0] - '0') * 10 + text[1] - '0';
  const std::int32_t minute = (text[3] - '0') * 10 + text[4] - '0';
  if (hour >= 24 || minute >= 60) return std::nullopt;
  return hour * 60 + minute;
}

std::size_t weekday_of(const std::string& date) {
  return std::chrono::weekday(need_date(date)).iso_encoding() - 1;
}

std::int64_t utc_midnight_ms(const std::string& date) {
  return std::chrono::milliseconds(need_date(date).time_since_epoch()).count();
}

std::string delivery_date_of(const LocalDay& local_day, std::int64_t utc_ms,
                             std::int32_t day_starts_min) {
  std::string date = local_day.date_of(utc_ms);
  if (day_starts_min == 0 || utc_ms >= local_day.utc_ms_of(date, day_starts_min)) return date;
  return shifted_date(date, -1);
}

}  // namespace waybill
