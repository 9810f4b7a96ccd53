#include "core/read/json_scan.h"

#include "core/ascii.h"
#include "core/utf8.h"

namespace waybill {

namespace {

constexpr unsigned kHighSurrogateFirst = 0xD800;
constexpr unsigned kLowSurrogateFirst = 0xDC00;
constexpr unsigned kSurrogateEnd = 0xE000;
constexpr std::size_t kHexDigits = 4;

int hex_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = to_ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The code unit of \uXXXX at `at`, the place of the first digit; the digits have been checked.
unsigned code_unit(std::string_view text, std::size_t at) {
  unsigned code = 0;
  for (std::size_t i = 0; i < kHexDigits; ++i) {
    code = code * 16 + static_cast<unsigned>(hex_value(text[at + i]));
  }
  return code;
}

char plain_escape(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

}  // namespace

bool JsonScan::read_object(std::vector<JsonMember>& members) {
  members.clear();
  skip_blanks();
  if (!skip_sign('{')) return false;
  skip_blanks();
  if (peek() == '}') {
    ++at_;
  } else {
    do {
      if (!read_member(members.emplace_back())) return false;
    } while (skip_sign(','));
    if (!skip_sign('}')) return false;
  }
  skip_blanks();
  return at_ == line_.size();
}

bool JsonScan::read_member(JsonMember& member) {
  skip_blanks();
  if (!read_text(member.key)) return false;
  skip_blanks();
  if (!skip_sign(':')) return false;
  skip_blanks();
  if (!read_value(member)) return false;
  skip_blanks();
  return true;
}

bool JsonScan::read_value(JsonMember& member) {
  const char first = peek();
  if (first == '"') {
    member.kind = JsonKind::kText;
    return read_text(member.value);
  }
  member.kind = first == '{' || first == '['   ? JsonKind::kNested
                : first == 't' || first == 'f' ? JsonKind::kBoolean
                : first == 'n'                 ? JsonKind::kNull
                                               : JsonKind::kNumber;
  member.value.begin = at_;
  if (!skip_value(1)) return false;
  member.value.end = at_;
  return true;
}

bool JsonScan::skip_value(int depth) {
  JsonText ignored;
  switch (peek()) {
    case '{':
      return skip_list(depth, '}');
    case '[':
      return skip_list(depth, ']');
    case '"':
      return read_text(ignored);
    case 't':
      return skip_word("true");
    case 'f':
      return skip_word("false");
    case 'n':
      return skip_word("null");
    default:
      return skip_number();
  }
}

/// The members of an object or the values of an array, up to `close`.
bool JsonScan::skip_list(int depth, char close) {
  if (depth >= kJsonDepthMax) return false;
  ++at_;
  skip_blanks();
  if (skip_sign(close)) return true;
  do {
    skip_blanks();
    if (close == '}') {
      JsonText key;
      if (!read_text(key)) return false;
      skip_blanks();
      if (!skip_sign(':')) return false;
      skip_blanks();
    }
    if (!skip_value(depth + 1)) return false;
    skip_blanks();
  } while (skip_sign(','));
  return skip_sign(close);
}

bool JsonScan::read_text(JsonText& text) {
  if (!skip_sign('"')) return false;
  text.begin = at_;
  text.is_escaped = false;
  for (; at_ < line_.size(); ++at_) {
    const char c = line_[at_];
    if (c == '"') {
      text.end = at_++;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c != '\\') continue;
    text.is_escaped = true;
    if (!skip_escape()) return false;
    --at_;  // the loop moves on
  }
  return false;
}

/// From a backslash to behind its escape; a surrogate only with its other half.
bool JsonScan::skip_escape() {
  ++at_;
  const char letter = peek();
  if (letter != 'u') {
    if (letter == '\0' || std::string_view("\"\\/bfnrt").find(letter) == std::string_view::npos) {
      return false;
    }
    ++at_;
    return true;
  }
  unsigned code = 0;
  ++at_;
  if (!skip_hex(code)) return false;
  if (code < kHighSurrogateFirst || code >= kSurrogateEnd) return true;
  if (code >= kLowSurrogateFirst || !skip_sign('\\') || !skip_sign('u') || !skip_hex(code)) {
    return false;
  }
  return code >= kLowSurrogateFirst && code < kSurrogateEnd;
}

bool JsonScan::skip_hex(unsigned& code) {
  for (std::size_t i = 0; i < kHexDigits; ++i) {
    if (at_ + i >= line_.size() || hex_value(line_[at_ + i]) < 0) return false;
  }
  code = code_unit(line_, at_);
  at_ += kHexDigits;
  return true;
}

bool JsonScan::skip_number() {
  static_cast<void>(skip_sign('-'));
  if (!skip_sign('0') && !skip_digits()) return false;
  if (skip_sign('.') && !skip_digits()) return false;
  if (peek() == 'e' || peek() == 'E') {
    ++at_;
    if (!skip_sign('+')) static_cast<void>(skip_sign('-'));
    if (!skip_digits()) return false;
  }
  return true;
}

bool JsonScan::skip_digits() {
  const std::size_t first = at_;
  while (is_ascii_digit(peek())) ++at_;
  return at_ > first;
}

bool JsonScan::skip_word(std::string_view word) {
  if (line_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool JsonScan::skip_sign(char sign) {
  if (at_ >= line_.size() || line_[at_] != sign) return false;
  ++at_;
  return true;
}

void JsonScan::skip_blanks() {
  while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t')) ++at_;
}

std::string_view json_text(std::string_view line, const JsonText& text, std::string& scratch) {
  const std::string_view raw = line.substr(text.begin, text.end - text.begin);
  if (!text.is_escaped) return raw;
  scratch.clear();
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      scratch.push_back(raw[at++]);
      continue;
    }
    const char letter = raw[at + 1];
    if (letter != 'u') {
      scratch.push_back(plain_escape(letter));
      at += 2;
      continue;
    }
    unsigned code = code_unit(raw, at + 2);
    at += 2 + kHexDigits;
    if (code >= kHighSurrogateFirst && code < kLowSurrogateFirst) {
      const unsigned low = code_unit(raw, at + 2);
      code = 0x10000U + ((code - kHighSurrogateFirst) << 10U) + (low - kLowSurrogateFirst);
      at += 2 + kHexDigits;
    }
    append_utf8(scratch, code);
  }
  return scratch;
}

}  // namespace waybill
