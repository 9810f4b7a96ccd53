// DateFormat: reads dates written in one format.
//
// Place:    core; ColumnValue above, MomentFormat below. The spec's parser has checked the format.
// Rule:     a date must be one of the calendar, in the format exactly; a time in it is checked and
//           left out.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/read/moment_format.h"

namespace waybill {

/// One format: %Y %m %d %H %M %S %%, other characters stand for themselves. Month, day and time may
/// have one digit where a separator stands beside them.
class DateFormat {
 public:
  DateFormat() = default;
  explicit DateFormat(std::string_view format);

  /// The date, or nothing when `text` is no date of the format.
  [[nodiscard]] std::optional<std::chrono::year_month_day> parse(std::string_view text) const;

 private:
  /// Where digits stand and what else does, when every number has all its digits.
  struct Layout {
    static constexpr std::size_t kBytesMax = 16;
    std::size_t size = 0;                       ///< 0: too long for this, or with a time
    std::array<std::uint64_t, 2> expected{};    ///< '0' for a digit, else the character
    std::array<std::uint64_t, 2> difference{};  ///< 9 for a digit, else 0
    std::size_t year_at = 0;
    std::size_t month_at = 0;
    std::size_t day_at = 0;
  };

  void add_to_layout(const MomentFormat::Piece& piece);
  [[nodiscard]] bool has_layout(std::string_view text) const;

  MomentFormat format_;
  Layout layout_;
};

}  // namespace waybill
