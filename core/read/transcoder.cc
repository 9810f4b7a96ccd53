#include "core/read/transcoder.h"

#include <algorithm>

#include "core/read/words.h"
#include "core/utf8.h"

namespace waybill {

namespace {

constexpr std::size_t kUnitBytes = 2;
constexpr std::size_t kUtf8BytesAUnitMax = 3;  // a pair of units becomes four, less than twice this
constexpr std::size_t kSurrogatesMax = 2;      // a lone one from the block before, and one more

constexpr bool is_high_surrogate(unsigned unit) { return unit >= 0xD800U && unit < 0xDC00U; }
constexpr bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00U && unit < 0xE000U; }

/// The sum of a word's bytes, each 0 or 1.
constexpr std::int64_t count_ones(std::uint64_t ones) {
  return static_cast<std::int64_t>((ones * kEveryByte) >> 56U);
}

/// Octets of UTF-16 that became `utf8`: two a character, four for one outside the base plane.
std::int64_t original_octets(std::string_view utf8) {
  std::int64_t characters = 0;
  std::int64_t pairs = 0;
  while (!utf8.empty()) {
    const std::size_t count = std::min(utf8.size(), kWordBytes);
    const std::uint64_t word = load_up_to_word(utf8.data(), count);
    const std::uint64_t high = word >> 7U;
    const std::uint64_t goes_on = high & ~(word >> 6U);
    const std::uint64_t is_pair = high & (word >> 6U) & (word >> 5U) & (word >> 4U);
    characters += static_cast<std::int64_t>(count) - count_ones(goes_on & kEveryByte);
    pairs += count_ones(is_pair & kEveryByte);
    utf8.remove_prefix(count);
  }
  return static_cast<std::int64_t>(kUnitBytes) * (characters + pairs);
}

constexpr std::uint32_t kReplacement = 0xFFFDU;

/// The character at the front of `utf8`, taken off it; lone surrogates are characters here.
std::uint32_t take_code_point(std::string_view& utf8) {
  const std::uint32_t lead = static_cast<unsigned char>(utf8.front());
  std::size_t size = 1;
  if (lead >= 0xC0U) size = lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
  const bool is_cut = lead >= 0xF8U || (lead >= 0x80U && lead < 0xC0U) || size > utf8.size();
  std::uint32_t code = is_cut ? kReplacement : size == 1 ? lead : lead & (0xFFU >> (size + 1));
  if (is_cut) size = 1;
  for (std::size_t i = 1; i < size; ++i) {
    code = code << 6U | (static_cast<unsigned char>(utf8[i]) & 0x3FU);
  }
  utf8.remove_prefix(size);
  return code;
}

}  // namespace

Utf16Transcoder::Utf16Transcoder(ByteOrder byte_order, std::int64_t first_byte_offset)
    : is_big_endian_(byte_order == ByteOrder::kBigEndian), settled_original_(first_byte_offset) {}

std::string_view Utf16Transcoder::feed(std::string_view bytes) {
  forget_settled();
  const std::size_t made_before = filled_;
  make_room((half_unit_.size() + bytes.size()) / kUnitBytes);
  if (!half_unit_.empty() && !bytes.empty()) {
    take_unit(unit_of(half_unit_.front(), bytes.front()));
    half_unit_.clear();
    bytes.remove_prefix(1);
  }
  const std::size_t whole_bytes = bytes.size() - bytes.size() % kUnitBytes;
  take_units(bytes.substr(0, whole_bytes));
  half_unit_ += bytes.substr(whole_bytes);
  return made_since(made_before);
}

std::string_view Utf16Transcoder::finish() {
  forget_settled();
  const std::size_t made_before = filled_;
  make_room(1);
  if (high_surrogate_ != 0) write(high_surrogate_);
  if (!half_unit_.empty()) utf8_[filled_++] = '\xFF';
  high_surrogate_ = 0;
  half_unit_.clear();
  return made_since(made_before);
}

void Utf16Transcoder::settle(std::int64_t utf8_offset) {
  settled_original_ = original_offset(utf8_offset);
  settled_ = utf8_offset;
}

std::int64_t Utf16Transcoder::original_offset(std::int64_t utf8_offset) const {
  const auto from = static_cast<std::size_t>(settled_ - utf8_begin_);
  const auto count = static_cast<std::size_t>(utf8_offset - settled_);
  return settled_original_ + original_octets(std::string_view(utf8_).substr(from, count));
}

/// Only when it is the larger half: a long record that comes in small blocks is not moved each
/// time.
void Utf16Transcoder::forget_settled() {
  const auto settled = static_cast<std::size_t>(settled_ - utf8_begin_);
  if (settled < filled_ - settled) return;
  utf8_.erase(0, settled);
  filled_ -= settled;
  utf8_begin_ = settled_;
}

void Utf16Transcoder::make_room(std::size_t units) {
  const std::size_t needed = filled_ + (units + kSurrogatesMax) * kUtf8BytesAUnitMax + kWordBytes;
  if (utf8_.size() < needed) utf8_.resize(needed);
}

void Utf16Transcoder::take_units(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(take_ascii(bytes));
    if (bytes.empty()) return;
    take_unit(unit_of(bytes[0], bytes[1]));
    bytes.remove_prefix(kUnitBytes);
  }
}

/// Takes units of ASCII from the front, four at a time, and says how many bytes they were.
std::size_t Utf16Transcoder::take_ascii(std::string_view bytes) {
  if (!kWordsHaveOrder || high_surrogate_ != 0) return 0;
  const std::uint64_t not_ascii = is_big_endian_ ? 0x80FF80FF80FF80FFULL : 0xFF80FF80FF80FF80ULL;
  std::size_t taken = 0;
  for (; taken + kWordBytes <= bytes.size(); taken += kWordBytes) {
    std::uint64_t units = load_word(bytes.data() + taken);
    if ((units & not_ascii) != 0) break;
    if (is_big_endian_) units >>= 8U;
    units = (units | (units >> 8U)) & 0x0000FFFF0000FFFFULL;
    units |= units >> 16U;
    std::memcpy(utf8_.data() + filled_, &units, sizeof units);
    filled_ += kWordBytes / kUnitBytes;
  }
  return taken;
}

void Utf16Transcoder::take_unit(unsigned unit) {
  if (high_surrogate_ != 0) {
    const unsigned high = high_surrogate_;
    high_surrogate_ = 0;
    if (is_low_surrogate(unit)) {
      return write(0x10000U + ((high - 0xD800U) << 10U) + (unit - 0xDC00U));
    }
    write(high);
  }
  if (is_high_surrogate(unit)) {
    high_surrogate_ = unit;
  } else {
    write(unit);
  }
}

void Utf16Transcoder::write(unsigned code) {
  char* const at = utf8_.data() + filled_;
  filled_ += static_cast<std::size_t>(write_utf8(at, code) - at);
}

unsigned Utf16Transcoder::unit_of(char first, char second) const {
  const unsigned low = static_cast<unsigned char>(is_big_endian_ ? second : first);
  const unsigned high = static_cast<unsigned char>(is_big_endian_ ? first : second);
  return high << 8U | low;
}

std::string_view Utf16Transcoder::made_since(std::size_t size) {
  return std::string_view(utf8_).substr(size, filled_ - size);
}

void append_utf16(Utf16Transcoder::ByteOrder byte_order, std::string_view utf8,
                  std::string& utf16) {
  const bool is_big = byte_order == Utf16Transcoder::ByteOrder::kBigEndian;
  const auto put = [&](std::uint32_t unit) {
    const char low = static_cast<char>(unit & 0xFFU);
    const char high = static_cast<char>(unit >> 8U);
    utf16.push_back(is_big ? high : low);
    utf16.push_back(is_big ? low : high);
  };
  while (!utf8.empty()) {
    const std::uint32_t code = take_code_point(utf8);
    if (code < 0x10000U) {
      put(code);
    } else {
      put(0xD800U + ((code - 0x10000U) >> 10U));
      put(0xDC00U + ((code - 0x10000U) & 0x3FFU));
    }
  }
}

}  // namespace waybill
