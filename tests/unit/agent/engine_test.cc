#include "agent/engine/engine.h"

#include <catch2/catch.hpp>

#include "sync/central_error.h"
#include "tests/support/commit_fault.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

TEST_CASE("engine: a file is taken, delivered and closed, and central's words are in the ledger",
          "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  const JobFile file = f.newest("recipe_1.csv");
  CHECK(file.rows_staged == 2);
  CHECK(file.entity == "recipe");
  CHECK(file.job_key.value == "riverside-2025-11-21-uuid-1");
  CHECK(f.central.stagings(sha256_hex("code\nR1\n")) == 1);
  // Central's own "awaiting_upload" of the registration is not news of a file sent back.
  CHECK(SecondConnection(f.file()).ask("SELECT count(*) FROM event WHERE kind = 'sent_back'") ==
        "0");
  f.run_steps(40);
  CHECK(f.central.jobs.at("riverside-2025-11-21-uuid-1") == "closed");
  CHECK(SecondConnection(f.file()).ask("SELECT state FROM job") == "closed");
}

TEST_CASE("engine: files found together travel in one job and few calls", "[agent][engine]") {
  EngineFixture f;
  for (int i = 0; i < 60; ++i) {
    f.put("recipe_" + std::to_string(i) + ".csv", "code\nR" + std::to_string(i) + "\n");
  }
  REQUIRE(f.run_until_settled(2'000));
  CHECK(f.central.jobs.size() == 1);
  CHECK(f.central.calls["open_job"] <= 3);
  CHECK(f.central.calls["renew_uploads"] == 0);
}

TEST_CASE("engine: a file that is still being written is not taken", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  std::string whole = "code\n";
  for (int i = 0; i < 10; ++i) {
    for (std::int64_t passed = 0; passed < 1'500; passed += 500) {
      f.engine->step();
      f.clock.advance(500);
    }
    f.files.append("/export/recipe_1.csv", "R\n");
    whole += "R\n";
  }
  CHECK(f.central.files().empty());
  REQUIRE(f.run_until_settled());
  REQUIRE(f.central.files().size() == 1);
  CHECK(f.central.files()[0].offer.content_sha256 == sha256_hex(whole));
}

// Goal:   a hash is never of bytes from before and after a change.
// Method: the exporter writes on when the hasher has read the first bytes.
TEST_CASE("engine: a file that changes while it is hashed waits until it rests again",
          "[agent][engine]") {
  EngineFixture f;
  bool done = false;
  f.files.on_read = [&](const std::string&) {
    if (!std::exchange(done, true)) f.files.append("/export/recipe_1.csv", "MORE\n");
  };
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  REQUIRE(f.central.files().size() == 1);
  CHECK(f.central.files()[0].offer.content_sha256 == sha256_hex("code\nMORE\n"));
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("engine: an unchanged folder is rescanned without reading a file", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  const std::size_t opened = f.files.open_count();
  f.run_steps(100);
  CHECK(f.files.open_count() == opened);
}

TEST_CASE("engine: the same content under another name is recorded at both ends, not uploaded",
          "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  f.put("recipe_2.csv", "code\n");  // at the same time: the second has to wait for the first
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("recipe_2.csv") == "duplicate");
  CHECK(f.central.objects.size() == 1);
  CHECK(f.central.files_of("recipe_2.csv").at(0).state == "duplicate");
  CHECK(f.newest("recipe_2.csv").duplicate_of["job_file_id"] == "file-1");
}

TEST_CASE("engine: the same file exported again is recorded as duplicate, not uploaded",
          "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  f.run_steps(40);  // the delivery closes
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived,duplicate");
  CHECK(f.central.calls["put"] == 1);
  CHECK(f.central.files_of("recipe_1.csv").size() == 2);
}

TEST_CASE("engine: exported again while its delivery is open, it is a duplicate of itself",
          "[agent][engine]") {
  EngineFixture f;
  f.settings.close_after_idle_ms = 10'000'000;
  f.restart();
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived,duplicate");
  CHECK(f.central.calls["put"] == 1);
}

TEST_CASE("engine: the same name with new content is a new version", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nA\n");
  REQUIRE(f.run_until_settled());
  f.put("recipe_1.csv", "code\nB\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived,archived");
  CHECK(f.central.stagings(sha256_hex("code\nB\n")) == 1);
}

TEST_CASE("engine: a file central refuses shows why, and is not sent again until its bytes change",
          "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused");
  const JobFile file = f.newest("recipe_1.csv");
  REQUIRE(file.problem);
  CHECK(file.problem->code == "WB-3002");
  CHECK(file.problem->details["row"] == 4);
  f.put("recipe_1.csv", "code\nBROKEN\n");
  f.run_steps(60);
  CHECK(f.central.calls["put"] == 1);
  f.put("recipe_1.csv", "code\nMENDED\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused,archived");
}

TEST_CASE("engine: an empty file is refused at both ends without an upload", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "refused");
  REQUIRE(f.newest("recipe_1.csv").problem);
  CHECK(f.newest("recipe_1.csv").problem->code == "WB-3001");
  CHECK(f.central.calls["put"] == 0);
}

// Goal:   bytes that change while they are sent are never confirmed, and the new ones travel.
// Method: the exporter appends, truncates or rewrites in the middle of the upload.
TEST_CASE("engine: a file that changes while it is sent is not delivered in that form",
          "[agent][engine]") {
  const std::string before = "code\n" + std::string(100, 'a') + "\n";
  for (const std::string& after :
       {before + "more\n", std::string("code\n"), "code\n" + std::string(100, 'b') + "\n"}) {
    EngineFixture f;
    bool done = false;
    f.central.on_piece = [&](std::size_t sent) {
      if (sent > 40 && !std::exchange(done, true)) f.put("recipe_1.csv", after);
    };
    f.put("recipe_1.csv", before);
    REQUIRE(f.run_until_settled());
    CHECK(f.states_of("recipe_1.csv") == "superseded,archived");
    CHECK(f.central.stagings(sha256_hex(before)) == 0);
    CHECK(f.central.stagings(sha256_hex(after)) == 1);
  }
}

TEST_CASE("engine: bytes rewritten without moving size or time are noticed while they are sent",
          "[agent][engine]") {
  EngineFixture f;
  bool done = false;
  f.central.on_piece = [&](std::size_t sent) {
    if (sent > 5 && !std::exchange(done, true))
      f.files.tamper("/export/recipe_1.csv", "code\nXXXX\n");
  };
  f.put("recipe_1.csv", "code\nAAAA\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.central.stagings(sha256_hex("code\nAAAA\n")) == 0);
  CHECK(f.states_of("recipe_1.csv") == "superseded,archived");  // read again, it is a new version
  CHECK(f.central.stagings(sha256_hex("code\nXXXX\n")) == 1);
}

TEST_CASE("engine: a file removed before it is sent is recorded as vanished, and others travel",
          "[agent][engine]") {
  EngineFixture f;
  f.central.before_call = [&](const std::string& call) {
    if (call == "put") f.files.remove("/export/recipe_2.csv");
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("recipe_2.csv") == "vanished");
  REQUIRE(f.newest("recipe_2.csv").problem);
  CHECK(f.newest("recipe_2.csv").problem->code == "WB-1302");
}

TEST_CASE("engine: an upload token that has expired is renewed", "[agent][engine]") {
  EngineFixture f;
  f.central.tokens_expire = true;
  f.put("recipe_1.csv", "code\n");
  f.run_steps(60);
  while (f.states_of("recipe_1.csv") == "uploading") f.step();
  CHECK(f.states_of("recipe_1.csv") == "queued");
  REQUIRE(f.newest("recipe_1.csv").problem);
  CHECK(f.newest("recipe_1.csv").problem->code == "WB-1203");
  f.central.tokens_expire = false;
  REQUIRE(f.run_until_settled(2'000));
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("engine: an object that arrived altered is sent again to another path",
          "[agent][engine]") {
  EngineFixture f;
  bool done = false;
  f.central.after_call = [&](const std::string& call) {
    if (call == "confirm_uploads" && !std::exchange(done, true)) {
      f.central.objects.begin()->second[0] = 'X';
    }
  };
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.files()[0].upload_count == 2);
  CHECK(f.central.stagings(sha256_hex("code\n")) == 1);
}

TEST_CASE("engine: while central is away files wait, and contact is tried with growing pauses",
          "[agent][engine]") {
  EngineFixture f;
  bool is_away = true;
  f.central.before_call = [&](const std::string&) {
    if (is_away) throw Error(error_code::kNetworkUnreachable, "call", "central", "no route");
  };
  f.put("recipe_1.csv", "code\n");
  const std::int64_t began = f.clock.steady_ms();
  while (f.clock.steady_ms() - began < 3'600'000) f.step();
  CHECK(f.states_of("recipe_1.csv") == "ready");
  CHECK(f.ledger->meta(meta::kContactProblem).find("WB-1201") != std::string::npos);
  int calls = 0;
  for (const auto& [name, count] : f.central.calls) calls += count;
  CHECK(calls < 40);
  is_away = false;
  REQUIRE(f.run_until_settled(2'000));
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.ledger->meta(meta::kContactProblem).empty());
}

TEST_CASE("engine: a job closed by central meanwhile gives its files to another job",
          "[agent][engine]") {
  EngineFixture f;
  f.settings.close_after_idle_ms = 10'000'000;
  f.restart();
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.central.jobs.begin()->second = "closed";
  f.put("recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_2.csv") == "archived");
  CHECK(f.central.jobs.size() == 2);
}

TEST_CASE("engine: a file central objects to is found among the others and they travel",
          "[agent][engine]") {
  EngineFixture f;
  struct Picky {
    EngineFixture& f;
    void operator()(const std::string& call) const {
      if (call != "open_job") return;
      const auto ready = f.ledger->files_to_register(100);
      const bool is_alone = f.central.calls["open_job"] > 1;
      const bool has_bad = std::any_of(ready.begin(), ready.end(), [&](const JobFile& file) {
        return file.relative_path == "recipe_2.csv" && (!is_alone || &file == &ready.front());
      });
      if (has_bad) throw Error(error_code::kRequestMalformed, "call", "open_job", "files[1]");
    }
  };
  f.central.before_call = Picky{f};
  for (const char* name : {"recipe_1.csv", "recipe_2.csv", "recipe_3.csv"}) {
    f.put(name, std::string("code\n") + name + "\n");
  }
  f.run_steps(200);
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("recipe_3.csv") == "archived");
  CHECK(f.states_of("recipe_2.csv") == "ready");
  REQUIRE(f.newest("recipe_2.csv").problem);
  CHECK(f.newest("recipe_2.csv").problem->code == "WB-2101");
}

TEST_CASE("engine: a folder that is away is told of and found again", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  f.files.take_away(f.root);
  f.run_steps(30);
  CHECK(f.ledger->meta(meta::kFolderProblem).find("WB-1305") != std::string::npos);
  CHECK(f.path_state("recipe_1.csv") == "recorded");
  f.files.bring_back(f.root);
  f.run_steps(30);
  CHECK(f.ledger->meta(meta::kFolderProblem).empty());
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("engine: a file we may not read is shown, and taken once we may", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  f.files.forbid("/export/recipe_1.csv");
  f.run_steps(60);
  CHECK(f.ledger->find_path("recipe_1.csv")->error_code == "WB-1303");
  f.files.forbid("/export/recipe_1.csv", false);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.ledger->find_path("recipe_1.csv")->error_code.empty());
}

TEST_CASE("engine: a hint wakes the scanner long before the next periodic scan",
          "[agent][engine]") {
  EngineFixture f;
  f.settings.scan_interval_ms = 3'600'000;
  f.restart();
  f.run_steps(10);
  f.put("recipe_1.csv", "code\n");
  f.notifier.hint = true;
  const std::int64_t began = f.clock.steady_ms();
  REQUIRE(f.run_until_settled());
  CHECK(f.clock.steady_ms() - began < 60'000);
}

TEST_CASE("engine: each sync carries the head of the ledger's chain", "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  std::int64_t last = 0;
  for (const wire::SyncRequest& sync : f.central.syncs) {
    CHECK(sync.ledger.head.seq >= last);
    last = sync.ledger.head.seq;
    CHECK(is_sha256_hex(sync.ledger.head.hash));
  }
  CHECK(last > 0);
}

// Goal:   a full disk never ends the agent, also when it meets another failure.
// Method: central cannot be reached, and the n-th commit is refused; raise n until none is left.
TEST_CASE("engine: a disk that is full while central is away does not end the agent",
          "[agent][engine][fault]") {
  bool has_fired = true;
  for (int good_commits = 0; has_fired && good_commits < 100; ++good_commits) {
    EngineFixture f;
    f.put("recipe_1.csv", "code\nR1\n");
    f.central.before_call = [](const std::string& call) {
      throw Error(error_code::kNetworkUnreachable, "call", call, "connection refused");
    };
    {
      CommitFault fault(good_commits);
      f.restart();
      for (int i = 0; i < 30; ++i) {
        INFO("commit " << good_commits << ", step " << i);
        REQUIRE_NOTHROW(f.step());
      }
      has_fired = CommitFault::fired();
    }
    f.central.before_call = [](const std::string&) {};
    REQUIRE(f.run_until_settled(2'000));
    CHECK(f.states_of("recipe_1.csv") == "archived");
  }
  CHECK_FALSE(has_fired);
}

// Goal:   how an upload ended is not lost with the commit that was to record it.
// Method: the n-th commit is refused; the same engine goes on, for a restart would settle it.
TEST_CASE("engine: whichever commit is refused, an upload does not stay uploading",
          "[agent][engine][fault]") {
  bool has_fired = true;
  for (int good_commits = 0; has_fired && good_commits < 200; ++good_commits) {
    EngineFixture f;
    f.put("recipe_1.csv", "code\nR1\n");
    CommitFault fault(good_commits);
    f.restart();  // its connection was older than the fault
    INFO("commit " << good_commits);
    REQUIRE(f.run_until_settled(2'000));
    CHECK(f.states_of("recipe_1.csv") == "archived");
    has_fired = CommitFault::fired();
  }
  CHECK_FALSE(has_fired);
}

// Goal:   what central may still ask for again can be sent again.
// Method: the same bytes are exported again after the upload arrived, and before central finds that
//         it arrived altered.
TEST_CASE("engine: exported again while central checks it, and sent back, a file is staged",
          "[agent][engine]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  for (int i = 0; i < 100 && f.states_of("recipe_1.csv") != "received"; ++i) f.step(false);
  REQUIRE(f.states_of("recipe_1.csv") == "received");
  f.put("recipe_1.csv", "code\nR1\n");
  for (int i = 0; i < 20; ++i) f.step(false);
  f.central.corrupt(f.central.files().front().path);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.stagings(sha256_hex("code\nR1\n")) == 1);
}

// Goal:   one sync that tells of a withdrawal, and of another export that was refused, does not
//         have bytes sent again that storage has.
// Method: central retires the first export; the second changes while it is sent, is withdrawn and
//         offered again; the agent dies when storage has it, and then hears of all that at once.
TEST_CASE("engine: the refusal of another export does not have a file sent twice",
          "[agent][engine][withdraw]") {
  struct Killed {};
  EngineFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  REQUIRE(f.run_until_settled());
  f.settings.sync_interval_ms = 10'000'000;
  f.restart();
  f.run_steps(20);
  f.central.retire("recipe_1.csv");
  f.put("recipe_1.csv", "code\nR1\n");
  const int before = f.central.calls["put"];
  f.central.before_call = [&](const std::string& call) {
    if (call == "put" && f.central.calls["put"] == before + 1) f.put("recipe_1.csv", "code\nR1\n");
  };
  f.central.after_call = [&](const std::string& call) {
    if (call == "put" && !f.central.objects.empty() && f.central.files().size() == 2 &&
        f.central.objects.contains(f.central.files()[1].path)) {
      throw Killed();
    }
  };
  CHECK_THROWS_AS(f.run_steps(200), Killed);
  const int sent = f.central.calls["put"];
  f.central.after_call = [](const std::string&) {};
  f.restart();
  REQUIRE(f.run_until_settled());
  CHECK(f.central.calls["put"] == sent);
  CHECK(f.central.calls["withdraw_files"] == 1);
  CHECK(f.states_of("recipe_1.csv") == "refused,archived");
}

// Goal:   no job stays open at central that the agent has done with.
// Method: central opens the job, its answer is lost, and its only file goes before the next try.
TEST_CASE("engine: a job whose opening was never answered is closed at central, too", "[agent]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  f.central.after_call = [&](const std::string& call) {
    if (call != "open_job") return;
    f.files.remove(f.root / "recipe_1.csv");
    throw CentralError(error_code::kCentralUnavailable, "call", call, "the line broke", 60'000);
  };
  for (int i = 0; i < 400; ++i) f.step();
  REQUIRE(f.central.jobs.size() == 1);
  CHECK(f.central.jobs.begin()->second == "closed");
}

TEST_CASE("engine: a job that never came to central is closed without it", "[agent]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  f.central.before_call = [&](const std::string& call) {
    if (call != "open_job") return;
    f.files.remove(f.root / "recipe_1.csv");
    throw CentralError(error_code::kCentralUnavailable, "call", call, "the line broke", 60'000);
  };
  for (int i = 0; i < 400; ++i) f.step();
  CHECK(f.central.jobs.empty());
  CHECK(f.ledger->jobs_to_close(0).empty());
}
