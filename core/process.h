// Process: the port through which another program is started and waited for.
//
// Place:    core; implemented in core/platform/. Central's alert command is its user.
// Safety:   the program is started directly, never through a shell: no byte of input or argument is
//           interpreted on the way. It inherits the environment and standard error, nothing else:
//           no open file, no connection, no blocked signal.
// Units:    *_ms are milliseconds.
// Errors:   WB-1310 when the program cannot be started. Every way it can end is a value.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace waybill {

struct ProgramRun {
  std::string program;                      ///< a path; a bare name is looked for in PATH
  std::vector<std::string> arguments{};     ///< after the program's own name
  std::string input{};                      ///< its standard input; output is thrown away
  std::int64_t timeout_ms = 30'000;         ///< afterwards it is ended, with all it has started
  const std::atomic<bool>* stop = nullptr;  ///< once true it is ended as well
};

enum class ProgramEnd : std::uint8_t {
  kExited,     ///< by itself; exit_code says how
  kSignalled,  ///< by a signal that was not ours
  kTimedOut,   ///< we ended it
  kStopped,    ///< we ended it, since a stop was requested
};

struct ProgramResult {
  ProgramEnd end = ProgramEnd::kExited;
  int exit_code = 0;  ///< kExited only
  [[nodiscard]] bool is_success() const { return end == ProgramEnd::kExited && exit_code == 0; }
};

/// Runs the program to its end. One that does not read all of its input does no wrong.
ProgramResult run_program(const ProgramRun& run);

}  // namespace waybill
