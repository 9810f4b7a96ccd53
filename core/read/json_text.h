// JSON text written by hand, for rows: one pass, no allocation, no tree.
//
// Place:    core; the row reader's output. Everything else uses nlohmann/json.
// Rule:     the caller has made room; text is valid UTF-8.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace waybill {

/// Most octets one octet of text takes in a JSON string (\u00XX).
inline constexpr std::size_t kJsonGrowthMax = 6;

/// Room a JSON string needs besides that: its quotes, and what is written ahead in whole words.
inline constexpr std::size_t kJsonRoomBytes = 16;

/// Writes the bytes as they are; returns the place behind them.
inline char* write_raw(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

/// Writes `text` as a JSON string with its quotes; the caller has kJsonRoomBytes + kJsonGrowthMax *
/// size octets of room. Returns the place behind it.
[[nodiscard]] char* write_json_string(char* out, std::string_view text);

}  // namespace waybill
