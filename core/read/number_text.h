// Number texts: what is a number, and how JSON writes it.
//
// Place:    core; ColumnValue above.
// Rule:     a number keeps its digits; nothing is rounded, cut or guessed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace waybill {

/// The longest number that is read; far below what PostgreSQL's numeric holds.
inline constexpr std::size_t kNumberCharactersMax = 128;

enum class NumberForm : std::uint8_t {
  kNone,     ///< no number
  kJson,     ///< JSON writes it the same
  kRewrite,  ///< a number that JSON writes otherwise: write_json_number() does
};

/// A sign or none, then digits: "-120", "007".
[[nodiscard]] NumberForm integer_form(std::string_view text);

/// A sign or none, digits with or without a point, an exponent or none: "+.50", "1E-05".
[[nodiscard]] NumberForm decimal_form(std::string_view text);

/// How a country writes its numbers.
struct NumberMarks {
  char decimal = '.';
  /// May stand between groups of three digits; 0: none. A blank stands for the no-break blanks
  /// U+00A0 and U+202F too, and ' for the apostrophe U+2019, which exports have in their place.
  char group = 0;

  [[nodiscard]] bool are_plain() const { return decimal == '.' && group == 0; }
};

/// Room for the longest number.
using NumberRoom = std::array<char, kNumberCharactersMax>;

/// The number as integer_form() and decimal_form() take it, in `room`: without group marks and with
/// a point. Nothing when a mark stands where it may not: groups have three digits, but the first,
/// which has one to three and does not begin with a zero ("0.500" is no five hundred).
[[nodiscard]] std::optional<std::string_view> plain_number(std::string_view text,
                                                           const NumberMarks& marks,
                                                           NumberRoom& room);

/// Writes a number whose form is not kNone: without plus and leading zeros, with a digit in front
/// of the point. `is_integer` tells which form was asked for. Returns the place behind it; at most
/// one octet more is written than `text` has.
[[nodiscard]] char* write_json_number(char* out, std::string_view text, bool is_integer);

}  // namespace waybill
