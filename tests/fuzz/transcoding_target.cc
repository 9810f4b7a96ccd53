// transcoding: which bytes are valid in an encoding, and what they are in UTF-8.
//
// Input: the encoding and the cuts' seed, a byte each, then the text.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/read/encoding.h"
#include "core/read/transcoder.h"
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

/// What UTF-16 is in UTF-8, and where in the file each byte of that comes from.
struct Transcoded {
  std::string utf8;
  std::vector<std::int64_t> origins;

  void put(std::uint32_t code, std::int64_t origin) {
    const auto octet = [&](std::uint32_t value) {
      utf8.push_back(static_cast<char>(value));
      origins.push_back(origin);
    };
    if (code < 0x80) return octet(code);
    if (code < 0x800) {
      octet(0xC0 + code / 64);
    } else if (code < 0x10000) {
      octet(0xE0 + code / 4096);
      octet(0x80 + code / 64 % 64);
    } else {
      octet(0xF0 + code / 262'144);
      octet(0x80 + code / 4096 % 64);
      octet(0x80 + code / 64 % 64);
    }
    octet(0x80 + code % 64);
  }
};

Transcoded transcode_plainly(std::string_view text, bool is_big, std::int64_t first) {
  const auto unit = [&](std::size_t at) {
    const std::uint32_t one = static_cast<unsigned char>(text[at]);
    const std::uint32_t two = static_cast<unsigned char>(text[at + 1]);
    return is_big ? one * 256 + two : two * 256 + one;
  };
  Transcoded made;
  std::size_t at = 0;
  for (; at + 1 < text.size(); at += 2) {
    const std::uint32_t code = unit(at);
    const auto origin = first + static_cast<std::int64_t>(at);
    const bool is_pair = code >= 0xD800 && code < 0xDC00 && at + 3 < text.size() &&
                         unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000;
    made.put(is_pair ? 0x10000 + (code - 0xD800) * 1024 + (unit(at + 2) - 0xDC00) : code, origin);
    if (is_pair) at += 2;
  }
  if (at < text.size()) {
    made.utf8.push_back('\xFF');
    made.origins.push_back(first + static_cast<std::int64_t>(at));
  }
  return made;
}

void claim_iso_8859_1(std::string_view text, unsigned cut_seed) {
  Transcoded expected;
  for (const char c : text) expected.put(static_cast<unsigned char>(c), 0);
  claim(find_invalid_byte(Encoding::kIso88591, text) == std::string_view::npos,
        "every byte has a meaning");
  std::string made;
  feed_in_cuts(text, cut_seed, [&](std::string_view piece) {
    append_single_bytes(Encoding::kIso88591, piece, made);
  });
  claim(made == expected.utf8, "a byte is its own code point");
  std::size_t control = 0;
  while (control < text.size() && (static_cast<unsigned char>(text[control]) < 0x80 ||
                                   static_cast<unsigned char>(text[control]) > 0x9F)) {
    ++control;
  }
  claim(find_c1_byte(text) == (control < text.size() ? control : std::string_view::npos),
        "the first control character above ASCII");
}

void claim_utf16(std::string_view text, bool is_big, unsigned cut_seed) {
  const std::int64_t first = cut_seed % 3 == 0 ? 0 : 2;
  const Transcoded expected = transcode_plainly(text, is_big, first);
  Utf16Transcoder transcoder(
      is_big ? Utf16Transcoder::ByteOrder::kBigEndian : Utf16Transcoder::ByteOrder::kLittleEndian,
      first);
  std::string utf8;
  std::size_t asked = 0;
  const auto take = [&](std::string_view made) {
    utf8.append(made);
    claim(utf8.size() <= expected.utf8.size(), "no more is made than there is");
    for (; asked < utf8.size(); ++asked) {
      const bool is_start = asked == 0 || expected.origins[asked] != expected.origins[asked - 1];
      if (!is_start) continue;
      const auto place = static_cast<std::int64_t>(asked);
      claim(transcoder.original_offset(place) == expected.origins[asked],
            "a character comes from its place in the file");
      // As a reader does: nobody asks for what stood before, from now on.
      if (asked % 5 == cut_seed % 5) transcoder.settle(place);
    }
  };
  feed_in_cuts(text, cut_seed, [&](std::string_view piece) { take(transcoder.feed(piece)); });
  take(transcoder.finish());
  claim(utf8 == expected.utf8, "UTF-16 becomes what the plain reading makes of it");
  std::string back;
  append_utf16(
      is_big ? Utf16Transcoder::ByteOrder::kBigEndian : Utf16Transcoder::ByteOrder::kLittleEndian,
      utf8, back);
  claim(back.substr(0, text.size() / 2 * 2) == text.substr(0, text.size() / 2 * 2),
        "... and UTF-16 again, unit by unit");
}

}  // namespace

void fuzz_transcoding(std::string_view bytes) {
  Input input(bytes);
  const unsigned encoding = input.take_byte() % 5;
  const unsigned cut_seed = input.take_byte();
  const std::string_view text = input.rest();
  switch (encoding) {
    case 0:
      claim_windows_1252(text, cut_seed);
      break;
    case 1:
      claim_utf8(text);
      break;
    case 2:
      claim_iso_8859_1(text, cut_seed);
      break;
    default:
      claim_utf16(text, encoding == 3, cut_seed);
  }
  const ByteOrderMark mark = detect_byte_order_mark(text);
  claim(mark != ByteOrderMark::kUtf8 || text.starts_with("\xEF\xBB\xBF"),
        "a mark is only what stands there");
}

}  // namespace waybill::fuzz
