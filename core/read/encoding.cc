#include "core/read/encoding.h"

#include <array>
#include <cstring>

#include "core/utf8.h"

namespace waybill {

namespace {

// Code points of the bytes 80 to 9F; 0 where Windows-1252 defines none. All others stand for
// themselves.
constexpr std::array<std::uint16_t, 32> kWindows1252High = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,  // 80
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,       // 88
    0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,  // 90
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,  // 98
};

constexpr unsigned kHighFirst = 0x80;
constexpr unsigned kHighEnd = 0xA0;

std::size_t find_undefined_windows_1252(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned byte = static_cast<unsigned char>(bytes[i]);
    if (byte >= kHighFirst && byte < kHighEnd && kWindows1252High[byte - kHighFirst] == 0) return i;
  }
  return std::string_view::npos;
}

/// Code points here are below U+10000, so at most three bytes.
void append_code_point(unsigned code, std::string& utf8) {
  if (code < 0x80U) {
    utf8.push_back(static_cast<char>(code));
  } else if (code < 0x800U) {
    utf8.push_back(static_cast<char>(0xC0U | (code >> 6U)));
    utf8.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
  } else {
    utf8.push_back(static_cast<char>(0xE0U | (code >> 12U)));
    utf8.push_back(static_cast<char>(0x80U | ((code >> 6U) & 0x3FU)));
    utf8.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
  }
}

}  // namespace

std::string_view to_string(Encoding encoding) {
  return encoding == Encoding::kUtf8 ? "utf-8" : "windows-1252";
}

ByteOrderMark detect_byte_order_mark(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) return ByteOrderMark::kUtf8;
  if (head.starts_with("\xFF\xFE")) return ByteOrderMark::kUtf16Little;
  if (head.starts_with("\xFE\xFF")) return ByteOrderMark::kUtf16Big;
  return ByteOrderMark::kNone;
}

std::size_t find_invalid_byte(Encoding encoding, std::string_view bytes) {
  return encoding == Encoding::kUtf8 ? find_invalid_utf8(bytes)
                                     : find_undefined_windows_1252(bytes);
}

void append_windows_1252(std::string_view bytes, std::string& utf8) {
  for (const char c : bytes) {
    const unsigned byte = static_cast<unsigned char>(c);
    const bool is_mapped = byte >= kHighFirst && byte < kHighEnd;
    append_code_point(is_mapped ? kWindows1252High[byte - kHighFirst] : byte, utf8);
  }
}

}  // namespace waybill
