#include "core/read/encoding.h"

#include <catch2/catch.hpp>
#include <string>

using namespace waybill;

namespace {

std::string to_utf8(std::string_view bytes, Encoding encoding = Encoding::kWindows1252) {
  std::string utf8;
  append_single_bytes(encoding, bytes, utf8);
  return utf8;
}

}  // namespace

TEST_CASE("encoding: Windows-1252 becomes the UTF-8 of the same characters", "[core][encoding]") {
  CHECK(to_utf8("Entr\xE9"
                "e") == "Entrée");
  CHECK(to_utf8("\x80 \x91Zesy\x92 \x96 \x9F") == "€ ‘Zesy’ – Ÿ");
  CHECK(to_utf8("\xA0\xFF") == "\u00A0ÿ");
  CHECK(to_utf8("plain \x7F") == "plain \x7F");
}

TEST_CASE("encoding: in ISO-8859-1 every byte is the character of its number", "[core][encoding]") {
  CHECK(to_utf8("Entr\xE9"
                "e \x80\x9F\xA0\xFF",
                Encoding::kIso88591) == "Entrée \u0080\u009F\u00A0ÿ");
  for (int byte = 0; byte < 256; ++byte) {
    CHECK(find_invalid_byte(Encoding::kIso88591, std::string(1, static_cast<char>(byte))) ==
          std::string::npos);
  }
}

TEST_CASE("encoding: the five bytes Windows-1252 leaves undefined are found, no others",
          "[core][encoding]") {
  const std::string undefined = "\x81\x8D\x8F\x90\x9D";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_bad = undefined.find(c) != std::string::npos;
    CHECK(find_invalid_byte(Encoding::kWindows1252, std::string("ab") + c) ==
          (is_bad ? 2 : std::string::npos));
  }
}

TEST_CASE("encoding: invalid UTF-8 is found at its first byte", "[core][encoding]") {
  CHECK(find_invalid_byte(Encoding::kUtf8, "Entrée, 日本, 🍞") == std::string::npos);
  CHECK(find_invalid_byte(Encoding::kUtf8, "Entr\xE9, x") == 4);
  CHECK(find_invalid_byte(Encoding::kUtf8, "cut \xE6\x97") == 4);
  CHECK(find_invalid_byte(Encoding::kUtf8, "surrogate \xED\xA0\x80") == 10);
}

TEST_CASE("encoding: byte order marks are told apart", "[core][encoding]") {
  CHECK(detect_byte_order_mark("\xEF\xBB\xBF") == ByteOrderMark::kUtf8);
  CHECK(detect_byte_order_mark("\xFF\xFE"
                               "a") == ByteOrderMark::kUtf16Little);
  CHECK(detect_byte_order_mark("\xFE\xFF") == ByteOrderMark::kUtf16Big);
  CHECK(detect_byte_order_mark("\xEF\xBB") == ByteOrderMark::kNone);
  CHECK(detect_byte_order_mark("") == ByteOrderMark::kNone);
}

TEST_CASE("encoding: a byte order mark agrees with its own encoding only", "[core][encoding]") {
  using enum Encoding;
  for (const Encoding encoding : {kUtf8, kWindows1252, kIso88591, kUtf16Le, kUtf16Be}) {
    CHECK(agrees(ByteOrderMark::kNone, encoding));
    CHECK(agrees(ByteOrderMark::kUtf8, encoding) == (encoding == kUtf8));
    CHECK(agrees(ByteOrderMark::kUtf16Little, encoding) == (encoding == kUtf16Le));
    CHECK(agrees(ByteOrderMark::kUtf16Big, encoding) == (encoding == kUtf16Be));
  }
}
