#include "core/printable.h"

#include <fmt/core.h>

#include <cstdint>

namespace waybill {

namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;  ///< in bytes of UTF-8
};

/// Of valid UTF-8; a stray byte stands for itself.
Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const std::uint32_t first = byte(0);
  if (first >= 0xC0 && first < 0xE0) return {(first & 0x1FU) << 6 | (byte(1) & 0x3FU), 2};
  if (first >= 0xE0 && first < 0xF0) {
    return {(first & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU), 3};
  }
  if (first >= 0xF0) return {0x10000, 4};  // none of these is dangerous
  return {first, 1};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

/// Marks that turn the reading direction or part a line.
bool is_treacherous(std::uint32_t code) {
  return code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool needs_escape(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Character next = character_at(text, at);
    if (is_control(next.code) || is_treacherous(next.code)) return true;
    at += next.size;
  }
  return false;
}

std::string escaped(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

}  // namespace

std::string printable(std::string_view text) {
  if (!needs_escape(text)) return std::string(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const Character next = character_at(text, at);
    if (is_control(next.code) || is_treacherous(next.code)) {
      out += escaped(next.code);
    } else {
      if (next.code == '\\') out += '\\';
      out += text.substr(at, next.size);
    }
    at += next.size;
  }
  return out;
}

}  // namespace waybill
