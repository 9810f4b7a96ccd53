// UTF-8: is it valid, and where not.
//
// Place:    core. RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waybill {

/// Offset of the first byte that does not belong to valid UTF-8, or npos when all is valid. A
/// character cut short at the end counts as invalid from its first byte.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

[[nodiscard]] inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

/// Most octets one code point takes.
inline constexpr std::size_t kUtf8BytesMax = 4;

/// Writes a code point up to U+10FFFF, a surrogate too, in its octets; returns the place behind it.
inline char* write_utf8(char* out, std::uint32_t code) {
  const auto put = [&](std::uint32_t octet) { *out++ = static_cast<char>(octet); };
  if (code < 0x80U) {
    put(code);
    return out;
  }
  if (code < 0x800U) {
    put(0xC0U | (code >> 6U));
  } else if (code < 0x10000U) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
  return out;
}

inline void append_utf8(std::string& text, std::uint32_t code) {
  char octets[kUtf8BytesMax];
  text.append(octets, static_cast<std::size_t>(write_utf8(octets, code) - octets));
}

/// The text with U+FFFD in place of each byte that is not valid UTF-8, for showing.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

}  // namespace waybill
