#include "agent/engine/quarantine.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"

using namespace waybill;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  FakeClock clock;
  MemoryFileSystem files{clock};
  fs::path state = "/state";
  fs::path folder = state / kQuarantineFolderName;

  void put(const std::string& name, const std::string& bytes = "x") {
    write_whole_file(files, folder / name, bytes, FileMode::kPrivate);
  }
  bool is_there(const std::string& name) { return files.stat(folder / name).has_value(); }
  QuarantineCopy copy(std::int32_t version = 3) {
    PathRecord path;
    path.relative_path = "in/recipes 1.csv";
    path.size_bytes = 7;
    return {files, {state, 0}, path, version};
  }
};

constexpr const char* kCopy = "0123456789ab-v3-recipes.csv";
const Sha256Hex kContent(64, 'c');

}  // namespace

TEST_CASE("quarantine: a copy is named by content, spec and export", "[agent][quarantine]") {
  Fixture f;
  QuarantineCopy copy = f.copy();
  CHECK(copy.commit(kContent).empty());  // nothing was set aside
  copy.write("code\n");
  copy.write("A\n");
  const std::string name = copy.commit(kContent);
  CHECK(name == "quarantine/cccccccccccc-v3-recipes_1.csv");
  CHECK(read_whole_file(f.files, f.state / name, 100) == "code\nA\n");
  QuarantineCopy again = f.copy();
  again.write("code\nA\n");
  CHECK(again.commit(kContent) == name);  // the same reading again: one copy
  QuarantineCopy newer = f.copy(4);
  newer.write("code\n");
  CHECK(newer.commit(kContent) == "quarantine/cccccccccccc-v4-recipes_1.csv");
}

TEST_CASE("quarantine: of too much the first part is kept, and its name says so",
          "[agent][quarantine]") {
  Fixture f;
  QuarantineCopy copy = f.copy();
  copy.write(std::string(static_cast<std::size_t>(kQuarantineBytesMax), 'x'));
  copy.write("y");
  const std::string name = copy.commit(kContent);
  CHECK(name == "quarantine/cccccccccccc-cut-v3-recipes_1.csv");
  CHECK(f.files.stat(f.state / name)->size_bytes == kQuarantineBytesMax);
  CHECK(is_cut_copy(name));
  CHECK_FALSE(is_cut_copy("quarantine/cccccccccccc-v3-hair-cut-1.csv"));
}

TEST_CASE("quarantine: tidying removes what is old, and nothing that is not ours",
          "[agent][quarantine]") {
  Fixture f;
  f.put(kCopy);
  f.put("notes of a person.txt");
  f.put("2020/0123456789ab-v3-deep.csv");
  f.clock.advance(kQuarantineKeptMs + 1'000);
  f.put("cccccccccccc-v3-new.csv");
  tidy_quarantine(f.files, f.state, f.clock.now_ms(), true);
  CHECK_FALSE(f.is_there(kCopy));
  CHECK(f.is_there("cccccccccccc-v3-new.csv"));
  CHECK(f.is_there("notes of a person.txt"));
  CHECK(f.is_there("2020/0123456789ab-v3-deep.csv"));
}

TEST_CASE("quarantine: what a killed agent left unfinished goes at its next start",
          "[agent][quarantine]") {
  Fixture f;
  f.put("unfinished-0123456789ab-v3-recipes.csv");
  f.put(".unfinished-0123456789ab-v3-recipes.csv.01234567-89ab-cdef-0123-456789abcdef");
  tidy_quarantine(f.files, f.state, f.clock.now_ms(), false);  // one may be going on
  CHECK(f.is_there("unfinished-0123456789ab-v3-recipes.csv"));
  tidy_quarantine(f.files, f.state, f.clock.now_ms(), true);
  CHECK_FALSE(f.is_there("unfinished-0123456789ab-v3-recipes.csv"));
  CHECK_FALSE(
      f.is_there(".unfinished-0123456789ab-v3-recipes.csv.01234567-89ab-cdef-0123-456789abcdef"));
}

TEST_CASE("quarantine: all copies together have a limit; the oldest goes first",
          "[agent][quarantine]") {
  Fixture f;
  const std::string large(static_cast<std::size_t>(kQuarantineBytesMax), 'x');
  const std::int64_t count = kQuarantineTotalBytesMax / kQuarantineBytesMax;
  for (std::int64_t i = 0; i < count; ++i) {
    f.put("00000000000" + std::to_string(i) + "-v1-a.csv", large);
    f.clock.advance(60'000);
  }
  tidy_quarantine(f.files, f.state, f.clock.now_ms(), false);
  CHECK_FALSE(f.is_there("000000000000-v1-a.csv"));  // room for one more
  CHECK(f.is_there("000000000001-v1-a.csv"));

  // Between two tidyings a new copy makes its own room.
  f.put("000000000000-v1-a.csv", large);
  f.clock.advance(60'000);
  f.copy().write("code\n");
  CHECK_FALSE(f.is_there("000000000001-v1-a.csv"));
  CHECK(f.is_there("000000000002-v1-a.csv"));
}

TEST_CASE("quarantine: the room on the disk is looked at every few MiB", "[agent][quarantine]") {
  Fixture f;
  const std::string mib(1 << 20, 'x');
  const auto write = [&](QuarantineCopy& copy, int count) {
    for (int i = 0; i < count; ++i) copy.write(mib);
  };
  const auto kept = [&](int full_behind, int then) {
    f.files.free_bytes_left = std::uint64_t{1} << 40;
    QuarantineCopy copy(f.files, {f.state, 1}, PathRecord(), 1);
    write(copy, full_behind);
    f.files.free_bytes_left = 0;
    write(copy, then);
    return !copy.commit(kContent).empty();
  };
  CHECK(kept(1, 3));        // 4 MiB: not looked at again
  CHECK_FALSE(kept(1, 4));  // the next one is
  CHECK(kept(5, 3));        // 8 MiB: looked at behind 4, and not since
  CHECK_FALSE(kept(5, 4));
}
