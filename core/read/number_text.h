// Number texts: what is a number, and how JSON writes it.
//
// Place:    core; ColumnValue above.
// Rule:     a number keeps its digits; nothing is rounded, cut or guessed.
#pragma once

#include <cstddef>
#include <cstdint>
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

/// Writes a number whose form is not kNone: without plus and leading zeros, with a digit in front
/// of the point. `is_integer` tells which form was asked for. Returns the place behind it; at most
/// one octet more is written than `text` has.
[[nodiscard]] char* write_json_number(char* out, std::string_view text, bool is_integer);

}  // namespace waybill
