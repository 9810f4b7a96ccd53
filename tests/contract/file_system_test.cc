// One suite for the FileSystem port, on the real thing and on the fake.
#include "core/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/temporary_folder.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

/// The real file system in a folder of its own.
struct RealWorld {
  TemporaryFolder folder;
  FileSystem& files = system_file_system();
  fs::path root = folder.path() / "root";

  RealWorld() { fs::create_directories(root); }
  void write(const std::string& path, const std::string& bytes) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path, std::ios::binary | std::ios::trunc) << bytes;
  }
  void append(const std::string& path, const std::string& bytes) {
    std::ofstream(root / path, std::ios::binary | std::ios::app) << bytes;
  }
  void rename(const std::string& from, const std::string& to) {
    fs::rename(root / from, root / to);
  }
  void link(const std::string& path) { fs::create_symlink("/etc/passwd", root / path); }
  void link_folder(const std::string& path) { fs::create_directory_symlink("/etc", root / path); }
  void set_time(const std::string& path, std::int64_t mtime_ns) {
    const timespec time{mtime_ns / 1'000'000'000, mtime_ns % 1'000'000'000};
    const std::array times = {time, time};
    ::utimensat(AT_FDCWD, (root / path).c_str(), times.data(), 0);
  }
  void change_rights(const std::string& path) {
    fs::permissions(root / path, fs::perms::owner_read | fs::perms::owner_write);
  }
};

struct FakeWorld {
  SystemClock clock;
  MemoryFileSystem files{clock};
  fs::path root = "/root";

  FakeWorld() { files.make_folders(root); }
  void write(const std::string& path, const std::string& bytes) { files.write(root / path, bytes); }
  void append(const std::string& path, const std::string& bytes) {
    files.append(root / path, bytes);
  }
  void rename(const std::string& from, const std::string& to) {
    files.rename(root / from, root / to);
  }
  void link(const std::string& path) { files.link(root / path); }
  void link_folder(const std::string& path) { files.link(root / path); }
  void set_time(const std::string& path, std::int64_t mtime_ns) {
    files.touch(root / path, mtime_ns);
  }
  void change_rights(const std::string& path) { files.change_rights(root / path); }
};

std::string read_all(ReadableFile& file) {
  std::string out;
  std::string buffer(3, '\0');
  while (const std::size_t count = file.read(buffer.data(), buffer.size()))
    out.append(buffer, 0, count);
  return out;
}

std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.code().id);
  }
  return "";
}

template <class World>
std::map<std::string, WalkEntry> walk(World& w) {
  std::map<std::string, WalkEntry> out;
  w.files.walk(w.root, [&](const WalkEntry& entry) { out[entry.relative_path] = entry; }, {});
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("file system: a walk meets every file and link once and follows none",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.write("a.csv", "aa");
  w.write("night/deep/b.csv", "b");
  w.write("name with \"quotes\" and\nnewline \xC3\xA9.csv", "");
  w.write("bad\xff.csv", "x");
  w.link("link.csv");
  w.link_folder("elsewhere");
  const auto met = walk(w);
  REQUIRE(met.size() == 6);
  CHECK(met.at("a.csv").stat.type == FileType::kRegular);
  CHECK(met.at("a.csv").stat.size_bytes == 2);
  CHECK(met.at("night/deep/b.csv").is_text);
  CHECK(met.at("link.csv").stat.type == FileType::kLink);
  CHECK(met.at("elsewhere").stat.type == FileType::kLink);
  CHECK_FALSE(met.at("bad\xEF\xBF\xBD.csv").is_text);
}

TEMPLATE_TEST_CASE("file system: a root that is away is WB-1305", "[contract][file_system]",
                   RealWorld, FakeWorld) {
  TestType w;
  CHECK(code_of([&] { w.files.walk(w.root / "away", [](const WalkEntry&) {}, {}); }) == "WB-1305");
}

TEMPLATE_TEST_CASE("file system: stat and walk tell the same, and what is not there is a value",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.write("a.csv", "aa");
  CHECK(w.files.stat(w.root / "a.csv") == walk(w).at("a.csv").stat);
  CHECK(w.files.open(w.root, "a.csv")->stat() == walk(w).at("a.csv").stat);
  CHECK_FALSE(w.files.stat(w.root / "b.csv"));
  CHECK(w.files.open(w.root, "b.csv") == nullptr);
  CHECK(w.files.open(w.root, "no/such/b.csv") == nullptr);
}

TEMPLATE_TEST_CASE("file system: only regular files are opened, and no link is followed",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.write("folder/a.csv", "a");
  w.link("link.csv");
  w.link_folder("elsewhere");
  CHECK(code_of([&] { (void)w.files.open(w.root, "link.csv"); }) == "WB-1306");
  CHECK(code_of([&] { (void)w.files.open(w.root, "folder"); }) == "WB-1306");
  std::unique_ptr<ReadableFile> file;
  const std::string through = code_of([&] { file = w.files.open(w.root, "elsewhere/passwd"); });
  CHECK(file == nullptr);
  CHECK((through.empty() || through == "WB-1306"));
}

TEMPLATE_TEST_CASE(
    "file system: a change shows in the open file's stat; a removed one stays readable",
    "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.write("a.csv", "first");
  const auto file = w.files.open(w.root, "a.csv");
  const FileStat before = file->stat();
  w.append("a.csv", " second");
  CHECK_FALSE(file->stat() == before);
  CHECK(file->stat().size_bytes == 12);
  w.rename("a.csv", "b.csv");
  w.files.remove(w.root / "b.csv");
  CHECK(read_all(*file) == "first second");
  CHECK_FALSE(w.files.stat(w.root / "b.csv"));
}

TEMPLATE_TEST_CASE("file system: reading goes on wherever it is told to", "[contract][file_system]",
                   RealWorld, FakeWorld) {
  TestType world;
  world.write("a.txt", "0123456789");
  const auto file = world.files.open(world.root, "a.txt");
  file->seek(4);
  CHECK(read_all(*file) == "456789");
  file->seek(0);
  CHECK(read_all(*file) == "0123456789");
  file->seek(99);
  CHECK(read_all(*file).empty());
}

TEMPLATE_TEST_CASE("file system: a file moves out whole, replaces nothing and is the expected one",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType world;
  const fs::path away = world.root.parent_path() / "away";
  const auto stat = [&](const std::string& name) { return *world.files.stat(world.root / name); };
  world.write("sub/a.txt", "bytes");
  world.write("b.txt", "other");
  const FileStat a = stat("sub/a.txt");
  const fs::path to = away / "2026-11-20" / "sub" / "a.txt";
  CHECK(world.files.move_out(world.root, "sub/a.txt", stat("b.txt"), to) == MoveOutcome::kChanged);
  CHECK(world.files.move_out(world.root, "gone.txt", a, to) == MoveOutcome::kChanged);
  CHECK(world.files.move_out(world.root, "sub/a.txt", a, to) == MoveOutcome::kMoved);
  CHECK_FALSE(world.files.stat(world.root / "sub/a.txt"));
  CHECK(read_whole_file(world.files, to, 100) == "bytes");
  world.write("sub/a.txt", "again");
  CHECK(world.files.move_out(world.root, "sub/a.txt", stat("sub/a.txt"), to) ==
        MoveOutcome::kExists);
  CHECK(read_whole_file(world.files, to, 100) == "bytes");
  CHECK(read_whole_file(world.files, world.root / "sub/a.txt", 100) == "again");
}

TEMPLATE_TEST_CASE("file system: only the expected file is removed", "[contract][file_system]",
                   RealWorld, FakeWorld) {
  TestType world;
  world.write("a.txt", "bytes");
  const FileStat before = *world.files.stat(world.root / "a.txt");
  world.append("a.txt", "more");
  CHECK_FALSE(world.files.remove_from(world.root, "a.txt", before));
  CHECK(world.files.stat(world.root / "a.txt"));
  CHECK(world.files.remove_from(world.root, "a.txt", *world.files.stat(world.root / "a.txt")));
  CHECK_FALSE(world.files.stat(world.root / "a.txt"));
  CHECK_FALSE(world.files.remove_from(world.root, "a.txt", before));
}

TEMPLATE_TEST_CASE("file system: a staged file is unseen until it is committed, then whole",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  const fs::path path = w.root / "new" / "file";
  {
    const auto dropped = w.files.stage(path, FileMode::kShared);
    dropped->write("half");
  }
  CHECK_FALSE(w.files.stat(path));
  CHECK(walk(w).empty());
  write_whole_file(w.files, path, "one", FileMode::kPrivate);
  CHECK(w.files.is_private(path));
  const auto staged = w.files.stage(path, FileMode::kShared);
  staged->write("two");
  CHECK(read_whole_file(w.files, path, 100) == "one");
  const FileStat before = *w.files.stat(path);
  staged->commit();
  CHECK(read_whole_file(w.files, path, 100) == "two");
  CHECK_FALSE(w.files.is_private(path));
  CHECK(w.files.stat(path)->file_id != before.file_id);  // another file under the name
}

TEMPLATE_TEST_CASE("file system: a lock is held once, and given back", "[contract][file_system]",
                   RealWorld, FakeWorld) {
  TestType w;
  auto first = w.files.try_lock(w.root / "state" / "lock");
  REQUIRE(first);
  CHECK(w.files.try_lock(w.root / "state" / "lock") == nullptr);
  CHECK(w.files.try_lock(w.root / "state" / "other"));
  first.reset();
  CHECK(w.files.try_lock(w.root / "state" / "lock"));
}

TEMPLATE_TEST_CASE("file system: removing what is not there is no error; a limit is kept",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.files.remove(w.root / "nothing");
  w.write("a.csv", "12345");
  CHECK(read_whole_file(w.files, w.root / "a.csv", 5) == "12345");
  CHECK(code_of([&] { (void)read_whole_file(w.files, w.root / "a.csv", 4); }) == "WB-1303");
  CHECK(code_of([&] { (void)read_whole_file(w.files, w.root / "b.csv", 4); }) == "WB-1303");
}

TEMPLATE_TEST_CASE("file system: what is set aside keeps its bytes and replaces nothing",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  w.write("ledger", "bytes");
  w.write("taken", "other");
  CHECK(w.files.set_aside(w.root / "ledger", w.root / "ledger.damaged"));
  CHECK_FALSE(w.files.stat(w.root / "ledger"));
  CHECK(read_whole_file(w.files, w.root / "ledger.damaged", 100) == "bytes");
  CHECK_FALSE(w.files.set_aside(w.root / "ledger", w.root / "elsewhere"));  // not there any more
  CHECK(code_of([&] { (void)w.files.set_aside(w.root / "ledger.damaged", w.root / "taken"); }) ==
        "WB-1310");
  CHECK(read_whole_file(w.files, w.root / "taken", 100) == "other");
  CHECK(read_whole_file(w.files, w.root / "ledger.damaged", 100) == "bytes");
}

TEMPLATE_TEST_CASE("file system: what is made private is its owner's alone",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  write_whole_file(w.files, w.root / "token", "secret", FileMode::kShared);
  REQUIRE_FALSE(w.files.is_private(w.root / "token"));
  w.files.make_private(w.root / "token");
  CHECK(w.files.is_private(w.root / "token"));
  w.files.make_private(w.root / "token");  // again is fine
  CHECK(read_whole_file(w.files, w.root / "token", 100) == "secret");
  w.files.make_folders(w.root / "state");
  w.files.make_private(w.root / "state");
  w.write("state/file", "still ours");
  CHECK(read_whole_file(w.files, w.root / "state" / "file", 100) == "still ours");
}

TEST_CASE("file system: a private folder cannot be entered by others", "[contract][file_system]") {
  RealWorld w;
  w.files.make_folders(w.root / "state");
  w.files.make_private(w.root / "state");
  CHECK(fs::status(w.root / "state").permissions() == fs::perms::owner_all);
  CHECK(code_of([&] { w.files.make_private(w.root / "absent"); }) == "WB-1310");
}

TEMPLATE_TEST_CASE("file system: free space is told where there is a disk, and is a value",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  const auto free = w.files.free_bytes(w.root);
  REQUIRE(free);
  CHECK(*free > 0);
}

// Goal:   a rewrite that sets the old time again cannot hide.
// Method: rewrite with as many bytes and set the recorded time; then only rights change.
TEMPLATE_TEST_CASE("file system: no program sets the change time back", "[contract][file_system]",
                   RealWorld, FakeWorld) {
  TestType w;
  w.write("a.csv", "AAAA");
  const FileStat before = *w.files.stat(w.root / "a.csv");
  CHECK(before.change_ns != 0);
  CHECK(w.files.open(w.root, "a.csv")->stat() == before);
  CHECK(read_whole_file(w.files, w.root / "a.csv", 100) == "AAAA");
  CHECK(w.files.stat(w.root / "a.csv") == before);             // reading is no change
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the disk's clock is coarse
  w.write("a.csv", "BBBB");
  w.set_time("a.csv", before.mtime_ns);
  const FileStat after = *w.files.stat(w.root / "a.csv");
  CHECK(after.size_bytes == before.size_bytes);
  CHECK(after.mtime_ns == before.mtime_ns);
  CHECK(after.file_id == before.file_id);
  CHECK(after.change_ns > before.change_ns);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  w.change_rights("a.csv");
  CHECK(w.files.stat(w.root / "a.csv")->change_ns > after.change_ns);
  // What moves or removes a file looks at it, too.
  CHECK(w.files.move_out(w.root, "a.csv", after, w.root / "b.csv") == MoveOutcome::kChanged);
  CHECK_FALSE(w.files.remove_from(w.root, "a.csv", after));
  const FileStat now = *w.files.stat(w.root / "a.csv");
  CHECK(read_whole_file(w.files, w.root / "a.csv", 100) == "BBBB");
  CHECK(w.files.move_out(w.root, "a.csv", now, w.root / "b.csv") == MoveOutcome::kMoved);
}

TEMPLATE_TEST_CASE("file system: a folder too deep to enter is met itself",
                   "[contract][file_system]", RealWorld, FakeWorld) {
  TestType w;
  std::string folder;
  for (int i = 0; i < 64; ++i) folder += "d/";
  w.write(folder + "a.csv", "a");
  w.write(folder + "d/b.csv", "b");
  const auto met = walk(w);
  REQUIRE(met.size() == 2);
  CHECK(met.at(folder + "a.csv").stat.type == FileType::kRegular);
  CHECK(met.at(folder + "d").stat.type == FileType::kFolder);
}

TEST_CASE("file system: pipes, sockets and devices never hold up who opens them",
          "[contract][file_system]") {
  RealWorld w;
  REQUIRE(::mkfifo((w.root / "recipe_1.csv").c_str(), 0600) == 0);
  REQUIRE(::mknod((w.root / "recipe_2.csv").c_str(), S_IFSOCK | 0600, 0) == 0);
  fs::create_symlink("/dev/zero", w.root / "recipe_3.csv");
  const auto met = walk(w);
  CHECK(met.at("recipe_1.csv").stat.type == FileType::kOther);
  CHECK(met.at("recipe_2.csv").stat.type == FileType::kOther);
  CHECK(met.at("recipe_3.csv").stat.type == FileType::kLink);
  CHECK(code_of([&] { (void)w.files.open(w.root, "recipe_1.csv"); }) == "WB-1306");
  CHECK(code_of([&] { (void)w.files.open(w.root, "recipe_2.csv"); }) == "WB-1306");
  CHECK(code_of([&] { (void)w.files.open(w.root, "recipe_3.csv"); }) == "WB-1306");
}
