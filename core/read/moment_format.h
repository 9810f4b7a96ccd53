// MomentFormat: takes a date and a time apart that are written in one format.
//
// Place:    core, behind DateFormat and TimestampFormat. The spec's parser has checked the format.
// Rule:     a date must be one of the calendar and a time one of the day, in the format exactly.
//           Clocks that are not set by hand rarely show a 60th second, and no second of PostgreSQL
//           is one; it is refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace waybill {

/// The farthest offset from UTC that PostgreSQL takes is 15:59.
inline constexpr int kOffsetHoursMax = 15;

/// So many minutes and hours before or behind UTC, or UTC itself.
struct UtcOffset {
  char sign = 'Z';  ///< '+', '-', or 'Z' where no hours follow
  int hours = 0;
  int minutes = 0;
};

/// What was written; what the format does not name is zero.
struct Moment {
  std::chrono::year_month_day date;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::string_view fraction;  ///< digits of the second's fraction, a view of the text; or empty
  UtcOffset offset;
};

/// One format: %Y %m %d %H %M %S %f %z %%, other characters stand for themselves. Month, day and
/// time may have one digit where a separator stands beside them. A fraction may be left out
/// together with the point or comma in front of it, as many programs do with one that is zero.
class MomentFormat {
 public:
  /// A directive, or a character that stands for itself.
  struct Piece {
    bool is_directive = false;
    bool is_fixed_width = false;  ///< no separator beside it: two digits, not one or two
    bool opens_fraction = false;  ///< the point or comma in front of %f
    char letter = 0;
  };

  MomentFormat() = default;
  explicit MomentFormat(std::string_view format);

  /// Nothing when `text` is no moment of the format.
  [[nodiscard]] std::optional<Moment> parse(std::string_view text) const;
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  std::vector<Piece> pieces_;
};

/// The date, or nothing when the calendar has none or its year is beyond 1 to 9999.
[[nodiscard]] std::optional<std::chrono::year_month_day> calendar_date(int year, int month,
                                                                       int day);

/// Writes `count` digits; returns the place behind them.
[[nodiscard]] char* write_digits(char* out, unsigned number, int count);
/// Writes YYYY-MM-DD; returns the place behind it.
[[nodiscard]] char* write_date(char* out, const std::chrono::year_month_day& date);

}  // namespace waybill
