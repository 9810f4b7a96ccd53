#include "core/read/encoding.h"

#include <algorithm>
#include <array>

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

// Each in the order of its enum.
constexpr std::array<std::string_view, 5> kEncodingNames = {"utf-8", "windows-1252", "iso-8859-1",
                                                            "utf-16le", "utf-16be"};
constexpr std::array<std::string_view, 4> kMarkNames = {"no encoding", "UTF-8", "UTF-16LE",
                                                        "UTF-16BE"};

constexpr unsigned kHighFirst = 0x80;
constexpr unsigned kHighEnd = 0xA0;

constexpr bool is_c1(char c) {
  const unsigned byte = static_cast<unsigned char>(c);
  return byte >= kHighFirst && byte < kHighEnd;
}

std::size_t find_undefined_windows_1252(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned byte = static_cast<unsigned char>(bytes[i]);
    if (is_c1(bytes[i]) && kWindows1252High[byte - kHighFirst] == 0) return i;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view to_string(Encoding encoding) {
  return kEncodingNames[static_cast<std::size_t>(encoding)];
}

ByteOrderMark detect_byte_order_mark(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) return ByteOrderMark::kUtf8;
  if (head.starts_with("\xFF\xFE")) return ByteOrderMark::kUtf16Little;
  if (head.starts_with("\xFE\xFF")) return ByteOrderMark::kUtf16Big;
  return ByteOrderMark::kNone;
}

std::size_t size_bytes(ByteOrderMark mark) {
  if (mark == ByteOrderMark::kNone) return 0;
  return mark == ByteOrderMark::kUtf8 ? 3 : 2;
}

bool agrees(ByteOrderMark mark, Encoding encoding) {
  switch (mark) {
    case ByteOrderMark::kNone:
      return true;
    case ByteOrderMark::kUtf8:
      return encoding == Encoding::kUtf8;
    case ByteOrderMark::kUtf16Little:
      return encoding == Encoding::kUtf16Le;
    case ByteOrderMark::kUtf16Big:
      return encoding == Encoding::kUtf16Be;
  }
  return false;
}

std::string_view to_string(ByteOrderMark mark) {
  return kMarkNames[static_cast<std::size_t>(mark)];
}

std::size_t find_invalid_byte(Encoding encoding, std::string_view bytes) {
  if (encoding == Encoding::kIso88591) return std::string_view::npos;
  return encoding == Encoding::kWindows1252 ? find_undefined_windows_1252(bytes)
                                            : find_invalid_utf8(bytes);
}

std::size_t find_c1_byte(std::string_view bytes) {
  const auto found = std::find_if(bytes.begin(), bytes.end(), is_c1);
  return found == bytes.end() ? std::string_view::npos
                              : static_cast<std::size_t>(found - bytes.begin());
}

void append_single_bytes(Encoding encoding, std::string_view bytes, std::string& utf8) {
  for (const char c : bytes) {
    const unsigned byte = static_cast<unsigned char>(c);
    const bool is_mapped = encoding == Encoding::kWindows1252 && is_c1(c);
    append_utf8(utf8, is_mapped ? kWindows1252High[byte - kHighFirst] : byte);
  }
}

}  // namespace waybill
