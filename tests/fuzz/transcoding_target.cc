// transcoding: which bytes are valid in an encoding, and what they are in UTF-8.
//
// Input: the encoding and the cuts' seed, a byte each, then the text.
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/read/encoding.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

/// The character at the front of `text` by the table of RFC 3629, section 4; 0 bytes: none is.
struct Utf8Character {
  std::size_t bytes = 0;
  std::uint32_t code_point = 0;
};

Utf8Character first_character(std::string_view text) {
  const auto octet = [&](std::size_t i) {
    return i < text.size() ? std::uint32_t{static_cast<unsigned char>(text[i])} : 0U;
  };
  const auto is_tail = [&](std::size_t i) { return octet(i) >= 0x80 && octet(i) <= 0xBF; };
  const std::uint32_t first = octet(0);
  if (first <= 0x7F) return {1, first};
  if (first >= 0xC2 && first <= 0xDF && is_tail(1)) {
    return {2, (first - 0xC0) * 64 + (octet(1) - 0x80)};
  }
  const std::uint32_t least_3 = first == 0xE0 ? 0xA0 : 0x80;
  const std::uint32_t most_3 = first == 0xED ? 0x9F : 0xBF;
  if (first >= 0xE0 && first <= 0xEF && octet(1) >= least_3 && octet(1) <= most_3 && is_tail(2)) {
    return {3, ((first - 0xE0) * 64 + (octet(1) - 0x80)) * 64 + (octet(2) - 0x80)};
  }
  const std::uint32_t least_4 = first == 0xF0 ? 0x90 : 0x80;
  const std::uint32_t most_4 = first == 0xF4 ? 0x8F : 0xBF;
  if (first >= 0xF0 && first <= 0xF4 && octet(1) >= least_4 && octet(1) <= most_4 && is_tail(2) &&
      is_tail(3)) {
    return {4, (((first - 0xF0) * 64 + (octet(1) - 0x80)) * 64 + (octet(2) - 0x80)) * 64 +
                   (octet(3) - 0x80)};
  }
  return {};
}

void claim_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Character character = first_character(text.substr(at));
    if (character.bytes == 0) break;
    at += character.bytes;
  }
  const std::size_t expected = at == text.size() ? std::string_view::npos : at;
  claim(find_invalid_byte(Encoding::kUtf8, text) == expected, "the first byte that RFC 3629 lacks");
  const std::string shown = replace_invalid_utf8(text);
  claim(is_valid_utf8(shown), "what is shown is UTF-8");
  claim(expected != std::string_view::npos || shown == text, "... and what was valid is unchanged");
}

void claim_windows_1252(std::string_view text, unsigned cut_seed) {
  constexpr std::string_view kUndefined = "\x81\x8D\x8F\x90\x9D";
  const std::size_t bad = text.find_first_of(kUndefined);
  claim(find_invalid_byte(Encoding::kWindows1252, text) == bad, "the first byte without a meaning");
  if (bad != std::string_view::npos) return;
  std::string whole;
  append_single_bytes(Encoding::kWindows1252, text, whole);
  std::string cut;
  feed_in_cuts(text, cut_seed, [&](std::string_view piece) {
    append_single_bytes(Encoding::kWindows1252, piece, cut);
  });
  claim(whole == cut, "every cut gives the same text");
  std::size_t at = 0;
  for (const char c : text) {
    const Utf8Character character = first_character(std::string_view(whole).substr(at));
    const std::uint32_t byte = static_cast<unsigned char>(c);
    const bool is_same = character.code_point == byte;
    claim(character.bytes > 0, "a byte becomes a character");
    claim((byte >= 0x80 && byte < 0xA0) ? character.code_point >= 0x100 : is_same,
          "outside 80 to 9F a byte is its own code point");
    at += character.bytes;
  }
  claim(at == whole.size(), "one character a byte");
}

}  // namespace

void fuzz_transcoding(std::string_view bytes) {
  Input input(bytes);
  const bool is_utf8 = input.take_flag();
  const unsigned cut_seed = input.take_byte();
  is_utf8 ? claim_utf8(input.rest()) : claim_windows_1252(input.rest(), cut_seed);
  const ByteOrderMark mark = detect_byte_order_mark(input.rest());
  claim(mark != ByteOrderMark::kUtf8 || input.rest().starts_with("\xEF\xBB\xBF"),
        "a mark is only what stands there");
}

}  // namespace waybill::fuzz
