// utf16: bytes of UTF-16 files for tests.
#pragma once

#include <string>
#include <string_view>

namespace waybill {

inline std::string utf16_bytes(std::u16string_view units, bool is_big_endian) {
  std::string bytes;
  for (const char16_t unit : units) {
    const char low = static_cast<char>(unit & 0xFFU);
    const char high = static_cast<char>(unit >> 8U);
    bytes.push_back(is_big_endian ? high : low);
    bytes.push_back(is_big_endian ? low : high);
  }
  return bytes;
}

}  // namespace waybill
