// The ChangeNotifier port on the operating system's own notifications.
#include "agent/watch/change_notifier.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "tests/support/temporary_folder.h"

using namespace waybill;

namespace {
void write(const std::filesystem::path& path) { std::ofstream(path) << "x"; }

constexpr int kNotAllowed = 77;  // this machine lets nobody have a user namespace

/// In a process of its own, whose users may have `limit` watches; the machine's limit stays.
int run_with_limit(int limit, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(kNotAllowed);
    std::ofstream setting("/proc/sys/user/max_inotify_watches");
    setting << limit << std::flush;
    if (!setting) ::_exit(kNotAllowed);
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
}  // namespace

TEST_CASE("notifications: writing, renaming and removing hint, also in folders made meanwhile",
          "[contract][notifier]") {
  TemporaryFolder folder;
  const auto notifier = system_change_notifier();
  std::filesystem::create_directories(folder.path() / "old");
  REQUIRE_FALSE(notifier->watch(folder.path()));
  CHECK_FALSE(notifier->take_hint());
  write(folder.path() / "a.csv");
  CHECK(notifier->take_hint());
  CHECK_FALSE(notifier->take_hint());
  write(folder.path() / "old" / "b.csv");
  CHECK(notifier->take_hint());
  std::filesystem::create_directories(folder.path() / "new");
  CHECK(notifier->take_hint());
  write(folder.path() / "new" / "c.csv");
  CHECK(notifier->take_hint());
  std::filesystem::rename(folder.path() / "a.csv", folder.path() / "d.csv");
  CHECK(notifier->take_hint());
  std::filesystem::remove(folder.path() / "d.csv");
  CHECK(notifier->take_hint());
}

TEST_CASE("notifications: a folder that is not there is no error, and can be watched later",
          "[contract][notifier]") {
  TemporaryFolder folder;
  const auto notifier = system_change_notifier();
  const auto late = folder.path() / "late";
  CHECK_FALSE(notifier->watch(late));
  std::filesystem::create_directories(late);
  CHECK_FALSE(notifier->watch(late));
  write(late / "a.csv");
  CHECK(notifier->take_hint());
}

// Goal:   the limit of watches is said, and what is watched goes on hinting.
// Method: a user namespace with three watches; each answer is a bit of the exit code.
TEST_CASE("notifications: the system's limit of watches is told, also when it comes later",
          "[contract][notifier]") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "one");
  const int all_told = run_with_limit(3, [&] {
    const auto notifier = system_change_notifier();
    int told = 0;
    if (!notifier->watch(folder.path())) told |= 1;  // two folders fit
    std::filesystem::create_directories(folder.path() / "two");
    if (notifier->take_hint() && !notifier->take_problem()) told |= 2;  // so does this one
    std::filesystem::create_directories(folder.path() / "three");
    const bool has_hint = notifier->take_hint();
    const auto problem = notifier->take_problem();
    if (has_hint && problem && problem->code().id == "WB-1307") told |= 4;
    if (!notifier->take_problem()) told |= 8;  // said once
    write(folder.path() / "two" / "a.csv");
    if (notifier->take_hint()) told |= 16;
    const auto fresh = system_change_notifier();
    const auto at_once = fresh->watch(folder.path());
    if (at_once && at_once->code().id == "WB-1307") told |= 32;
    return told;
  });
  if (all_told == kNotAllowed) return;
  CHECK(all_told == 63);
}
