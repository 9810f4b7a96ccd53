// Names as partners' systems make them, on a real disk, from the folder to central and back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temporary_folder.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

/// The real engine and ledger over a folder on a real disk; central is the model.
struct DiskFixture {
  TemporaryFolder disk;
  fs::path root = disk.path() / "export";
  std::unique_ptr<EngineFixture> f;

  DiskFixture() {
    fs::create_directories(root);
    f = std::make_unique<EngineFixture>(&system_file_system(), root);
    nlohmann::json any = EngineFixture::spec("recipe");
    any["file_name"] = "*";
    f->central.specs.specs = {{FileTag("recipe"), 2, any}};
    f->central.specs.digest = "specs-2";
    f->run_steps(10);
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(root / name, std::ios::binary | std::ios::trunc) << bytes;
  }
  /// What central holds under exactly this name.
  [[nodiscard]] std::vector<std::string> held(const std::string& name) const {
    std::vector<std::string> out;
    for (const CentralModel::File& file : f->central.files_of(name)) {
      out.push_back(file.state + " " + f->central.objects[file.path]);
    }
    return out;
  }
};

using Held = std::vector<std::string>;

}  // namespace

TEST_CASE("odd names: each arrives under exactly its own name", "[contract][names]") {
  const std::vector<std::string> names = {
      "a\nnewline.csv",
      "tab\tand\x01 control\x1b[31m.csv",
      "\"double\" and 'single'.csv",
      "back\\slash.csv",
      "-leading-dash.csv",
      "--help",
      " space at both ends ",
      "percent%2e%2e%2Fescape.csv",
      "emoji \xF0\x9F\xA5\x90.csv",
      "e\xCC\x81.csv",  // e and an accent (NFD) ...
      "\xC3\xA9.csv",   // ... and the same letter in one (NFC): two names
      "Recipe.csv",
      "recipe.csv",  // case alone tells them apart
      "'; DROP TABLE path; --.csv",
      "${HOME}`id`$(id).csv",
      std::string(251, 'x') + ".csv",
      "\xE2\x82\xAC" + std::string(248, 'y') + ".csv",
  };
  DiskFixture d;
  int number = 0;
  for (const std::string& name : names) d.write(name, "code\n" + std::to_string(++number) + "\n");
  REQUIRE(d.f->run_until_settled(600));
  number = 0;
  for (const std::string& name : names) {
    INFO(name);
    CHECK(d.held(name) == Held{"archived code\n" + std::to_string(++number) + "\n"});
  }
  CHECK(d.f->central.files().size() == names.size());
}

TEST_CASE("odd names: paths of over 400 characters travel", "[contract][names]") {
  DiskFixture d;
  std::string folder;
  for (int i = 0; i < 9; ++i) folder += std::string(200, static_cast<char>('a' + i)) + "/";
  fs::create_directories(d.root / folder);
  d.write(folder + "recipe_1.csv", "code\n1\n");
  REQUIRE((folder + "recipe_1.csv").size() > 1'800);
  REQUIRE(d.f->run_until_settled());
  CHECK(d.held(folder + "recipe_1.csv") == Held{"archived code\n1\n"});
}

TEST_CASE("odd names: a rename that changes case alone is the same content under another name",
          "[contract][names]") {
  DiskFixture d;
  d.write("recipe.csv", "code\n1\n");
  REQUIRE(d.f->run_until_settled());
  fs::rename(d.root / "recipe.csv", d.root / "RECIPE.CSV");
  d.f->run_steps(60);
  CHECK(d.held("recipe.csv").size() == 1);
  CHECK(d.held("RECIPE.CSV") == Held{"duplicate "});
  CHECK(d.f->central.calls["put"] == 1);
}

TEST_CASE("known again, on a disk: other bytes of the same size and time are found at once",
          "[contract][known]") {
  DiskFixture d;
  d.write("recipe.csv", "code\nA\n");
  REQUIRE(d.f->run_until_settled());
  struct stat before {};
  REQUIRE(::stat((d.root / "recipe.csv").c_str(), &before) == 0);
  {
    std::fstream file(d.root / "recipe.csv", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5);
    file << 'B';
  }
  const timespec times[2] = {before.st_mtim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, (d.root / "recipe.csv").c_str(), times, 0) == 0);
  d.f->run_steps(100);
  CHECK(d.held("recipe.csv") == Held{"archived code\nA\n", "archived code\nB\n"});
}

TEST_CASE("known again, on a disk: a file made anew is read from its first byte",
          "[contract][known]") {
  DiskFixture d;
  d.write("recipe.csv", "code\nA\n");
  REQUIRE(d.f->run_until_settled());
  fs::remove(d.root / "recipe.csv");  // the next file often gets the number that is free now
  d.write("recipe.csv", "code\nA\nB\n");
  d.f->run_steps(100);
  CHECK(d.held("recipe.csv") == Held{"archived code\nA\n", "archived code\nA\nB\n"});
}

TEST_CASE("known again, on a disk: what looks like an export and is none holds up nobody",
          "[contract][known]") {
  DiskFixture d;
  REQUIRE(::mkfifo((d.root / "pipe.csv").c_str(), 0600) == 0);
  REQUIRE(::mknod((d.root / "socket.csv").c_str(), S_IFSOCK | 0600, 0) == 0);
  fs::create_symlink("/dev/zero", d.root / "zero.csv");
  d.write("recipe.csv", "code\n1\n");
  REQUIRE(d.f->run_until_settled());
  CHECK(d.held("recipe.csv") == Held{"archived code\n1\n"});
  for (const char* name : {"pipe.csv", "socket.csv", "zero.csv"}) {
    CHECK(d.f->ledger->find_path(name)->error_code == "WB-1306");
  }
}

TEST_CASE("known again, on a disk: a file we may not read, and a folder, are taken once we may",
          "[contract][known]") {
  if (::geteuid() == 0 && ::seteuid(65'534) != 0) return;  // root may read everything
  {
    DiskFixture d;
    fs::create_directories(d.root / "closed");
    d.write("recipe.csv", "code\n1\n");
    d.write("closed/recipe.csv", "code\n2\n");
    d.f->run_steps(60);
    REQUIRE(d.held("closed/recipe.csv").size() == 1);
    d.write("closed/recipe_3.csv", "code\n3\n");
    d.write("recipe_4.csv", "code\n4\n");
    fs::permissions(d.root / "closed", fs::perms::none);
    fs::permissions(d.root / "recipe_4.csv", fs::perms::none);
    d.f->run_steps(60);
    CHECK(d.f->path_state("closed/recipe.csv") == "recorded");  // not taken for gone
    CHECK(d.f->ledger->find_path("recipe_4.csv")->error_code == "WB-1303");
    CHECK(d.f->ledger->meta(meta::kFolderProblem).find("WB-1303") != std::string::npos);
    fs::permissions(d.root / "closed", fs::perms::owner_read);  // its names, not its files
    d.f->run_steps(60);
    CHECK(d.f->path_state("closed/recipe.csv") == "recorded");
    fs::permissions(d.root / "closed", fs::perms::owner_all);
    fs::permissions(d.root / "recipe_4.csv", fs::perms::owner_read);
    d.f->run_steps(100);
    CHECK(d.held("closed/recipe_3.csv") == Held{"archived code\n3\n"});
    CHECK(d.held("recipe_4.csv") == Held{"archived code\n4\n"});
    fs::permissions(d.root, fs::perms::none);
    d.f->run_steps(30);
    CHECK(d.f->ledger->meta(meta::kFolderProblem).find("WB-1303") != std::string::npos);
    CHECK(d.f->path_state("recipe.csv") == "recorded");
    fs::permissions(d.root, fs::perms::owner_all);
    d.f->run_steps(30);
    CHECK(d.f->ledger->meta(meta::kFolderProblem).empty());
  }
  if (::getuid() == 0) REQUIRE(::seteuid(0) == 0);
}
