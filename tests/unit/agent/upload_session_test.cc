// The engine with uploads in chunks, tries that are counted, and clocks that differ.
#include <catch2/catch.hpp>

#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

constexpr std::int64_t kChunk = 1'024;  // the smallest the agent takes
constexpr std::size_t kChunks = 8;

struct SessionFixture : EngineFixture {
  std::string bytes = "code\n";

  SessionFixture() {
    central.resumable_above_bytes = 2 * kChunk;
    central.settings = {{"upload_chunk_bytes", kChunk}};
    central.storage.piece_bytes = 256;
    run_steps(5);  // the settings come with the first sync
    for (std::size_t i = 0; bytes.size() < kChunks * kChunk; ++i) {
      bytes += "row " + std::to_string(i) + "\n";
    }
    bytes.resize(kChunks * kChunk);
  }
  /// Steps with half a minute between them.
  void let_pass(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      clock.advance(30'000);
    }
  }
  void step_until_given_up(const std::string& name) {
    for (int i = 0; i < 300 && newest(name).gave_up_at_ms == 0; ++i) let_pass(1);
  }
  /// An empty one until there is any.
  JobFile newest(const std::string& name) {
    SecondConnection look(file());
    const std::string number = look.ask(
        "SELECT coalesce(max(file_number), 0) FROM job_file WHERE relative_path = '" + name + "'");
    return ledger->find(FileId{std::stoll(number)}).value_or(JobFile{});
  }
  [[nodiscard]] bool is_stored_whole() const {
    return central.objects.size() == 1 && central.objects.begin()->second == bytes;
  }
};

Error broken() { return {error_code::kUploadInterrupted, "send to", "storage", "it broke"}; }

}  // namespace

TEST_CASE("sessions: a large file goes in chunks of central's size, with either signer",
          "[agent][sessions]") {
  const bool storage_signs = GENERATE(false, true);
  SessionFixture f;
  f.central.storage_signs = storage_signs;
  f.put("recipe_1.csv", f.bytes);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.calls["tus_patch"] == kChunks);
  CHECK(f.central.calls["sign"] == (storage_signs ? 1 : 0));
  CHECK(f.is_stored_whole());
  CHECK(f.newest("recipe_1.csv").upload.url.empty());
}

// Goal:   a line that breaks at any piece costs no byte twice and no pause.
TEST_CASE("sessions: what broke off goes on where storage is", "[agent][sessions][fault]") {
  for (int at = 1; at < 32; at += 5) {
    SessionFixture f;
    int pieces = 0;
    f.central.on_piece = [&](std::size_t) {
      if (++pieces == at) throw broken();
    };
    // Its tries in place fail as well, so that the engine has to take it up again.
    f.central.before_call = [&](const std::string& call) {
      if (pieces == at && call == "tus_head" && f.central.calls[call] <= 4) throw broken();
    };
    f.put("recipe_1.csv", f.bytes);
    REQUIRE(f.run_until_settled());
    CHECK(f.states_of("recipe_1.csv") == "archived");
    CHECK(f.is_stored_whole());
    CHECK(f.central.storage.taken_bytes == static_cast<std::int64_t>(f.bytes.size()));
    CHECK(f.central.calls["tus_create"] == 1);
  }
}

TEST_CASE("sessions: tokens that live shorter than a chunk takes do not make it start over",
          "[agent][sessions]") {
  SessionFixture f;
  f.central.targets_live_ms = 10'000;
  f.central.on_piece = [&](std::size_t) { f.clock.advance(4'000); };  // 16 s a chunk
  f.settings.give_up_after = 3;
  f.restart();
  f.put("recipe_1.csv", f.bytes);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.calls["tus_create"] == 1);
  CHECK(f.central.calls["renew_uploads"] >= 7);
  CHECK(f.central.storage.taken_bytes == static_cast<std::int64_t>(f.bytes.size()));
}

TEST_CASE("sessions: a file that changes between two tries is not completed", "[agent][sessions]") {
  SessionFixture f;
  int patches = 0;
  f.central.before_call = [&](const std::string& call) {
    if (call == "tus_patch" && ++patches > 3) throw broken();
    if (call == "tus_head") throw broken();
  };
  f.put("recipe_1.csv", f.bytes);
  for (int i = 0; i < 200 && f.newest("recipe_1.csv").upload.offset_bytes == 0; ++i) f.step();
  REQUIRE(f.newest("recipe_1.csv").upload.offset_bytes == 3 * kChunk);
  f.central.before_call = [](const std::string&) {};
  const std::string first = f.bytes;
  f.bytes[5 * kChunk] = 'X';
  f.put("recipe_1.csv", f.bytes);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "superseded,archived");
  CHECK(f.is_stored_whole());
}

TEST_CASE("sessions: another path begins anew", "[agent][sessions]") {
  SessionFixture f;
  bool done = false;
  f.central.after_call = [&](const std::string& call) {
    if (call == "tus_patch" && f.central.objects.size() == 1 && !std::exchange(done, true)) {
      f.central.objects.begin()->second[100] = '?';  // altered on the way
    }
  };
  f.put("recipe_1.csv", f.bytes);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.calls["tus_create"] == 2);
}

TEST_CASE("sessions: storage that loses them again and again is no progress",
          "[agent][sessions][give-up]") {
  SessionFixture f;
  f.settings.give_up_after = 4;
  f.restart();
  f.put("party_1.csv", "code\n");
  REQUIRE(f.run_until_settled());  // storage works, as far as others can see
  f.central.after_call = [&](const std::string& call) {
    if (call == "tus_patch") f.central.storage.sessions.clear();
  };
  f.central.storage.instead = [&](const std::string& call) {
    const bool is_late = call == "tus_patch" && f.central.storage.sessions.empty();
    return is_late ? std::optional(HttpResponse{404, {}, ""}) : std::nullopt;
  };
  f.put("recipe_1.csv", f.bytes);
  f.step_until_given_up("recipe_1.csv");
  CHECK(f.newest("recipe_1.csv").gave_up_at_ms != 0);
  CHECK(f.newest("recipe_1.csv").problem->code == "WB-1208");
}

TEST_CASE("give-up: a file that storage will not take is shown and left alone until asked for",
          "[agent][give-up]") {
  SessionFixture f;
  f.settings.give_up_after = 3;
  f.restart();
  f.central.storage.instead = [](const std::string& call) {
    const bool is_put = call == "put";
    return is_put ? std::optional(HttpResponse{413, {}, "{}"}) : std::nullopt;
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.step_until_given_up("recipe_1.csv");
  const JobFile given_up = f.newest("recipe_1.csv");
  CHECK(given_up.state == FileState::kQueued);
  CHECK(given_up.problem->code == "WB-1208");
  CHECK(given_up.problem->message.find("WB-1204") != std::string::npos);
  CHECK(given_up.problem->details["last_code"] == "WB-1204");
  CHECK(f.central.calls["put"] == 3);
  f.let_pass(50);
  f.restart();
  f.let_pass(50);
  CHECK(f.central.calls["put"] == 3);

  // Others with the same bytes do not wait for it.
  f.central.storage.instead = [](const std::string&) { return std::optional<HttpResponse>(); };
  f.put("recipe_2.csv", "code\n1\n");
  f.run_steps(100);
  CHECK(f.states_of("recipe_2.csv") == "archived");
  f.files.remove("/export/recipe_2.csv");

  RequestFolder(f.files, "/state", kRetryRequests).put("r", {{"relative_path", "recipe_1.csv"}});
  f.run_steps(200);
  CHECK(f.newest("recipe_1.csv").gave_up_at_ms == 0);
  CHECK(is_taken_by_central(f.newest("recipe_1.csv").state) +
            (f.newest("recipe_1.csv").state == FileState::kDuplicate) ==
        1);
  CHECK_FALSE(f.files.stat("/state/retry-requests/r.json"));
}

TEST_CASE("give-up: while storage takes nothing of anybody, nothing is given up for it",
          "[agent][give-up]") {
  SessionFixture f;
  f.settings.give_up_after = 3;
  f.restart();
  f.central.before_call = [](const std::string& call) {
    if (call == "put") throw broken();
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.let_pass(100);
  CHECK(f.central.calls["put"] > 5);
  CHECK(f.newest("recipe_1.csv").gave_up_at_ms == 0);
  f.central.before_call = [](const std::string&) {};
  f.let_pass(60);
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("retry: a request that is none is dropped; one for all takes what was given up",
          "[agent][give-up]") {
  SessionFixture f;
  f.settings.give_up_after = 1;
  f.restart();
  bool takes = false;
  f.central.storage.instead = [&](const std::string& call) {
    return call == "put" && !takes ? std::optional(HttpResponse{413, {}, "{}"}) : std::nullopt;
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  f.run_steps(60);
  REQUIRE(f.newest("recipe_1.csv").gave_up_at_ms != 0);
  REQUIRE(f.newest("recipe_2.csv").gave_up_at_ms != 0);
  takes = true;
  f.files.write("/state/retry-requests/a.json", "not json");
  f.files.write("/state/retry-requests/b.json", R"({"path":"recipe_1.csv"})");
  f.run_steps(60);
  CHECK(f.newest("recipe_1.csv").gave_up_at_ms != 0);
  CHECK_FALSE(f.files.stat("/state/retry-requests/a.json"));
  CHECK_FALSE(f.files.stat("/state/retry-requests/b.json"));
  RequestFolder(f.files, "/state", kRetryRequests).put("c", {{"relative_path", ""}});
  REQUIRE(f.run_until_settled(2'000));
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("recipe_2.csv") == "archived");
}

TEST_CASE("retry: storage that asks for a pause gets it", "[agent][give-up]") {
  SessionFixture f;
  f.central.storage.instead = [&](const std::string& call) {
    const bool is_first = call == "put" && f.central.calls["put"] == 1;
    return is_first ? std::optional(HttpResponse{503, {{"retry-after", "120"}}, ""}) : std::nullopt;
  };
  f.put("recipe_1.csv", "code\n1\n");
  while (f.central.calls["put"] == 0) f.step();
  const std::int64_t from = f.clock.steady_ms();
  while (f.central.calls["put"] == 1) f.step();
  CHECK(f.clock.steady_ms() - from >= 119'000);
  CHECK(f.clock.steady_ms() - from < 200'000);
}

// Goal:   a pause is kept over a restart and is no end: at its end the file is tried.
// Method: storage declines again and again; time goes on second by second, and after each failure
// the
//         next try must come between the time that the ledger names and the step after it.
TEST_CASE("retry: a file waits its pause and is tried at its end, also after a restart",
          "[agent][give-up]") {
  SessionFixture f;
  f.settings.give_up_after = 20;
  f.restart();
  f.central.storage.instead = [](const std::string& call) {
    return call == "put" ? std::optional(HttpResponse{413, {}, "{}"}) : std::nullopt;
  };
  f.put("recipe_1.csv", "code\n1\n");
  const auto puts_become = [&](int count, int seconds) {
    for (int i = 0; i < seconds && f.central.calls["put"] < count; ++i) {
      f.engine->step();
      f.clock.advance(1'000);
    }
    return f.central.calls["put"];
  };
  REQUIRE(puts_become(1, 60) == 1);
  for (int tries = 1; tries <= 6; ++tries) {
    INFO("after try " << tries);
    for (int i = 0; i < 20 && f.newest("recipe_1.csv").state != FileState::kQueued; ++i) {
      f.engine->step();
    }
    const std::int64_t due_ms = f.newest("recipe_1.csv").next_attempt_at_ms;
    REQUIRE(due_ms > f.clock.now_ms());
    if (tries % 2 == 0) f.restart();
    const auto pause_s = static_cast<int>((due_ms - f.clock.now_ms()) / 1'000);
    CHECK(puts_become(tries + 1, pause_s) == tries);
    CHECK(f.clock.now_ms() <= due_ms);
    REQUIRE(puts_become(tries + 1, 5) == tries + 1);
  }
}

TEST_CASE("clocks: a difference is told once, to people and to central, and gone when it is gone",
          "[agent][clock]") {
  SessionFixture f;
  CHECK(f.ledger->meta(meta::kClockProblem).empty());
  f.clock.step_wall_clock(3 * 86'400'000);
  f.run_steps(20);
  const std::string problem = f.ledger->meta(meta::kClockProblem);
  CHECK(problem.find("WB-1212") != std::string::npos);
  CHECK(problem.find("3 days ahead of") != std::string::npos);
  CHECK(f.central.syncs.back().health["clock_problem"] == problem);
  f.clock.step_wall_clock(-3 * 86'400'000 - 600'000);
  f.run_steps(20);
  CHECK(f.ledger->meta(meta::kClockProblem).find("10 minutes behind") != std::string::npos);
  f.clock.step_wall_clock(600'000);
  f.run_steps(20);
  CHECK(f.ledger->meta(meta::kClockProblem).empty());
}

// Goal:   somebody sets the clock by a day while a file is on its way: it arrives all the same.
TEST_CASE("clocks: steps of a day in the middle of an upload change nothing", "[agent][clock]") {
  const std::int64_t step_ms = GENERATE(-86'400'000, 86'400'000);
  const bool is_short_lived = GENERATE(false, true);
  SessionFixture f;
  if (is_short_lived) f.central.targets_live_ms = 10'000;
  int pieces = 0;
  f.central.on_piece = [&](std::size_t) {
    f.clock.advance(3'000);
    if (++pieces == 10) f.clock.step_wall_clock(step_ms);
  };
  f.put("recipe_1.csv", f.bytes);
  f.put("party_1.csv", "code\n");
  const std::int64_t from = f.clock.steady_ms();
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");

  CHECK(f.central.storage.taken_bytes == static_cast<std::int64_t>(f.bytes.size()));
  CHECK(f.clock.steady_ms() - from < 600'000);
}
