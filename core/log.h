// The log: one line an event on standard error, for people and for journals.
//
// Place:    core; the only owner of spdlog.
// Rule:     a message never holds a token, a signed URL, a row value or file content.
#pragma once

#include <string>
#include <string_view>

namespace waybill {

class Error;

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError };

/// Sets the lowest level written and the program's name in each line. Call once, in main().
void start_log(std::string_view program, LogLevel lowest);

void log_line(LogLevel level, std::string_view message);
inline void log_info(std::string_view message) { log_line(LogLevel::kInfo, message); }
inline void log_debug(std::string_view message) { log_line(LogLevel::kDebug, message); }
inline void log_warning(std::string_view message) { log_line(LogLevel::kWarning, message); }

/// The error with its code, and the way out on the same line.
void log_error(const Error& error);

/// "info" -> kInfo ...; false when the name is none of debug, info, warning, error.
[[nodiscard]] bool parse_log_level(std::string_view name, LogLevel& level);

}  // namespace waybill
