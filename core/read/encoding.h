// Encodings: what the bytes of an export mean, and where they mean nothing.
//
// Place:    core; RowReader above, utf8.h below. No I/O, no state between calls.
// Rule:     delimiters, quotes and line ends are ASCII in every encoding here, so a file is cut
//           into records as bytes and only then decoded; byte offsets stay those of the file.
// Units:    offsets are octets from the start of the text passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waybill {

enum class Encoding : std::uint8_t { kUtf8, kWindows1252 };

/// "utf-8", "windows-1252": the names a file spec uses.
[[nodiscard]] std::string_view to_string(Encoding encoding);

/// What the first bytes of a file say about its encoding.
enum class ByteOrderMark : std::uint8_t { kNone, kUtf8, kUtf16Little, kUtf16Big };

/// Bytes that must be seen before detect_byte_order_mark() is sure.
inline constexpr std::size_t kByteOrderMarkBytesMax = 3;

[[nodiscard]] ByteOrderMark detect_byte_order_mark(std::string_view head);

/// Offset of the first byte that is not valid in `encoding`, or npos. Windows-1252 leaves five
/// bytes undefined (81, 8D, 8F, 90, 9D); in UTF-8 a character cut short at the end is invalid.
[[nodiscard]] std::size_t find_invalid_byte(Encoding encoding, std::string_view bytes);

/// Appends Windows-1252 `bytes` to `utf8` as UTF-8. The bytes have passed find_invalid_byte(). One
/// byte is one character, so any cut of a longer text gives the same result.
void append_windows_1252(std::string_view bytes, std::string& utf8);

}  // namespace waybill
