#include "core/read/encoding.h"

#include <catch2/catch.hpp>
#include <string>

using namespace waybill;

namespace {

std::string to_utf8(std::string_view bytes) {
  std::string utf8;
  append_windows_1252(bytes, utf8);
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
