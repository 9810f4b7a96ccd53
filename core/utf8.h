// UTF-8: is it valid, and where not.
//
// Place:    core. RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace waybill {

/// Offset of the first byte that does not belong to valid UTF-8, or npos when all is valid. A
/// character cut short at the end counts as invalid from its first byte.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

[[nodiscard]] inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

/// The text with U+FFFD in place of each byte that is not valid UTF-8, for showing.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

}  // namespace waybill
