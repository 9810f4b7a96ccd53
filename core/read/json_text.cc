#include "core/read/json_text.h"

#include <algorithm>
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

/// A bit in each byte of `word` that JSON wants escaped; right up to the first such byte.
constexpr std::uint64_t special_bytes(std::uint64_t word) {
  const std::uint64_t control = (word - kEveryByte * 0x20) & ~word & kHighBits;
  return control | zero_bytes(word ^ (kEveryByte * '"')) | zero_bytes(word ^ (kEveryByte * '\\'));
}

/// How many of the first `count` bytes of `word`, as it lies in memory, go out as they are.
std::size_t plain_run(std::uint64_t word, std::size_t count) {
  if constexpr (std::endian::native != std::endian::little) return 0;  // byte by byte, then
  const std::uint64_t special = special_bytes(word);
  if (special == 0) return count;
  return std::min(count, static_cast<std::size_t>(std::countr_zero(special)) / 8);
}

/// The `count` bytes at `text`, fewer than eight, as the low bytes of a word; reads no others.
std::uint64_t load_short(const char* text, std::size_t count) {
  const auto octet = [&](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  };
  if (count >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, text, sizeof first);
    std::memcpy(&last, text + count - sizeof last, sizeof last);
    return std::uint64_t{first} | std::uint64_t{last} << (8 * (count - sizeof last));
  }
  return count == 0 ? 0 : octet(0) | octet(count / 2) | octet(count - 1);
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
  while (from < end) {
    const auto left = static_cast<std::size_t>(end - from);
    const std::size_t count = std::min(left, sizeof(std::uint64_t));
    std::uint64_t word = 0;
    if (count == sizeof word) {
      std::memcpy(&word, from, sizeof word);
    } else {
      word = load_short(from, count);
    }
    const std::size_t run = plain_run(word, count);
    std::memcpy(out, &word, sizeof word);  // always eight; kJsonRoomBytes is for this
    out += run;
    from += run;
    if (run < count) out = write_octet(out, *from++);
  }
  *out++ = '"';
  return out;
}

}  // namespace waybill
