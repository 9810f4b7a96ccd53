// Hex: any bytes as text in JSON, for the programs that show what a reader makes of them.
//
// Place:    tests/property.
#pragma once

#include <string>
#include <string_view>

namespace waybill {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

inline std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text.push_back(kHexDigits[static_cast<unsigned char>(c) >> 4U]);
    text.push_back(kHexDigits[static_cast<unsigned char>(c) & 0x0FU]);
  }
  return text;
}

inline std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(kHexDigits.find(text[i]) * 16 + kHexDigits.find(text[i + 1])));
  }
  return bytes;
}

}  // namespace waybill
