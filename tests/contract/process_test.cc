// The port to other programs: what they get, what we learn, and that none outlives its time.
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/process.h"

namespace waybill {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  Scratch() : path(fs::temp_directory_path() / ("waybill-process-" + random_uuid())) {
    fs::create_directories(path);
  }
  ~Scratch() { fs::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  fs::path path;
};

ProgramRun shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}};
}

TEST_CASE("process: input arrives byte by byte, however it looks", "[contract][process]") {
  const Scratch scratch;
  const fs::path copy = scratch.path / "copy";
  std::string input = "$(touch " + (scratch.path / "trap").string() + ") `id` ; | & \" ' \\ \n";
  for (int i = 0; i < 300'000; ++i) input += static_cast<char>('a' + i % 26);  // beyond any pipe
  ProgramRun run{.program = "/usr/bin/tee", .arguments = {copy.string()}};
  run.input = input;
  CHECK(run_program(run).is_success());
  CHECK(read_whole_file(system_file_system(), copy, input.size() + 1) == input);
  CHECK_FALSE(fs::exists(scratch.path / "trap"));
}

TEST_CASE("process: every end is told apart", "[contract][process]") {
  CHECK(run_program(shell("exit 0")).is_success());
  CHECK(run_program(shell("exit 7")).exit_code == 7);
  CHECK(run_program(shell("kill -TERM $$")).end == ProgramEnd::kSignalled);
  CHECK_THROWS_AS(run_program({.program = "/no/such/program"}), Error);
  ProgramRun deaf = shell("exec <&-; exit 0");  // reads nothing of a large input
  deaf.input.assign(1 << 20, 'x');
  CHECK(run_program(deaf).is_success());
}

TEST_CASE("process: what takes too long is ended with all it has started", "[contract][process]") {
  const Scratch scratch;
  const std::string mark = (scratch.path / "mark").string();
  const std::int64_t before_ms = SystemClock().steady_ms();
  ProgramRun slow = shell("(sleep 2; touch " + mark + ") & sleep 60");
  slow.timeout_ms = 50;
  CHECK(run_program(slow).end == ProgramEnd::kTimedOut);
  const std::atomic<bool> stop{true};
  ProgramRun stopped = shell("sleep 60");
  stopped.stop = &stop;
  CHECK(run_program(stopped).end == ProgramEnd::kStopped);
  CHECK(SystemClock().steady_ms() - before_ms < 5000);
  run_program(shell("sleep 2.2"));  // the background child had its time
  CHECK_FALSE(fs::exists(mark));
}

TEST_CASE("process: nothing of ours but the three descriptors is inherited",
          "[contract][process][security]") {
  const auto open_file = system_file_system().open("/etc", "hostname");
  REQUIRE(open_file);
  CHECK(run_program(shell("[ \"$(ls /proc/self/fd | wc -l)\" -le 4 ]")).is_success());
}

}  // namespace
}  // namespace waybill
