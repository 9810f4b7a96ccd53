// printable: text of a partner as it may go to a terminal or a log.
//
// Place:    core; for people only. JSON escapes by its own rules and stays exact.
#pragma once

#include <string>
#include <string_view>

namespace waybill {

/// What would move the cursor, end the line or turn the reading direction is written as \n, \x1b,
/// \u202e; a text that needs it has its backslashes doubled. Everything else stays as it is.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace waybill
