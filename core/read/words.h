// Words: eight bytes of text looked at together.
//
// Place:    core; inner loops of the row reader, nobody else's. No byte beyond the text is read.
// Units:    byte i of the text is byte i of the word on little-endian machines, which
// kWordsHaveOrder
//           tells; on others callers go byte by byte.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waybill {

inline constexpr bool kWordsHaveOrder = std::endian::native == std::endian::little;
inline constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
inline constexpr std::uint64_t kEveryByte = 0x0101010101010101ULL;
inline constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

/// The eight bytes at `text`.
inline std::uint64_t load_word(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  return word;
}

/// The `count` bytes at `text`, fewer than eight, as the low bytes of a word; the others are zero.
inline std::uint64_t load_short(const char* text, std::size_t count) {
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

/// The same for up to eight.
inline std::uint64_t load_up_to_word(const char* text, std::size_t count) {
  return count == kWordBytes ? load_word(text) : load_short(text, count);
}

/// All bits of the low `count` bytes, up to eight.
constexpr std::uint64_t low_bytes(std::size_t count) {
  return count == kWordBytes ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * count)) - 1;
}

/// The high bit of each byte of `word` that is larger than its byte of `limit`, which is below
/// 0x80.
constexpr std::uint64_t bytes_above(std::uint64_t word, std::uint64_t limit) {
  return (((word & ~kHighBits) + (~kHighBits - limit)) | word) & kHighBits;
}

}  // namespace waybill
