// The ChangeNotifier port on the operating system's own notifications.
#include "agent/watch/change_notifier.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace waybill;

namespace {
void write(const std::filesystem::path& path) { std::ofstream(path) << "x"; }
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
