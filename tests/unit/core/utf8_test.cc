#include "core/utf8.h"

#include <catch2/catch.hpp>
#include <string>

using namespace waybill;

namespace {

/// The character's bytes by the definition of RFC 3629, written apart from the code under test.
std::string encode(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) {
    return {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
  }
  if (c < 0x10000) {
    return {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
            static_cast<char>(0x80 | (c & 0x3F))};
  }
  return {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3F)),
          static_cast<char>(0x80 | ((c >> 6) & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
}

}  // namespace

TEST_CASE("utf8: every code point is valid, but the surrogates", "[core][utf8]") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (is_valid_utf8(encode(c)) == surrogate) {
      CAPTURE(static_cast<std::uint32_t>(c));
      FAIL_CHECK("wrongly judged");
    }
  }
  CHECK_FALSE(is_valid_utf8(encode(0x110000)));
}

TEST_CASE("utf8: the place of the first bad byte, wherever it stands", "[core][utf8]") {
  // Goal: the eight-byte stride hides nothing. Method: each bad sequence at each offset.
  for (const std::string bad :
       {"\x80", "\xC0\xAF", "\xE2\x82", "\xF4\x90\x80\x80", "\xFF", "\xE0\x9F\xBF"}) {
    for (std::size_t offset = 0; offset < 20; ++offset) {
      const std::string text = std::string(offset, 'a') + bad + "zzzzzzzzzz";
      CHECK(find_invalid_utf8(text) == offset);
    }
  }
  CHECK(find_invalid_utf8("gr\xC3\xBC\xC3") == 4);
  CHECK(replace_invalid_utf8("a\xFF"
                             "b\xC3\xBC") ==
        "a\xEF\xBF\xBD"
        "b\xC3\xBC");
}
