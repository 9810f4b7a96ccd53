// How a file is known again: other bytes under the same name, size and time, other numbers for the
// same files, a folder that goes and comes, clocks that step.
#include <catch2/catch.hpp>

#include "agent/engine/rereader.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

constexpr std::int64_t kDayMs = 86'400'000;

struct KnownFixture : EngineFixture {
  std::string ask(const std::string& sql) { return SecondConnection(file()).ask(sql); }
  int puts() { return central.calls["put"]; }
  /// Lets days pass as an idle agent does, ten minutes a step.
  void pass_days(double days) {
    const auto until = clock.steady_ms() + static_cast<std::int64_t>(days * kDayMs);
    while (clock.steady_ms() < until) {
      const StepReport report = engine->step();
      central.work();
      if (!report.worked) clock.advance(std::max<std::int64_t>(report.wait_ms, 600'000));
    }
  }
  void cut_off() {
    central.before_call = [](const std::string& call) {
      throw Error(error_code::kNetworkUnreachable, "call", call, "the line is down");
    };
  }
  void quieten() {
    settings.scan_interval_ms = 3'600'000;
    settings.sync_interval_ms = 3'600'000;
    restart();
  }
};

}  // namespace

TEST_CASE("known again: same name, size and time, other bytes are found by the change time",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\nAAAA\n");
  REQUIRE(f.run_until_settled());
  f.files.rewrite_keeping_time("/export/recipe_1.csv", "code\nBBBB\n");
  f.run_steps(100);
  CHECK(f.states_of("recipe_1.csv") == "archived,archived");
  CHECK(f.central.stagings(sha256_hex("code\nBBBB\n")) == 1);
}

TEST_CASE("known again: where no change time is kept, the re-hash finds other bytes in its days",
          "[agent][known]") {
  for (const std::int64_t days : {1, 7}) {
    KnownFixture f;
    f.files.keeps_change_time = false;
    f.settings.rehash_days = days;
    f.quieten();
    f.put("recipe_1.csv", "code\nAAAA\n");
    f.put("recipe_2.csv", "code\n2\n");
    f.pass_days(0.05);
    REQUIRE(f.states_of("recipe_1.csv") == "archived");
    f.files.tamper("/export/recipe_1.csv", "code\nBBBB\n");
    f.pass_days(0.05 * static_cast<double>(days));
    CHECK(f.states_of("recipe_1.csv") == "archived");  // its turn has not come
    const auto events = f.ask("SELECT count(*) FROM event WHERE relative_path = 'recipe_2.csv'");
    f.pass_days(1.2 * static_cast<double>(days));
    CHECK(f.states_of("recipe_1.csv") == "archived,archived");
    CHECK(f.central.stagings(sha256_hex("code\nBBBB\n")) == 1);
    CHECK(f.ask("SELECT count(*) FROM event WHERE relative_path = 'recipe_2.csv'") == events);
  }
}

TEST_CASE("known again: rehash_days 0 reads nothing again", "[agent][known]") {
  KnownFixture f;
  f.settings.rehash_days = 0;
  f.quieten();
  f.put("recipe_1.csv", "code\nAAAA\n");
  f.pass_days(0.1);
  const std::size_t opened = f.files.open_count();
  f.pass_days(20);
  CHECK(f.files.open_count() == opened);
}

// Goal:   re-reading is spread over the days, and every file has its turn in them.
// Method: a week of an idle agent; count what is opened each day.
TEST_CASE("known again: re-reads are spread evenly over the days", "[agent][known]") {
  KnownFixture f;
  f.quieten();
  constexpr std::size_t kFiles = 140;
  for (std::size_t i = 0; i < kFiles; ++i) {
    f.put("recipe_" + std::to_string(i) + ".csv", "code\n" + std::to_string(i) + "\n");
  }
  f.pass_days(1);  // delivered
  f.pass_days(7);  // the first round may lag behind by an eighth
  for (int day = 0; day < 7; ++day) {
    const std::size_t before = f.files.open_count();
    f.pass_days(1);
    const std::size_t read = f.files.open_count() - before;
    INFO("day " << day);
    CHECK(read >= kFiles / 7 - 4);
    CHECK(read <= kFiles / 7 + 4);
  }
  const std::string oldest = f.ask("SELECT min(hashed_at_ms) FROM path");
  CHECK(f.clock.now_ms() - std::stoll(oldest) < 8 * kDayMs);
  CHECK(f.puts() == static_cast<int>(kFiles));
}

TEST_CASE("known again: new rights alone cost one read and no upload", "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  const auto uploads = f.puts();
  const std::size_t opened = f.files.open_count();
  const std::string versions = f.ask("SELECT count(*) FROM job_file");
  f.files.change_rights("/export/recipe_1.csv");
  f.run_steps(100);
  CHECK(f.files.open_count() == opened + 1);
  CHECK(f.puts() == uploads);
  CHECK(f.ask("SELECT count(*) FROM job_file") == versions);
  CHECK(f.path_state("recipe_1.csv") == "recorded");
}

TEST_CASE("known again: rights that change while it is hashed lead to one more read",
          "[agent][known]") {
  KnownFixture f;
  f.files.on_read = [&, done = false](const std::string&) mutable {
    if (!std::exchange(done, true)) {
      f.files.rewrite_keeping_time("/export/recipe_1.csv", "code\nBBBB\n");
    }
  };
  f.put("recipe_1.csv", "code\nAAAA\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.newest("recipe_1.csv").content_sha256 == sha256_hex("code\nBBBB\n"));
}

TEST_CASE("known again: the old version put back with its old time is exported again",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\nAAAA\n");
  REQUIRE(f.run_until_settled());
  const std::int64_t old_time = f.files.stat("/export/recipe_1.csv")->mtime_ns;
  f.put("recipe_1.csv", "code\nBBBB\n");
  f.run_steps(100);
  f.put("recipe_1.csv", "code\nAAAA\n");
  f.files.touch("/export/recipe_1.csv", old_time);
  f.run_steps(100);
  CHECK(f.states_of("recipe_1.csv") == "archived,archived,duplicate");
}

TEST_CASE("known again: bytes that came back, and were read in their turn, are no new export",
          "[agent][known]") {
  KnownFixture f;
  f.cut_off();
  f.quieten();
  f.put("recipe_1.csv", "code\nAAAA\n");
  f.pass_days(0.1);
  f.put("recipe_1.csv", "code\nBBBB\n");
  f.pass_days(0.1);
  f.put("recipe_1.csv", "code\nAAAA\n");
  f.pass_days(0.1);
  REQUIRE(f.states_of("recipe_1.csv") == "ready,superseded");
  f.central.before_call = [](const std::string&) {};
  f.pass_days(16);
  CHECK(f.states_of("recipe_1.csv") == "archived,superseded");
}

TEST_CASE("known again: a file made anew is read from its first byte, whatever number it gets",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\nAAAA\n");
  REQUIRE(f.run_until_settled());
  const FileStat before = *f.files.stat("/export/recipe_1.csv");
  f.files.remove("/export/recipe_1.csv");
  f.put("recipe_1.csv", "code\nAAAA\nB\n");
  f.files.reuse_number("/export/recipe_1.csv", before.file_id);
  REQUIRE(f.files.stat("/export/recipe_1.csv")->file_id == before.file_id);
  f.run_steps(100);
  CHECK(f.states_of("recipe_1.csv") == "archived,archived");
  CHECK(f.central.objects.at(f.central.files_of("recipe_1.csv")[1].path) == "code\nAAAA\nB\n");
}

TEST_CASE("known again: a remount with other numbers is a re-hash, never an upload",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());
  const std::size_t opened = f.files.open_count();
  f.files.renumber(2);
  f.run_steps(60);
  CHECK(f.files.open_count() == opened + 2);
  CHECK(f.puts() == 2);
  CHECK(f.ask("SELECT count(*) FROM job_file") == "2");
  CHECK(f.ask("SELECT count(*) FROM path WHERE state <> 'recorded'") == "0");
}

// Goal:   tonight's files do not wait until a large folder is hashed again.
// Method: all numbers change, and a new file comes in the middle; its hash has to be there while
//         others are still due.
TEST_CASE("known again: new files go before those that are read again", "[agent][known]") {
  KnownFixture f;
  f.cut_off();
  f.settings.quiet_ms = 500;
  f.restart();
  constexpr int kFiles = 1'500;
  for (int i = 0; i < kFiles; ++i) {
    f.put("recipe_" + std::to_string(i) + ".csv", "code\n" + std::to_string(i) + "\n");
  }
  const auto due = [&] {
    return std::stoi(f.ask("SELECT count(*) FROM path WHERE state = 'due'"));
  };
  f.run_steps(40);
  REQUIRE(f.ask("SELECT count(*) FROM path WHERE state = 'recorded'") == std::to_string(kFiles));
  f.files.renumber(2);
  for (int i = 0; i < 40 && due() == 0; ++i) f.step();
  REQUIRE(due() > 1'000);
  f.put("recipe_new.csv", "code\nnew\n");
  f.notifier.hint = true;
  for (int i = 0; i < 10 && f.states_of("recipe_new.csv").empty(); ++i) {
    f.clock.advance(500);
    f.engine->step();
  }
  CHECK(f.states_of("recipe_new.csv") == "ready");
  CHECK(due() > 0);
}

TEST_CASE("known again: a large file that is read again does not hold up a new one",
          "[agent][known]") {
  KnownFixture f;
  f.cut_off();
  f.put("recipe_large.csv", "code\n" + std::string(std::size_t{100} << 20, 'x') + "\n");
  f.run_steps(60);
  REQUIRE(f.states_of("recipe_large.csv") == "ready");
  f.files.change_rights("/export/recipe_large.csv");
  f.clock.advance(6'000);
  f.engine->step();  // scanned
  f.put("recipe_new.csv", "code\nnew\n");
  f.notifier.hint = true;
  f.clock.advance(2'100);
  f.engine->step();  // the large file is due and half read; the new one is seen
  REQUIRE(f.path_state("recipe_large.csv") == "due");
  REQUIRE(f.path_state("recipe_new.csv") == "settling");
  std::string first_read;
  f.files.on_read = [&](const std::string& name) {
    if (first_read.empty()) first_read = name;
  };
  f.clock.advance(2'100);
  f.engine->step();
  CHECK(first_read == "recipe_new.csv");
  CHECK(f.states_of("recipe_new.csv") == "ready");
}

TEST_CASE("known again: the share is not mounted: an empty folder in its place is not believed",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.central.before_call = [](const std::string& call) {
    if (call == "put") {
      throw Error(error_code::kUploadInterrupted, "send", "upload", "the line is down");
    }
  };
  f.put("recipe_2.csv", "code\n2\n");  // registered, not sent yet
  for (int i = 0; i < 200 && f.states_of("recipe_2.csv") != "queued"; ++i) f.step();
  REQUIRE(f.states_of("recipe_2.csv") == "queued");
  f.central.before_call = [](const std::string&) {};
  f.files.mount_over(f.root, 9);
  f.notifier.hint = true;
  f.run_steps(60);
  CHECK(f.ledger->meta(meta::kFolderProblem).find("WB-1305") != std::string::npos);
  CHECK(f.path_state("recipe_1.csv") == "recorded");
  CHECK(f.states_of("recipe_2.csv").find("vanished") == std::string::npos);
  CHECK(f.ask("SELECT count(*) FROM event WHERE kind = 'removed'") == "0");
  f.restart();  // also an agent that starts while the share is away
  f.run_steps(60);
  CHECK(f.path_state("recipe_1.csv") == "recorded");

  f.files.mount_over(f.root, 1);
  f.notifier.hint = true;
  for (int i = 0; i < 2'000 && f.states_of("recipe_2.csv") != "archived"; ++i) f.step();
  CHECK(f.states_of("recipe_2.csv") == "archived");
  CHECK(f.ledger->meta(meta::kFolderProblem).empty());
  CHECK(f.central.stagings(sha256_hex("code\n1\n")) == 1);
}

TEST_CASE("known again: another folder is believed once something is in it", "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.files.mount_over(f.root, 9);
  f.run_steps(20);
  REQUIRE(f.path_state("recipe_1.csv") == "recorded");
  f.put("recipe_2.csv", "code\n2\n");
  f.run_steps(100);
  CHECK(f.states_of("recipe_2.csv") == "archived");
  CHECK(f.path_state("recipe_1.csv") == "none");
  CHECK(f.ledger->meta(meta::kFolderProblem).empty());
}

TEST_CASE("known again: the same folder may well be empty", "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.files.remove("/export/recipe_1.csv");
  f.run_steps(30);
  CHECK(f.path_state("recipe_1.csv") == "none");
  CHECK(f.ledger->meta(meta::kFolderProblem).empty());
}

TEST_CASE("known again: a share that goes while files rest, are hashed or sent loses none",
          "[agent][known]") {
  for (int steps = 1; steps < 30; ++steps) {
    KnownFixture f;
    f.put("recipe_0.csv", "code\n0\n");
    REQUIRE(f.run_until_settled());
    for (const char* name : {"recipe_1.csv", "recipe_2.csv", "recipe_3.csv"}) {
      f.put(name, std::string("code\n") + name + "\n");
    }
    f.run_steps(steps);
    const bool is_replaced = steps % 2 == 0;
    is_replaced ? f.files.mount_over(f.root, 9) : f.files.take_away(f.root);
    f.run_steps(40);
    INFO("after step " << steps);
    CHECK(f.ask("SELECT count(*) FROM event WHERE kind = 'removed'") == "0");
    is_replaced ? f.files.mount_over(f.root, 1) : f.files.bring_back(f.root);
    f.clock.advance(kRetryPauseMaxMs);
    f.run_steps(150);
    CHECK(f.ask("SELECT count(*) FROM job_file WHERE state = 'archived'") == "4");
    CHECK(f.ask("SELECT count(*) FROM job_file") == "4");
  }
}

TEST_CASE("known again: an export folder that may not be read is said to be just that",
          "[agent][known]") {
  KnownFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.files.forbid(f.root);
  f.run_steps(20);
  const std::string problem = f.ledger->meta(meta::kFolderProblem);
  CHECK(problem.find("WB-1303") != std::string::npos);
  CHECK(problem.find("WB-1303", problem.find("WB-1303") + 1) == std::string::npos);  // said once
  CHECK(f.path_state("recipe_1.csv") == "recorded");
}

TEST_CASE("known again: the clock steps by a day either way, at any moment", "[agent][known]") {
  for (const std::int64_t step : {kDayMs, -kDayMs}) {
    for (int at = 1; at < 40; at += 3) {
      KnownFixture f;
      f.put("recipe_1.csv", "code\n1\n");
      f.run_steps(at);
      f.clock.step_wall_clock(step);
      INFO("step " << step << " after " << at << " steps");
      REQUIRE(f.run_until_settled(600));
      CHECK(f.states_of("recipe_1.csv") == "archived");
      CHECK(f.central.stagings(sha256_hex("code\n1\n")) == 1);
      f.put("recipe_2.csv", "code\n2\n");
      f.run_steps(100);
      CHECK(f.states_of("recipe_2.csv") == "archived");
      CHECK(f.puts() == 2);
    }
  }
}

TEST_CASE("known again: a file written by and by is one upload, also without notifications",
          "[agent][known]") {
  KnownFixture f;
  std::string bytes = "code\n";
  f.put("recipe_1.csv", bytes);
  for (int i = 0; i < 40; ++i) {
    f.run_steps(1);
    f.clock.advance(1'100);
    f.files.append("/export/recipe_1.csv", "R\n");
    bytes += "R\n";
  }
  REQUIRE(f.run_until_settled());
  CHECK(f.puts() == 1);
  CHECK(f.central.stagings(sha256_hex(bytes)) == 1);
}

TEST_CASE("known again: empty files and files with the same header are each a file",
          "[agent][known]") {
  KnownFixture f;
  for (const char* name : {"recipe_1.csv", "recipe_2.csv", "recipe_3.csv"}) f.put(name, "");
  f.put("recipe_4.csv", "code\n");
  f.put("recipe_5.csv", "code\n");
  REQUIRE(f.run_until_settled());
  f.run_steps(100);
  CHECK(f.ask("SELECT count(*) FROM job_file") == "5");
  CHECK(f.ask("SELECT count(*) FROM job_file WHERE state = 'refused'") == "3");
  CHECK(f.ask("SELECT count(*) FROM job_file WHERE state IN ('archived', 'duplicate')") == "2");
}

TEST_CASE("known again: a path too long for central is shown and left alone", "[agent][known]") {
  KnownFixture f;
  std::string folder;
  while (folder.size() + 201 < 2'000) folder += std::string(200, 'd') + "/";
  const std::string longest =
      folder + "recipe_" + std::string(2'048 - folder.size() - 11, 'x') + ".csv";
  REQUIRE(longest.size() == 2'048);
  const std::string too_long = folder + "y/" + longest.substr(folder.size());
  f.put(longest, "code\n1\n");
  f.put(too_long, "code\n2\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of(longest) == "archived");
  CHECK(f.central.files_of(longest).size() == 1);
  CHECK(f.states_of(too_long).empty());
  CHECK(f.ledger->find_path(too_long)->error_code == "WB-1312");
  CHECK(f.ask("SELECT count(*) FROM event WHERE detail LIKE '%WB-1312%'") == "1");
  f.run_steps(50);
  CHECK(f.ask("SELECT count(*) FROM event WHERE detail LIKE '%WB-1312%'") == "1");  // said once
}

TEST_CASE("known again: folders nested too deep are shown, not passed over", "[agent][known]") {
  KnownFixture f;
  std::string folder;
  for (int i = 0; i < 65; ++i) folder += "d/";
  f.put(folder + "recipe_1.csv", "code\n1\n");
  f.put(folder.substr(2) + "recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of(folder.substr(2) + "recipe_2.csv") == "archived");
  const auto record = f.ledger->find_path(folder.substr(0, folder.size() - 1));
  REQUIRE(record);
  CHECK(record->error_code == "WB-1312");
}
