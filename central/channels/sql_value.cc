#include "central/channels/sql_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "core/ascii.h"
#include "core/utf8.h"

namespace waybill {

namespace {

using Pieces = std::span<const SqlPiece>;

constexpr std::size_t kCallDepthMax = 50;

bool is_sign(const SqlPiece& piece, char sign) {
  return piece.kind == SqlKind::kSign && piece.text.front() == sign;
}

bool is_word(const SqlPiece& piece, std::string_view word) {
  return piece.kind == SqlKind::kWord && equal_ignoring_case(piece.text, word);
}

std::string content(const SqlPiece& piece) {
  std::string scratch;
  return std::string(undo_escapes(piece.text, piece.escapes, scratch));
}

/// SQLite's unistr(): \uXXXX and a doubled backslash.
std::optional<std::string> unescape_unistr(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '\\') {
      out.push_back(text.front());
      text.remove_prefix(1);
    } else if (text.starts_with("\\\\")) {
      out.push_back('\\');
      text.remove_prefix(2);
    } else {
      unsigned code = 0;
      if (!text.starts_with("\\u") || text.size() < 6) return std::nullopt;
      const auto read = std::from_chars(text.data() + 2, text.data() + 6, code, 16);
      if (read.ptr != text.data() + 6) return std::nullopt;
      append_utf8(out, code);
      text.remove_prefix(6);
    }
  }
  return out;
}

/// Reads texts joined by || and the calls that SQLite's .dump writes.
class CallReader {
 public:
  explicit CallReader(Pieces pieces) : rest_(pieces) {}

  std::optional<std::string> read_all() {
    auto value = read_joined(0);
    return rest_.empty() ? value : std::nullopt;
  }

 private:
  bool take(char sign) {
    if (rest_.empty() || !is_sign(rest_.front(), sign)) return false;
    rest_ = rest_.subspan(1);
    return true;
  }

  std::optional<std::string> read_joined(std::size_t depth) {
    auto value = read_one(depth);
    while (value && take('|')) {
      if (!take('|')) return std::nullopt;
      const auto more = read_one(depth);
      if (!more) return std::nullopt;
      *value += *more;
    }
    return value;
  }

  std::optional<std::string> read_one(std::size_t depth) {
    if (rest_.empty() || depth == kCallDepthMax) return std::nullopt;
    const SqlPiece& piece = rest_.front();
    rest_ = rest_.subspan(1);
    if (piece.kind == SqlKind::kText) return content(piece);
    if (piece.kind != SqlKind::kWord) return std::nullopt;
    if (is_ascii_digit(piece.text.front())) return piece.text;
    if (!take('(')) return std::nullopt;
    std::vector<std::string> arguments;
    do {
      auto argument = read_joined(depth + 1);
      if (!argument) return std::nullopt;
      arguments.push_back(std::move(*argument));
    } while (take(','));
    if (!take(')')) return std::nullopt;
    return call(piece, arguments);
  }

  static std::optional<std::string> call(const SqlPiece& name,
                                         std::vector<std::string>& arguments) {
    if (is_word(name, "replace") && arguments.size() == 3) {
      return replace(arguments[0], arguments[1], arguments[2]);
    }
    if (is_word(name, "unistr") && arguments.size() == 1) return unescape_unistr(arguments[0]);
    if (!is_word(name, "char")) return std::nullopt;
    std::string text;
    for (const std::string& argument : arguments) {
      unsigned code = 0;
      const char* const end = argument.data() + argument.size();
      if (std::from_chars(argument.data(), end, code).ptr != end || code > 0xFFFF) {
        return std::nullopt;
      }
      append_utf8(text, code);
    }
    return text;
  }

  static std::string replace(const std::string& text, const std::string& what,
                             const std::string& with) {
    if (what.empty()) return text;
    std::string out;
    for (std::size_t from = 0;;) {
      const std::size_t at = text.find(what, from);
      out.append(text, from, at == std::string::npos ? at : at - from);
      if (at == std::string::npos) return out;
      out += with;
      from = at + what.size();
    }
  }

  Pieces rest_;
};

/// A number as it is written, with a sign before it or in its exponent.
std::optional<std::string> join_number(Pieces pieces) {
  std::string text;
  for (const SqlPiece& piece : pieces) {
    const bool is_part = piece.kind == SqlKind::kWord || is_sign(piece, '-') ||
                         is_sign(piece, '+') || is_sign(piece, '.');
    if (!is_part) return std::nullopt;
    text += piece.text;
  }
  std::string_view rest = text;
  const auto take_sign = [&] {
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) rest.remove_prefix(1);
  };
  const auto take_digits = [&] {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    rest.remove_prefix(end);
    return end;
  };
  take_sign();
  std::size_t digits = take_digits();
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    digits += take_digits();
  }
  if (digits == 0) return std::nullopt;
  if (!rest.empty() && (rest.front() == 'e' || rest.front() == 'E')) {
    rest.remove_prefix(1);
    take_sign();
    if (take_digits() == 0) return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  return text;
}

SqlValueKind read_introduced(const SqlPiece& word, const SqlPiece& text, std::string& out) {
  if (is_word(word, "x") || is_word(word, "_binary")) return SqlValueKind::kBinary;
  const bool is_text = is_word(word, "e") || is_word(word, "n") || is_word(word, "b") ||
                       is_word(word, "_utf8") || is_word(word, "_utf8mb4") ||
                       is_word(word, "_utf8mb3") || is_word(word, "_ascii");
  if (!is_text) return SqlValueKind::kUnreadable;
  out += content(text);
  return SqlValueKind::kText;
}

SqlValueKind read_word(const SqlPiece& word, std::string& out) {
  if (is_word(word, "null")) return SqlValueKind::kNull;
  for (const std::string_view truth : {"true", "false"}) {
    if (!is_word(word, truth)) continue;
    out += truth;
    return SqlValueKind::kText;
  }
  if (word.text.starts_with("0x") || word.text.starts_with("0X")) return SqlValueKind::kBinary;
  if (const auto number = join_number({&word, 1})) {
    out += *number;
    return SqlValueKind::kText;
  }
  return SqlValueKind::kUnreadable;
}

}  // namespace

SqlValueKind read_sql_value(Pieces pieces, std::string& out) {
  // 'text'::type says how PostgreSQL reads the text, and nothing about it.
  const auto cast = std::find_if(pieces.begin(), pieces.end(),
                                 [](const SqlPiece& piece) { return is_sign(piece, ':'); });
  pieces = pieces.first(static_cast<std::size_t>(cast - pieces.begin()));
  if (pieces.empty()) return SqlValueKind::kUnreadable;
  const SqlPiece& first = pieces.front();
  if (pieces.size() == 1) {
    if (first.kind == SqlKind::kWord) return read_word(first, out);
    if (first.kind != SqlKind::kText) return SqlValueKind::kUnreadable;
    out += content(first);
    return SqlValueKind::kText;
  }
  if (pieces.size() == 2 && first.kind == SqlKind::kWord && pieces[1].kind == SqlKind::kText) {
    return read_introduced(first, pieces[1], out);
  }
  std::optional<std::string> value = join_number(pieces);
  if (!value) value = CallReader(pieces).read_all();
  if (!value) return SqlValueKind::kUnreadable;
  out += *value;
  return SqlValueKind::kText;
}

}  // namespace waybill
