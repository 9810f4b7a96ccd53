#include "agent/watch/export_folders.h"

#include <catch2/catch.hpp>
#include <set>

#include "core/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"

using namespace waybill;

namespace {

struct Fixture {
  FakeClock clock;
  MemoryFileSystem files{clock};
  ExportFolders folders{files, "/export"};
  std::set<std::string> unreadable;

  Fixture() {
    files.write("/export/recipe.csv", "tonight");
    files.write("/old/2019/recipe.csv", "history");
    folders.show(7, "/old");
  }
  std::set<std::string> walk() {
    std::set<std::string> out;
    unreadable.clear();
    folders.walk(
        "/export", [&](const WalkEntry& entry) { out.insert(entry.relative_path); },
        [&](const std::string& folder) { unreadable.insert(folder); });
    return out;
  }
  std::string read(const std::string& relative_path) {
    const auto file = folders.open("/export", relative_path);
    if (!file) return "none";
    std::string out(100, '\0');
    out.resize(file->read(out.data(), out.size()));
    return out;
  }
};

}  // namespace

TEST_CASE("export folders: history is seen, read and stated below its own name",
          "[agent][backfill]") {
  Fixture f;
  CHECK(f.walk() == std::set<std::string>{"recipe.csv", "waybill-backfill-7/2019/recipe.csv"});
  CHECK(f.read("waybill-backfill-7/2019/recipe.csv") == "history");
  CHECK(f.read("recipe.csv") == "tonight");
  CHECK(f.folders.stat("/export/waybill-backfill-7/2019/recipe.csv")->size_bytes == 7);
  f.folders.hide(7);
  CHECK(f.walk() == std::set<std::string>{"recipe.csv"});
  CHECK(f.read("waybill-backfill-7/2019/recipe.csv") == "none");
}

TEST_CASE("export folders: a real thing of the reserved name is not taken for history",
          "[agent][backfill]") {
  Fixture f;
  f.files.write("/export/waybill-backfill-7/2019/recipe.csv", "planted");
  f.files.write("/export/waybill-backfill-x/recipe.csv", "a partner's own");
  CHECK(f.read("waybill-backfill-7/2019/recipe.csv") == "history");
  CHECK(f.walk() == std::set<std::string>{"recipe.csv", "waybill-backfill-7/2019/recipe.csv",
                                          "waybill-backfill-x/recipe.csv"});
}

TEST_CASE("export folders: history that is away is not judged; the export folder away is an error",
          "[agent][backfill]") {
  Fixture f;
  f.folders.show(8, "/nowhere");
  CHECK(f.walk().size() == 2);
  CHECK(f.unreadable == std::set<std::string>{"waybill-backfill-8"});
  f.files.take_away("/export");
  CHECK_THROWS_AS(f.walk(), Error);
}

TEST_CASE("staged names: only what stage() makes is called ours", "[core][files]") {
  CHECK(is_staged_name("a/.orders.jsonl.0f8fad5b-d9cb-469f-a165-70867728950e"));
  CHECK_FALSE(is_staged_name("a/orders.jsonl.0f8fad5b-d9cb-469f-a165-70867728950e"));
  CHECK_FALSE(is_staged_name(".orders.jsonl.swp"));
  CHECK_FALSE(is_staged_name(".0f8fad5b-d9cb-469f-a165-70867728950e"));
  CHECK_FALSE(is_staged_name(".x.0F8FAD5B-d9cb-469f-a165-70867728950e"));
  CHECK_FALSE(is_staged_name(""));
}
