// ASCII: the few character questions that must not depend on a locale.
//
// Place:    core. Bytes of 0x80 and above are never blank, digit or letter here.
#pragma once

#include <algorithm>
#include <string_view>

namespace waybill {

[[nodiscard]] constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_ascii_lower(char c) { return c >= 'a' && c <= 'z'; }
[[nodiscard]] constexpr char to_ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return to_ascii_lower(a) == to_ascii_lower(b); });
}

inline constexpr std::string_view kAsciiBlanks = " \t\r\n\v\f";

/// Without the spaces, tabs and line ends at both ends.
[[nodiscard]] constexpr std::string_view trim_ascii_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kAsciiBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAsciiBlanks) - first + 1);
}

}  // namespace waybill
