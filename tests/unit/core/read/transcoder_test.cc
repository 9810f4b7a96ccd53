#include "core/read/transcoder.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/utf8.h"
#include "utf16.h"

using namespace waybill;

namespace {

using ByteOrder = Utf16Transcoder::ByteOrder;

constexpr ByteOrder kOrders[] = {ByteOrder::kLittleEndian, ByteOrder::kBigEndian};

std::string transcode(std::string_view bytes, ByteOrder order, std::size_t cut_bytes) {
  Utf16Transcoder transcoder(order);
  std::string utf8;
  for (std::size_t from = 0; from < bytes.size(); from += cut_bytes) {
    const std::string cut(bytes.substr(from, cut_bytes));
    utf8 += transcoder.feed(cut);
  }
  utf8 += transcoder.finish();
  return utf8;
}

/// A text as it was made: its UTF-16, its UTF-8, and for each byte of that the place in the file.
struct Made {
  std::u16string units;
  std::string utf8;
  std::vector<std::int64_t> places;

  void add(std::uint32_t code) {
    const std::size_t before = utf8.size();
    append_utf8(utf8, code);
    places.insert(places.end(), utf8.size() - before, static_cast<std::int64_t>(2 * units.size()));
    if (code < 0x10000U) {
      units.push_back(static_cast<char16_t>(code));
    } else {
      units.push_back(static_cast<char16_t>(0xD800U + ((code - 0x10000U) >> 10U)));
      units.push_back(static_cast<char16_t>(0xDC00U + ((code - 0x10000U) & 0x3FFU)));
    }
  }
};

/// Characters of every length, runs of ASCII, and surrogates that have lost their other half.
Made random_text(std::mt19937& random) {
  Made made;
  const std::size_t size = random() % 60;
  bool last_is_high = false;
  for (std::size_t i = 0; i < size; ++i) {
    constexpr std::uint32_t kCodes[] = {'a',     0x7F,    0x80,     0x7FF,  0x800,  0xFEFF, 0xFFFD,
                                        0x10000, 0x1F35E, 0x10FFFF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF};
    std::uint32_t code = kCodes[random() % std::size(kCodes)];
    // Behind a high half a low one would make a pair.
    if (last_is_high && code >= 0xDC00 && code <= 0xDFFF) code = 'x';
    last_is_high = code >= 0xD800 && code < 0xDC00;
    made.add(code);
    for (std::size_t run = random() % 4 == 0 ? random() % 12 : 0; run > 0; --run) {
      made.add('0' + static_cast<std::uint32_t>(run));
      last_is_high = false;
    }
  }
  return made;
}

}  // namespace

TEST_CASE("transcoder: UTF-16 of both byte orders becomes UTF-8", "[core][encoding]") {
  for (const ByteOrder order : kOrders) {
    const bool is_big = order == ByteOrder::kBigEndian;
    CHECK(transcode(utf16_bytes(u"Crème 日本 🍞 plain text, long", is_big), order, 100) ==
          "Crème 日本 🍞 plain text, long");
    CHECK(transcode("", order, 1).empty());
  }
  CHECK(transcode("A", ByteOrder::kLittleEndian, 1) == "\xFF");
  CHECK(transcode(utf16_bytes(u"a\xD83C", false), ByteOrder::kLittleEndian, 1) == "a\xED\xA0\xBC");
  CHECK(transcode(utf16_bytes(u"a\xD83C", false) + "x", ByteOrder::kLittleEndian, 1) ==
        "a\xED\xA0\xBC\xFF");
}

TEST_CASE("transcoder: UTF-8 becomes the UTF-16 it was made of", "[core][encoding]") {
  for (const ByteOrder order : kOrders) {
    std::string utf16;
    append_utf16(order, "é日🍞\xED\xA0\xBC!\xFF", utf16);
    CHECK(utf16 == utf16_bytes(u"é日🍞\xD83C!\uFFFD", order == ByteOrder::kBigEndian));
  }
}

// Goal:   where the input is cut changes nothing, and every byte knows where it came from.
// Method: random texts with broken surrogates and half units, cut in every size; places against
//         those the text was made with, asked for from settled places that move on.
TEST_CASE("transcoder: every cut gives the same bytes, each with its place in the file",
          "[core][encoding]") {
  std::mt19937 random(20261121);
  for (int i = 0; i < 300; ++i) {
    Made made = random_text(random);
    const ByteOrder order = kOrders[i % 2];
    std::string bytes = utf16_bytes(made.units, order == ByteOrder::kBigEndian);
    if (i % 5 == 0) {
      made.places.push_back(static_cast<std::int64_t>(bytes.size()));
      made.utf8.push_back('\xFF');
      bytes.push_back('z');
    }
    for (std::size_t cut_bytes = 1; cut_bytes <= bytes.size() + 1; ++cut_bytes) {
      REQUIRE(transcode(bytes, order, cut_bytes) == made.utf8);
    }
    if (i % 5 != 0) {
      std::string back;
      append_utf16(order, made.utf8, back);
      REQUIRE(back == bytes);
    }
    constexpr std::int64_t kMarkBytes = 2;
    Utf16Transcoder transcoder(order, kMarkBytes);
    std::size_t made_bytes = 0;
    std::size_t settled = 0;
    const auto check_places = [&] {
      for (std::size_t at = settled; at < made_bytes; ++at) {
        if ((static_cast<unsigned char>(made.utf8[at]) & 0xC0U) == 0x80U) continue;
        REQUIRE(transcoder.original_offset(static_cast<std::int64_t>(at)) ==
                kMarkBytes + made.places[at]);
      }
      while (settled < made_bytes && random() % 3 != 0) ++settled;
      while (settled < made_bytes &&
             (static_cast<unsigned char>(made.utf8[settled]) & 0xC0U) == 0x80U) {
        ++settled;
      }
      transcoder.settle(static_cast<std::int64_t>(settled));
    };
    for (std::size_t from = 0; from < bytes.size();) {
      const std::size_t size = 1 + random() % 9;
      made_bytes += transcoder.feed(std::string_view(bytes).substr(from, size)).size();
      from += size;
      check_places();
    }
    made_bytes += transcoder.finish().size();
    check_places();
    REQUIRE(made_bytes == made.utf8.size());
  }
}
