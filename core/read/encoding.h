// Encodings: what the bytes of an export mean, and where they mean nothing.
//
// Place:    core; RowReader above, utf8.h below. No I/O, no state between calls.
// Rule:     delimiters, quotes and line ends are ASCII in every encoding of single bytes and in
//           UTF-8, so a file is cut into records as bytes and only then decoded. UTF-16 is turned
//           into UTF-8 before (transcoder.h). Byte offsets stay those of the file either way.
// Units:    offsets are octets from the start of the text passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waybill {

enum class Encoding : std::uint8_t { kUtf8, kWindows1252, kIso88591, kUtf16Le, kUtf16Be };

/// "utf-8", "windows-1252", "iso-8859-1", "utf-16le", "utf-16be": the names a file spec uses.
[[nodiscard]] std::string_view to_string(Encoding encoding);

/// Is the text UTF-16, which no other code may cut by bytes?
[[nodiscard]] constexpr bool is_utf16(Encoding encoding) {
  return encoding == Encoding::kUtf16Le || encoding == Encoding::kUtf16Be;
}

/// What the first bytes of a file say about its encoding.
enum class ByteOrderMark : std::uint8_t { kNone, kUtf8, kUtf16Little, kUtf16Big };

/// Bytes that must be seen before detect_byte_order_mark() is sure.
inline constexpr std::size_t kByteOrderMarkBytesMax = 3;

[[nodiscard]] ByteOrderMark detect_byte_order_mark(std::string_view head);

/// Octets of the mark in the file.
[[nodiscard]] std::size_t size_bytes(ByteOrderMark mark);

/// May a file of the encoding begin with the mark? With none it always may.
[[nodiscard]] bool agrees(ByteOrderMark mark, Encoding encoding);

/// "UTF-8", "UTF-16LE", "UTF-16BE", for people; kNone is "no encoding".
[[nodiscard]] std::string_view to_string(ByteOrderMark mark);

/// Offset of the first byte that is not valid in `encoding`, or npos. Windows-1252 leaves five
/// bytes undefined (81, 8D, 8F, 90, 9D); in UTF-8 a character cut short at the end is invalid.
/// UTF-16 is looked at as the UTF-8 that was made of it.
[[nodiscard]] std::size_t find_invalid_byte(Encoding encoding, std::string_view bytes);

/// Offset of the first byte from 80 to 9F, or npos: the control characters of ISO-8859-1, and signs
/// in Windows-1252.
[[nodiscard]] std::size_t find_c1_byte(std::string_view bytes);

/// Is a byte a character, so that append_single_bytes() decodes the text?
[[nodiscard]] constexpr bool is_single_byte(Encoding encoding) {
  return encoding == Encoding::kWindows1252 || encoding == Encoding::kIso88591;
}

/// Appends `bytes` of an encoding of single bytes to `utf8` as UTF-8. The bytes have passed
/// find_invalid_byte(). Any cut of a longer text gives the same result.
void append_single_bytes(Encoding encoding, std::string_view bytes, std::string& utf8);

}  // namespace waybill
