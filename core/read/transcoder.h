// Utf16Transcoder: turns a stream of UTF-16 into UTF-8, and knows where in the file a byte of it
// came from.
//
// Place:    core; RecordRows above, in front of CsvReader, which wants ASCII bytes for its marks.
// Owner:    one transcoder, one file, one thread.
// Units:    octets, of the original file or of the UTF-8 made of it; both count from the start of
//           the file, the UTF-8 behind the byte order mark.
// Memory:   the UTF-8 behind the last settled place, and one block.
// Errors:   none. What is no character stays visible as invalid UTF-8 at its place: a surrogate
//           without its other half in three bytes, half a unit at the end of the file as FF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waybill {

/// Feed the file in any cut, then finish(): the same UTF-8 comes out for every cut.
class Utf16Transcoder {
 public:
  enum class ByteOrder : std::uint8_t { kLittleEndian, kBigEndian };

  /// `first_byte_offset`: bytes of the file in front of what is fed, such as a byte order mark.
  explicit Utf16Transcoder(ByteOrder byte_order, std::int64_t first_byte_offset = 0);

  /// The UTF-8 of the bytes, as far as their characters are complete; valid until the next call.
  [[nodiscard]] std::string_view feed(std::string_view bytes);
  /// What was incomplete until the end of the file.
  [[nodiscard]] std::string_view finish();

  /// Nobody asks any more for a place before this byte of the UTF-8.
  void settle(std::int64_t utf8_offset);
  /// Where in the file the character is that begins at `utf8_offset`. Not before the settled place,
  /// not behind what was made so far.
  [[nodiscard]] std::int64_t original_offset(std::int64_t utf8_offset) const;

 private:
  void forget_settled();
  void make_room(std::size_t units);
  void take_units(std::string_view bytes);
  void take_unit(unsigned unit);
  void write(unsigned code);
  [[nodiscard]] unsigned unit_of(char first, char second) const;
  [[nodiscard]] std::size_t take_ascii(std::string_view bytes);
  [[nodiscard]] std::string_view made_since(std::size_t size);

  bool is_big_endian_;
  std::string utf8_;        ///< what was made, from utf8_begin_ on; longer than what is filled
  std::size_t filled_ = 0;  ///< bytes of utf8_ that are made
  std::int64_t utf8_begin_ = 0;
  std::int64_t settled_ = 0;
  std::int64_t settled_original_;  ///< the settled place in the file
  unsigned high_surrogate_ = 0;    ///< waits for its other half; 0: none
  std::string half_unit_;          ///< a unit's first byte, when the block before ended there
};

/// Appends UTF-8 that Utf16Transcoder made as the UTF-16 it came from, unit by unit; the half unit
/// at the end of a file, which is not known any more, as U+FFFD.
void append_utf16(Utf16Transcoder::ByteOrder byte_order, std::string_view utf8, std::string& utf16);

}  // namespace waybill
