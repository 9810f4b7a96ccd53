#include "core/json_text.h"

#include <array>
#include <bit>
#include <cstdint>

namespace waybill {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::uint64_t kEveryByte = 0x0101010101010101ULL;
constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

/// The high bit of each byte of `word` that is zero; bytes above the first such one may be wrong.
constexpr std::uint64_t zero_bytes(std::uint64_t word) {
  return (word - kEveryByte) & ~word & kHighBits;
}

/// How many of the eight bytes at `text` go out as they are.
std::size_t plain_run(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  const std::uint64_t control = (word - kEveryByte * 0x20) & ~word & kHighBits;
  const std::uint64_t special =
      control | zero_bytes(word ^ (kEveryByte * '"')) | zero_bytes(word ^ (kEveryByte * '\\'));
  if (special == 0) return sizeof word;
  if constexpr (std::endian::native == std::endian::little) {
    return static_cast<std::size_t>(std::countr_zero(special)) / 8;
  }
  return 0;  // the byte loop finds it
}

/// One octet, escaped when JSON asks for it.
char* write_octet(char* out, char c) {
  const auto escape = [&](char letter) {
    *out++ = '\\';
    *out++ = letter;
  };
  switch (c) {
    case '"':
    case '\\':
      escape(c);
      return out;
    case '\n':
      escape('n');
      return out;
    case '\r':
      escape('r');
      return out;
    case '\t':
      escape('t');
      return out;
    default:
      break;
  }
  if (static_cast<unsigned char>(c) >= 0x20) {
    *out++ = c;
    return out;
  }
  out = write_raw(out, "\\u00");
  *out++ = kHexDigits[static_cast<unsigned char>(c) >> 4U];
  *out++ = kHexDigits[static_cast<unsigned char>(c) & 0x0FU];
  return out;
}

}  // namespace

char* write_json_string(char* out, std::string_view text) {
  *out++ = '"';
  const char* from = text.data();
  const char* const end = from + text.size();
  while (end - from >= 8) {
    const std::size_t run = plain_run(from);
    std::memcpy(out, from, 8);  // room for eight is there: text behind `from` needs as much
    out += run;
    from += run;
    if (run < 8) out = write_octet(out, *from++);
  }
  while (from < end) out = write_octet(out, *from++);
  *out++ = '"';
  return out;
}

}  // namespace waybill
