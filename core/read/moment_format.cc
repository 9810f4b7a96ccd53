#include "core/read/moment_format.h"

#include <algorithm>

#include "core/ascii.h"

namespace waybill {

namespace {

constexpr std::size_t kYearDigits = 4;
constexpr std::size_t kOtherDigits = 2;
constexpr std::size_t kFractionDigitsMax = 9;
constexpr int kYearMax = 9999;

/// Takes `least` to `most` digits as a number; -1 when they are not there.
int take_number(std::string_view& text, std::size_t least, std::size_t most) {
  int number = 0;
  std::size_t count = 0;
  for (; count < most && count < text.size() && is_ascii_digit(text[count]); ++count) {
    number = number * 10 + (text[count] - '0');
  }
  text.remove_prefix(count);
  return count >= least ? number : -1;
}

bool take_fraction(std::string_view& text, std::string_view& fraction) {
  const std::size_t longest = std::min(text.size(), kFractionDigitsMax);
  std::size_t count = 0;
  while (count < longest && is_ascii_digit(text[count])) ++count;
  fraction = text.substr(0, count);
  text.remove_prefix(count);
  return count > 0;
}

/// Z, +hh, +hhmm or +hh:mm.
bool take_offset(std::string_view& text, UtcOffset& offset) {
  if (text.empty()) return false;
  offset.sign = text.front();
  text.remove_prefix(1);
  if (offset.sign == 'Z') return true;
  if (offset.sign != '+' && offset.sign != '-') return false;
  offset.hours = take_number(text, kOtherDigits, kOtherDigits);
  const bool has_colon = text.starts_with(':');
  if (has_colon) text.remove_prefix(1);
  if (has_colon || (!text.empty() && is_ascii_digit(text.front()))) {
    offset.minutes = take_number(text, kOtherDigits, kOtherDigits);
  }
  return offset.hours >= 0 && offset.hours <= kOffsetHoursMax && offset.minutes >= 0 &&
         offset.minutes < 60;
}

/// The numbers of a date before the calendar is asked.
struct DateNumbers {
  int year = 0;
  int month = 0;
  int day = 0;
};

bool take_directive(const MomentFormat::Piece& piece, std::string_view& text, DateNumbers& date,
                    Moment& moment) {
  if (piece.letter == 'f') return take_fraction(text, moment.fraction);
  if (piece.letter == 'z') return take_offset(text, moment.offset);
  if (piece.letter == 'Y') {
    date.year = take_number(text, kYearDigits, kYearDigits);
    return date.year >= 0;
  }
  const int number = take_number(text, piece.is_fixed_width ? kOtherDigits : 1, kOtherDigits);
  if (number < 0) return false;
  switch (piece.letter) {
    case 'm':
      date.month = number;
      return true;
    case 'd':
      date.day = number;
      return true;
    case 'H':
      moment.hour = number;
      return number < 24;
    case 'M':
      moment.minute = number;
      return number < 60;
    default:
      moment.second = number;
      return number < 60;
  }
}

}  // namespace

MomentFormat::MomentFormat(std::string_view format) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    Piece piece;
    if (format[i] == '%' && i + 1 < format.size()) {
      ++i;
      piece.is_directive = format[i] != '%';
    }
    piece.letter = format[i];
    if (piece.is_directive && !pieces_.empty()) {
      Piece& before = pieces_.back();
      if (before.is_directive) piece.is_fixed_width = before.is_fixed_width = true;
      before.opens_fraction = piece.letter == 'f' && !before.is_directive &&
                              (before.letter == '.' || before.letter == ',');
    }
    pieces_.push_back(piece);
  }
}

std::optional<Moment> MomentFormat::parse(std::string_view text) const {
  Moment moment;
  DateNumbers date;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    if (piece.is_directive) {
      if (!take_directive(piece, text, date, moment)) return std::nullopt;
    } else if (!text.empty() && text.front() == piece.letter) {
      text.remove_prefix(1);
    } else if (piece.opens_fraction) {
      ++i;
    } else {
      return std::nullopt;
    }
  }
  if (!text.empty()) return std::nullopt;
  const auto day = calendar_date(date.year, date.month, date.day);
  if (!day) return std::nullopt;
  moment.date = *day;
  return moment;
}

std::optional<std::chrono::year_month_day> calendar_date(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || year > kYearMax || !date.ok()) return std::nullopt;
  return date;
}

char* write_digits(char* out, unsigned number, int count) {
  for (int i = count - 1; i >= 0; --i, number /= 10) {
    out[i] = static_cast<char>('0' + number % 10);
  }
  return out + count;
}

char* write_date(char* out, const std::chrono::year_month_day& date) {
  out = write_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(date.month()), 2);
  *out++ = '-';
  return write_digits(out, static_cast<unsigned>(date.day()), 2);
}

}  // namespace waybill
