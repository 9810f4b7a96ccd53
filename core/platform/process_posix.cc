#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/process.h"

namespace waybill {

namespace {

constexpr int kPollMs = 10;  // how late an end, a timeout or a stop may be noticed
constexpr int kFirstOwnDescriptor = 3;

[[noreturn]] void fail(const ProgramRun& run, int reason) {
  throw Error(error_code::kFileSystemFailed, "start program", run.program, std::strerror(reason));
}

/// Writing to a program that reads no more is an error of the write, not the end of ours.
class PipeSignalBlocked {
 public:
  PipeSignalBlocked() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalBlocked() {
    const timespec at_once{};
    if (sigismember(&before_, SIGPIPE) == 0) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalBlocked(const PipeSignalBlocked&) = delete;
  PipeSignalBlocked& operator=(const PipeSignalBlocked&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// The two ends of the program's standard input; each is closed once.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  explicit Pipe(const ProgramRun& run) {
    int ends[2];
    if (pipe2(&ends[0], O_CLOEXEC) != 0) fail(run, errno);
    read_end = ends[0];
    write_end = ends[1];
    fcntl(write_end, F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    close_one(read_end);
    close_one(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  static void close_one(int& end) {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
};

/// What the new program inherits: a group of its own, ordinary signals, three descriptors.
class SpawnPlan {
 public:
  explicit SpawnPlan(int input) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstOwnDescriptor);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  [[nodiscard]] pid_t start(const ProgramRun& run) const {
    std::vector<std::string> words = run.arguments;
    words.insert(words.begin(), run.program);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int reason = posix_spawnp(&child, run.program.c_str(), &actions_, &attributes_,
                                    arguments.data(), environ);
    if (reason != 0) fail(run, reason);
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// Gives the program as much of its input as it takes now; closes the pipe at the end.
void feed(Pipe& pipe, std::string_view& left) {
  while (pipe.write_end >= 0) {
    if (left.empty()) return Pipe::close_one(pipe.write_end);
    const ssize_t written = ::write(pipe.write_end, left.data(), left.size());
    if (written > 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      Pipe::close_one(pipe.write_end);  // it reads no more
    }
  }
}

ProgramResult result_of(int status) {
  if (WIFEXITED(status)) return {ProgramEnd::kExited, WEXITSTATUS(status)};
  return {ProgramEnd::kSignalled, 0};
}

ProgramResult end_now(pid_t child, ProgramEnd why) {
  ::kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {why, 0};
}

}  // namespace

ProgramResult run_program(const ProgramRun& run) {
  const PipeSignalBlocked blocked;
  const SystemClock clock;
  Pipe pipe(run);
  const pid_t child = SpawnPlan(pipe.read_end).start(run);
  Pipe::close_one(pipe.read_end);
  const std::int64_t give_up_ms = clock.steady_ms() + run.timeout_ms;
  std::string_view left = run.input;
  for (;;) {
    feed(pipe, left);
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return result_of(status);
    if (run.stop != nullptr && run.stop->load()) return end_now(child, ProgramEnd::kStopped);
    if (clock.steady_ms() >= give_up_ms) return end_now(child, ProgramEnd::kTimedOut);
    pollfd waited{pipe.write_end, POLLOUT, 0};
    ::poll(&waited, pipe.write_end >= 0 ? 1 : 0, kPollMs);
  }
}

}  // namespace waybill
