// Clock: the port through which all code learns the time and waits.
//
// Place:    core; SystemClock for programs, FakeClock (tests/support) for tests.
// Units:    *_ms are milliseconds; wall time is UTC since 1970.
#pragma once

#include <cstdint>
#include <string>

namespace waybill {

class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall time in UTC milliseconds since 1970. It may step, either way; use it for what people
  /// read and what must survive a restart.
  [[nodiscard]] virtual std::int64_t now_ms() const = 0;

  /// Time that only grows, from an arbitrary start; use it for intervals within one process.
  [[nodiscard]] virtual std::int64_t steady_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_ms() const override;
  [[nodiscard]] std::int64_t steady_ms() const override;
};

/// "2026-11-20T23:59:59.123Z" for UTC milliseconds since 1970.
[[nodiscard]] std::string format_utc(std::int64_t utc_ms);

/// The inverse for RFC 3339 text with any fraction and offset ("Z", "+00:00"); -1 when malformed.
[[nodiscard]] std::int64_t parse_utc(const std::string& text);

}  // namespace waybill
