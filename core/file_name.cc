#include "core/file_name.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "core/ascii.h"
#include "core/error.h"

namespace waybill {

namespace {

using std::chrono::microseconds;
using std::chrono::sys_time;

constexpr std::string_view kUnprocessed = "unprocessed_";
constexpr std::string_view kProcessed = "processed_";
constexpr std::string_view kRaw = "_raw_";
constexpr std::string_view kPart = "-part";
constexpr std::size_t kTagCharactersMax = 63;
constexpr std::size_t kExtensionCharactersMax = 8;
constexpr std::size_t kPartDigits = 5;
// YYYY-MM-DDTHH_MM_SS_ffffff: the digits of each part, and what stands between.
constexpr std::array<std::size_t, 7> kTimestampDigits = {4, 2, 2, 2, 2, 2, 6};
constexpr std::string_view kTimestampSeparators = "--T___";
constexpr std::int32_t kPartsMax = 99'999;

bool is_extension(std::string_view text) {
  if (text.empty() || text.size() > kExtensionCharactersMax) return false;
  for (const char c : text) {
    if (!is_ascii_lower(c) && !is_ascii_digit(c)) return false;
  }
  return true;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Exactly `count` digits as a number, or nothing.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, count)) {
    if (!is_ascii_digit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return number;
}

std::optional<std::int64_t> take_timestamp(std::string_view& text) {
  std::array<int, kTimestampDigits.size()> part{};
  for (std::size_t i = 0; i < part.size(); ++i) {
    const std::optional<int> number = take_number(text, kTimestampDigits[i]);
    if (!number) return std::nullopt;
    part[i] = *number;
    if (i < kTimestampSeparators.size() && !take(text, kTimestampSeparators.substr(i, 1)))
      return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(part[0]),
                                         std::chrono::month(static_cast<unsigned>(part[1])),
                                         std::chrono::day(static_cast<unsigned>(part[2]))};
  if (!date.ok() || part[3] > 23 || part[4] > 59 || part[5] > 59) return std::nullopt;
  const microseconds time_of_day = std::chrono::hours(part[3]) + std::chrono::minutes(part[4]) +
                                   std::chrono::seconds(part[5]) + microseconds(part[6]);
  return (sys_time<microseconds>(std::chrono::sys_days(date)) + time_of_day)
      .time_since_epoch()
      .count();
}

/// Only these years have four digits; and near the ends of the number's range a day begins outside
/// of it.
bool has_four_digit_year(std::int64_t utc_us) {
  using std::chrono::sys_days;
  using std::chrono::year;
  constexpr sys_time<microseconds> kFirst = sys_days(year(0) / 1 / 1);
  constexpr sys_time<microseconds> kEnd = sys_days(year(10'000) / 1 / 1);
  const sys_time<microseconds> time{microseconds(utc_us)};
  return kFirst <= time && time < kEnd;
}

std::string format_timestamp(std::int64_t utc_us) {
  const sys_time<microseconds> time{microseconds(utc_us)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}_{:02}_{:02}_{:06}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace

bool is_file_tag(std::string_view text) {
  if (text.empty() || text.size() > kTagCharactersMax || !is_ascii_lower(text.front())) {
    return false;
  }
  for (const char c : text) {
    if (!is_ascii_lower(c) && !is_ascii_digit(c) && c != '_') return false;
  }
  return true;
}

std::string format_object_name(const ObjectName& name) {
  if (has_four_digit_year(name.utc_us)) {
    std::string text(name.state == ObjectState::kProcessed ? kProcessed : kUnprocessed);
    text.append(format_timestamp(name.utc_us)).append(kRaw).append(name.file_tag.value);
    if (name.part_number) text.append(fmt::format("{}{:05}", kPart, *name.part_number));
    text.append(".").append(name.extension);
    if (parse_object_name(text) == name) return text;
  }
  throw Error(error_code::kInternal, "name object", name.file_tag.value,
              "a part is outside the grammar of object names");
}

std::optional<ObjectName> parse_object_name(std::string_view text) {
  ObjectName name;
  if (take(text, kProcessed)) {
    name.state = ObjectState::kProcessed;
  } else if (!take(text, kUnprocessed)) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> utc_us = take_timestamp(text);
  if (!utc_us || !take(text, kRaw)) return std::nullopt;
  name.utc_us = *utc_us;

  const std::size_t tag_end = text.find_first_of("-.");
  if (tag_end == std::string_view::npos) return std::nullopt;
  name.file_tag = FileTag(std::string(text.substr(0, tag_end)));
  text.remove_prefix(tag_end);
  if (take(text, kPart)) {
    const std::optional<int> number = take_number(text, kPartDigits);
    if (!number || *number < 1 || *number > kPartsMax) return std::nullopt;
    name.part_number = *number;
  }
  if (!is_file_tag(name.file_tag.value) || !take(text, ".") || !is_extension(text)) {
    return std::nullopt;
  }
  name.extension = text;
  return name;
}

std::string object_extension(std::string_view partner_name) {
  const std::size_t slash = partner_name.find_last_of('/');
  if (slash != std::string_view::npos) partner_name.remove_prefix(slash + 1);
  const std::size_t dot = partner_name.find_last_of('.');
  std::string extension;
  if (dot != std::string_view::npos) {
    for (const char c : partner_name.substr(dot + 1)) extension.push_back(to_ascii_lower(c));
  }
  return is_extension(extension) ? extension : "csv";
}

}  // namespace waybill
