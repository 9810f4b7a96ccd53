#include <catch2/catch.hpp>

#include <chrono>
#include <fstream>
#include <iostream>

#include "agent/engine/rebuilder.h"
#include "agent/ledger/damage.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

struct Killed {};

/// An engine whose ledger lies on the real disk, where it can be damaged.
struct RebuildFixture : EngineFixture {
  int pages = 0;

  void stop() {
    engine.reset();
    uploads.reset();
    close();
  }
  void open_whatever_is_left() {
    ledger =
        std::make_unique<Ledger>(system_file_system(), clock, folder.path(), OnDamage::kSetAside);
  }
  /// False when it did not come to an end.
  bool rebuild(int limit = 1'000) {
    Rebuilder rebuilder({clock, central, chance}, *ledger, "http://localhost");
    for (int i = 0; i < limit && !rebuilder.is_done(); ++i) {
      const StepReport report = rebuilder.step();
      if (report.worked) ++pages;
      if (!report.worked) clock.advance(std::max<std::int64_t>(report.wait_ms, 100));
    }
    return rebuilder.is_done();
  }
  void start_again() {
    open_whatever_is_left();
    REQUIRE(rebuild());
    start();
  }
  [[nodiscard]] std::vector<std::string> set_aside() const {
    std::vector<std::string> out;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder.path())) {
      const std::string name = entry.path().filename().string();
      if (name.find(".damaged-") != std::string::npos) out.push_back(name);
    }
    return out;
  }
  [[nodiscard]] std::string ask(const std::string& sql) const {
    SecondConnection look(file());
    return look.ask(sql);
  }
  void write_file(const std::string& bytes) const {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
  }
  [[nodiscard]] std::string read_file() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

void put_night(EngineFixture& f) {
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  f.put("recipe_2_again.csv", "code\n2\n");
  f.put("recipe_bad.csv", "code\nBROKEN\n");
  f.put("sub/party_1.csv", "code\nP\n");
}

void check_night(RebuildFixture& f) {
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("recipe_bad.csv") == "refused");
  CHECK(f.states_of("sub/party_1.csv") == "archived");
  CHECK(f.ask("SELECT count(*) FROM job_file WHERE state = 'duplicate'") == "1");
  CHECK(f.ask("SELECT count(*) FROM path WHERE state = 'recorded'") == "5");
  for (const char* content : {"code\n1\n", "code\n2\n", "code\nP\n"}) {
    CHECK(f.central.stagings(sha256_hex(content)) == 1);
  }
}

}  // namespace

// Goal:   whatever became of the ledger's file, it is kept, and a new one knows all again.
TEST_CASE("rebuild: a lost or damaged ledger is set aside and filled from central",
          "[agent][rebuild]") {
  const std::string damage = GENERATE("missing", "empty", "zeroed", "truncated", "scribbled",
                                      "foreign", "other program's");
  INFO(damage);
  RebuildFixture f;
  put_night(f);
  REQUIRE(f.run_until_settled());
  const std::string ledger_id = f.ledger->meta(meta::kLedgerId);
  f.stop();
  std::string bytes = f.read_file();
  if (damage == "missing") fs::remove(f.file());
  if (damage == "empty") f.write_file("");
  if (damage == "zeroed") f.write_file(std::string(bytes.size(), '\0'));
  if (damage == "truncated") f.write_file(bytes.substr(0, bytes.size() / 2));
  if (damage == "scribbled") f.write_file(bytes.replace(4'096, 20'000, std::string(20'000, 'x')));
  if (damage == "foreign") f.write_file("GIF89a" + bytes);
  if (damage == "other program's") {
    fs::remove(f.file());
    SecondConnection other(f.file());
    REQUIRE(other.run("CREATE TABLE mine (a); PRAGMA application_id = 7;") == "");
  }
  const int puts = f.central.calls["put"];
  const int registered = f.central.calls["open_job"];
  f.start_again();
  CHECK(f.set_aside().size() == (damage == "missing" || damage == "empty" ? 0U : 1U));
  CHECK(f.ledger->meta(meta::kLedgerId) != ledger_id);
  CHECK(f.ledger->identity()->tenant_slug == "riverside");
  f.run_steps(60);
  check_night(f);
  CHECK(f.central.calls["put"] == puts);
  CHECK(f.central.calls["open_job"] == registered);
  CHECK(f.central.ledger_rules.replaced_count == 1);
  CHECK_FALSE(f.central.ledger_rules.is_refused());

  f.put("recipe_3.csv", "code\n3\n");  // and life goes on
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_3.csv") == "archived");
}

TEST_CASE("rebuild: what lies beside a lost ledger is kept with it", "[agent][rebuild]") {
  RebuildFixture f;
  f.stop();
  fs::remove(f.file());
  std::ofstream(f.file().string() + "-wal") << "frames";
  f.start_again();
  REQUIRE(f.set_aside().size() == 1);
  CHECK(f.set_aside().front().ends_with("-wal"));
}

TEST_CASE("rebuild: a ledger that nobody is enrolled with is not set aside", "[agent][rebuild]") {
  RebuildFixture f;
  f.stop();
  f.write_file("not a ledger, but somebody's file");
  CHECK_THROWS_AS(Ledger(system_file_system(), f.clock, f.folder.path()), Error);
  CHECK(f.read_file() == "not a ledger, but somebody's file");
}

// Goal:   damage that was met while running is believed at the next start.
TEST_CASE("rebuild: noted damage sets the ledger aside at the next start", "[agent][rebuild]") {
  RebuildFixture f;
  put_night(f);
  REQUIRE(f.run_until_settled());
  f.stop();
  const Error met(error_code::kLedgerCorrupt, "find", "job_file", "database disk image malformed");
  note_trouble(system_file_system(), f.folder.path(), met, f.clock.now_ms());
  f.start_again();
  CHECK(f.set_aside().size() == 1);
  CHECK_FALSE(find_trouble(system_file_system(), f.folder.path()).has_value());
  f.run_steps(60);
  check_night(f);
}

// Goal:   a kill or a lost answer while rebuilding leads to the same ledger.
// Method: two files a page; the n-th call dies before or after its work.
TEST_CASE("rebuild: killed or cut off at any call, it goes on where it was", "[agent][rebuild]") {
  for (const bool is_crash : {false, true}) {
    for (int fatal = 1; fatal <= 6; ++fatal) {
      RebuildFixture f;
      f.central.inventory_page_max = 2;
      put_night(f);
      REQUIRE(f.run_until_settled());
      f.stop();
      fs::remove(f.file());
      f.open_whatever_is_left();
      const int puts = f.central.calls["put"];
      int calls = 0;
      f.central.after_call = [&](const std::string& call) {
        if (++calls != fatal) return;
        if (is_crash) throw Killed{};
        throw Error(error_code::kNetworkUnreachable, "call", call, "connection reset");
      };
      INFO((is_crash ? "killed" : "cut off") << " in call " << fatal);
      bool is_rebuilt = false;
      try {
        is_rebuilt = f.rebuild();
      } catch (const Killed&) {
        f.close();
        f.open_whatever_is_left();
        is_rebuilt = f.rebuild();
      }
      REQUIRE(is_rebuilt);
      f.central.after_call = [](const std::string&) {};
      CHECK(f.pages >= 4);
      f.start();
      f.run_steps(60);
      check_night(f);
      CHECK(f.central.calls["put"] == puts);
    }
  }
}

// Goal:   what central waits for is sent, though the ledger forgot that it was registered.
TEST_CASE("rebuild: files that central still waits for are found and sent once",
          "[agent][rebuild]") {
  RebuildFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  f.central.tokens_expire = true;
  f.run_steps(20);
  REQUIRE(f.central.files().size() == 1);
  REQUIRE(f.central.files().front().state == "awaiting_upload");
  f.stop();
  fs::remove(f.file());
  f.central.tokens_expire = false;
  f.start_again();
  CHECK(f.states_of("recipe_1.csv") == "unsettled");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.files().size() == 1);
  CHECK(f.central.stagings(sha256_hex("code\n1\n")) == 1);
}

// Goal:   parts that central still waits for are sent, though it told of their fellows.
// Method: the ledger is lost when storage has taken none, one or two of three parts.
TEST_CASE("rebuild: a file in parts whose ledger is lost midway is staged whole, once",
          "[agent][rebuild][split]") {
  const int taken_before = GENERATE(0, 1, 2);
  CAPTURE(taken_before);
  RebuildFixture f;
  nlohmann::json recipe = f.spec("recipe");
  recipe["split_rows"] = 2;
  f.central.specs.specs[0] = {FileTag("recipe"), 2, recipe};
  f.central.specs.digest = "specs-2";
  f.run_steps(10);
  f.central.storage.instead = [&, left = taken_before](const std::string& call) mutable {
    const bool is_taken = call != "put" || left-- > 0;
    return is_taken ? std::nullopt : std::optional(HttpResponse{503, {}, "{}"});
  };
  f.put("recipe_1.csv", "code\nA\nB\nC\nD\nE\n");
  f.run_steps(40);
  f.stop();
  fs::remove(f.file());
  f.central.storage.instead = [](const std::string&) { return std::optional<HttpResponse>(); };
  f.start_again();
  CHECK(f.ask("SELECT count(*) FROM job_file") == "3");
  REQUIRE(f.run_until_settled(2'000));
  CHECK(f.states_of("recipe_1.csv") == "archived,archived,archived");
  CHECK(f.central.files().size() == 3);
  for (const char* part : {"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"}) {
    CHECK(f.central.stagings(sha256_hex(part)) == 1);
  }
}

// Goal:   what storage took is not sent again, though nobody had told central of it.
TEST_CASE("rebuild: a file lost between storage and central is asked for, not sent again",
          "[agent][rebuild]") {
  RebuildFixture f;
  f.central.before_call = [](const std::string& call) {
    if (call == "confirm_uploads")
      throw Error(error_code::kCentralUnavailable, "call", call, "away");
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.run_steps(12);
  REQUIRE(f.states_of("recipe_1.csv") == "uploaded");
  f.stop();
  fs::remove(f.file());
  f.central.before_call = [](const std::string&) {};
  const int puts = f.central.calls["put"];
  f.start_again();
  REQUIRE(f.run_until_settled());
  CHECK(f.central.calls["put"] == puts);
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.files().size() == 1);
}

// Goal:   central does not wait for ever for bytes that only the lost ledger knew of.
TEST_CASE("rebuild: what is gone or changed since is withdrawn", "[agent][rebuild]") {
  RebuildFixture f;
  f.central.tokens_expire = true;
  f.put("recipe_gone.csv", "code\n1\n");
  f.put("recipe_changed.csv", "code\n2\n");
  f.run_steps(20);
  REQUIRE(f.central.files().size() == 2);
  f.stop();
  fs::remove(f.file());
  f.files.remove(f.root / "recipe_gone.csv");
  f.put("recipe_changed.csv", "code\n22\n");
  f.central.tokens_expire = false;
  f.start_again();
  REQUIRE(f.run_until_settled());
  f.run_steps(20);
  CHECK(f.states_of("recipe_gone.csv") == "vanished");
  CHECK(f.states_of("recipe_changed.csv") == "superseded,archived");
  for (const CentralModel::File& file : f.central.files()) {
    CHECK(file.state != "awaiting_upload");
  }
}

// Goal:   a file that a lost ledger knew as refused, and that central's operator wants all the
// same,
//         is sent or given up: its name may stand for anything by then.
// Method: three files refused before they were sent; the ledger is lost, one file goes, one is
//         written anew, all are read; then they are wanted.
TEST_CASE("rebuild: refused files are wanted long after the ledger was lost", "[agent][rebuild]") {
  RebuildFixture f;
  const std::array<std::string, 3> names = {"recipe_there.csv", "recipe_gone.csv",
                                            "recipe_changed.csv"};
  for (const std::string& name : names) f.put(name, "code\n" + name + ",too much\n");
  REQUIRE(f.run_until_settled());
  f.stop();
  fs::remove(f.file());
  f.start_again();
  f.files.remove(f.root / "recipe_gone.csv");
  f.put("recipe_changed.csv", "code\ngood\n");
  REQUIRE(f.run_until_settled());
  f.run_steps(20);
  for (const std::string& name : names) f.central.retry(f.central.files_of(name).front().id);
  f.run_steps(5);
  REQUIRE(f.run_until_settled());
  f.run_steps(20);
  CHECK(f.states_of("recipe_there.csv") == "archived");
  CHECK(f.states_of("recipe_gone.csv") == "vanished");
  CHECK(f.states_of("recipe_changed.csv") == "superseded,archived");
  for (const CentralModel::File& file : f.central.files()) CHECK(file.state != "awaiting_upload");
}

// Goal:   parts that no spec of today can make are given up, and the file comes as it is cut now.
TEST_CASE("rebuild: a file awaited in other parts is sent as it is cut now",
          "[agent][rebuild][split]") {
  RebuildFixture f;
  f.central.tokens_expire = true;
  f.put("recipe_1.csv", "code\nA\nB\nC\n");
  f.run_steps(20);
  REQUIRE(f.central.files().size() == 1);
  f.stop();
  fs::remove(f.file());
  nlohmann::json recipe = f.spec("recipe");
  recipe["split_rows"] = 2;
  f.central.specs.specs[0] = {FileTag("recipe"), 2, recipe};
  f.central.specs.digest = "specs-2";
  f.central.tokens_expire = false;
  f.start_again();
  REQUIRE(f.run_until_settled(1'000));
  CHECK(f.states_of("recipe_1.csv") == "superseded,archived,archived");
  CHECK(f.central.files().front().state == "refused");
}

// Goal:   as many parts as before are not the same parts.
TEST_CASE("rebuild: a file awaited in as many other parts is sent as it is cut now",
          "[agent][rebuild][split]") {
  RebuildFixture f;
  const auto cut_every = [&](int rows) {
    nlohmann::json recipe = f.spec("recipe");
    recipe["split_rows"] = rows;
    f.central.specs.specs[0] = {FileTag("recipe"), rows + 1, recipe};
    f.central.specs.digest = "specs-" + std::to_string(rows);
  };
  cut_every(3);
  f.run_steps(10);
  f.central.tokens_expire = true;
  f.put("recipe_1.csv", "code\nA\nB\nC\nD\n");
  f.run_steps(20);
  REQUIRE(f.central.files().size() == 2);
  f.stop();
  fs::remove(f.file());
  cut_every(2);
  f.central.tokens_expire = false;
  f.start_again();
  REQUIRE(f.run_until_settled(1'000));
  CHECK(f.states_of("recipe_1.csv") == "superseded,superseded,archived,archived");
  for (const char* part : {"code\nA\nB\n", "code\nC\nD\n"}) {
    CHECK(f.central.stagings(sha256_hex(part)) == 1);
  }
}

// Goal:   a touched file is a new export as ever; one central never had the time of is known.
TEST_CASE("rebuild: times finer than central keeps are no new export", "[agent][rebuild]") {
  RebuildFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  f.files.touch(f.root / "recipe_1.csv", 1'700'000'000'123'456'789);
  REQUIRE(f.run_until_settled());
  f.stop();
  fs::remove(f.file());
  f.start_again();
  f.run_steps(40);
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.ask("SELECT mtime_ns || '/' || is_recovered FROM job_file") == "1700000000123456789/0");
}

TEST_CASE("rebuild: an agent that central does not know was never enrolled", "[agent][rebuild]") {
  RebuildFixture f;
  f.stop();
  fs::remove(f.file());
  f.open_whatever_is_left();
  f.central.before_call = [](const std::string& call) {
    throw Error(error_code::kAgentUnknown, "call", call, "unknown");
  };
  Rebuilder rebuilder({f.clock, f.central, f.chance}, *f.ledger, "http://localhost");
  try {
    (void)rebuilder.step();
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK(error.code().id == error_code::kNotEnrolled.id);
  }
}

// Run by name: reports how long the recovery of 100,000 delivered files takes in memory.
TEST_CASE("rebuild: 100,000 delivered files, ledger lost, nothing is sent", "[.][measure]") {
  constexpr int kFiles = 100'000;
  RebuildFixture f;
  f.stop();
  fs::remove(f.file());
  wire::OpenJobRequest request;
  request.job_key = JobKey("night");
  request.delivery_date = "2025-11-21";
  request.delivery_name = "nightly";
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = fmt::format("{:03}/recipe_{}.csv", i % 200, i);
    const std::string bytes = fmt::format("code\n{}\n", i);
    f.put(name, bytes);
    const auto mtime = f.files.stat(f.root / name)->mtime_ns / 1'000'000;
    request.files.push_back({.relative_path = name,
                             .file_tag = FileTag("recipe"),
                             .content_sha256 = sha256_hex(bytes),
                             .size_bytes = static_cast<std::int64_t>(bytes.size()),
                             .modified_at_ms = mtime});
  }
  f.central.hold(request, "archived");
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto seconds = [](auto from, auto to) {
    return std::chrono::duration<double>(to - from).count();
  };
  const auto began = now();
  f.open_whatever_is_left();
  REQUIRE(f.rebuild());
  const auto filled = now();
  f.start();
  for (int i = 0; i < 5'000 && f.ask("SELECT count(*) FROM path WHERE state = 'recorded'") !=
                                   std::to_string(kFiles);
       ++i) {
    f.run_steps(10);
  }
  const auto hashed = now();
  f.run_steps(20);
  std::cout << "inventory of " << kFiles << " files in " << f.pages
            << " steps: " << seconds(began, filled)
            << " s; scanned and hashed again: " << seconds(filled, hashed)
            << " s; uploads: " << f.central.calls["put"]
            << ", registrations: " << f.central.calls["open_job"] << '\n';
  CHECK(f.ask("SELECT count(*) FROM job_file") == std::to_string(kFiles));
  CHECK(f.central.calls["put"] == 0);
  CHECK(f.central.calls["open_job"] == 0);
}

// Goal:   a set that was withdrawn before the ledger was lost is delivered when its bytes are back.
// Method: another file takes the name while the last part is sent; then the ledger goes, and the
//         bytes come back.
TEST_CASE("rebuild: a withdrawn set is sent again, all of it, when its bytes are back",
          "[agent][rebuild][withdraw]") {
  RebuildFixture f;
  nlohmann::json recipe = EngineFixture::spec("recipe");
  recipe["split_rows"] = 2;
  f.central.specs.specs[0] = {FileTag("recipe"), 1, recipe};
  f.central.specs.digest = "specs-2";
  f.run_steps(10);
  const std::string bytes = "code\nA\nB\nC\nD\nE\n";
  f.central.after_call = [&, puts = 0](const std::string& call) mutable {
    if (call == "put" && ++puts == 2) f.files.remove("/export/recipe_1.csv");
  };
  f.put("recipe_1.csv", bytes);
  for (int i = 0; i < 200 && f.ask("SELECT count(*) FROM event WHERE kind = 'withdrawn'") == "0";
       ++i) {
    f.step();
  }
  REQUIRE(f.central.files_of("recipe_1.csv").size() == 3);
  for (const CentralModel::File& held : f.central.files_of("recipe_1.csv")) {
    REQUIRE(held.state == "refused");
  }
  f.stop();
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(f.file().string() + end);
  f.start_again();
  f.put("recipe_1.csv", bytes);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv").ends_with("archived,archived,archived"));
  for (const char* part : {"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"}) {
    CHECK(f.central.stagings(sha256_hex(part)) == 1);
  }
}
