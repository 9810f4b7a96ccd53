// SqlValue: what one value in VALUES (...) of a dump says.
//
// Place:    central/channels, below SqlDumpChannel.
// Rule:     only what dump programs write: literals, and the replace() and char() around them that
//           SQLite's .dump puts there for line ends. Anything else is not guessed.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "central/channels/sql_lexer.h"

namespace waybill {

/// A token kept beyond the call that brought it.
struct SqlPiece {
  SqlKind kind = SqlKind::kWord;
  std::string text;
  SqlEscapes escapes = SqlEscapes::kNone;
};

enum class SqlValueKind : std::uint8_t { kText, kNull, kBinary, kUnreadable };

/// Appends the value's text to `out`: of kText only.
[[nodiscard]] SqlValueKind read_sql_value(std::span<const SqlPiece> pieces, std::string& out);

}  // namespace waybill
