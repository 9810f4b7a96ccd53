#include "core/read/json_text.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/read/words.h"

namespace waybill {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

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
  if constexpr (!kWordsHaveOrder) return 0;  // byte by byte, then
  const std::uint64_t special = special_bytes(word);
  if (special == 0) return count;
  return std::min(count, static_cast<std::size_t>(std::countr_zero(special)) / 8);
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
    const std::size_t count = std::min(left, kWordBytes);
    const std::uint64_t word = load_up_to_word(from, count);
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
