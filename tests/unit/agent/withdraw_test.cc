// The bytes sent are the bytes hashed, and central hears of bytes that will not come.
#include <catch2/catch.hpp>

#include "agent/engine/withdrawer.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

/// Not an Error: nothing in the engine may catch it. The process is gone.
struct Killed {};

const std::string kBefore = "code\n" + std::string(60, 'a') + "\n";
const std::string kAfter = "code\n" + std::string(90, 'b') + "\n";

struct WithdrawFixture : EngineFixture {
  /// The exporter acts once, while the first upload runs.
  void on_first_piece(const std::function<void()>& act) {
    central.on_piece = [act, done = false](std::size_t) mutable {
      if (!std::exchange(done, true)) act();
    };
  }
  std::string events(const std::string& kind) {
    return SecondConnection(file()).ask("SELECT count(*) FROM event WHERE kind = '" + kind + "'");
  }
  bool run_until_event(const std::string& kind) {
    for (int i = 0; i < 300 && events(kind) == "0"; ++i) step();
    return events(kind) != "0";
  }
  std::string to_withdraw() {
    return SecondConnection(file()).ask(
        "SELECT count(*) FROM job_file WHERE state IN ('superseded', 'vanished') "
        "AND job_file_id IS NOT NULL AND withdrawn_at_ms = 0");
  }
  /// Central waits for nothing that will not come.
  [[nodiscard]] bool central_waits() const {
    return std::any_of(central.files().begin(), central.files().end(),
                       [](const auto& held) { return held.state == "awaiting_upload"; });
  }
};

/// Central publishes the recipes' spec anew: it cuts every two rows.
void cut_recipes(EngineFixture& f) {
  nlohmann::json recipe = EngineFixture::spec("recipe");
  recipe["split_rows"] = 2;
  f.central.specs.specs[0] = {FileTag("recipe"), 2, recipe};
  f.central.specs.digest = "specs-2";
  f.run_steps(10);
}

}  // namespace

TEST_CASE("withdraw: what changes while it is sent is taken back, the new version travels",
          "[agent][withdraw]") {
  WithdrawFixture f;
  f.on_first_piece([&] { f.put("recipe_1.csv", kAfter); });
  f.put("recipe_1.csv", kBefore);
  f.put("recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "superseded,archived");
  CHECK(f.states_of("recipe_2.csv") == "archived");  // the queue goes on
  CHECK(f.central.stagings(sha256_hex(kBefore)) == 0);
  CHECK(f.central.stagings(sha256_hex(kAfter)) == 1);
  CHECK(f.central.files_of("recipe_1.csv")[0].problem->code == "WB-2115");
  CHECK_FALSE(f.central_waits());
  CHECK(f.events("withdrawn") == "1");
  CHECK(f.to_withdraw() == "0");
}

TEST_CASE("withdraw: a file removed before or while it is sent is not waited for",
          "[agent][withdraw]") {
  for (const bool is_before : {true, false}) {
    WithdrawFixture f;
    const auto remove = [&] { f.files.remove("/export/recipe_1.csv"); };
    if (is_before) {
      f.central.after_call = [&](const std::string& call) {
        if (call == "open_job") remove();
      };
    } else {
      f.on_first_piece([&] {
        remove();
        f.put("recipe_1.csv", "x");  // another file took its name ...
        remove();                    // ... and is gone, too
      });
    }
    f.put("recipe_1.csv", kBefore);
    f.run_steps(120);
    INFO("before: " << is_before << ", " << f.states_of("recipe_1.csv"));
    CHECK_FALSE(f.central_waits());
    // Unlinked while it was read, its bytes were whole: that upload counts.
    const bool is_staged = f.central.stagings(sha256_hex(kBefore)) == 1;
    CHECK(f.states_of("recipe_1.csv") == (is_staged ? "archived" : "vanished"));
  }
}

// Goal:   the pause of the next try is the upload's: what is given up meanwhile is withdrawn at
// once.
TEST_CASE("withdraw: a file that goes or changes while it waits for its next try is not waited for",
          "[agent][withdraw][give-up]") {
  const bool is_changed = GENERATE(false, true);
  WithdrawFixture f;
  f.settings.give_up_after = 50;
  f.restart();
  f.central.storage.instead = [](const std::string& call) {
    return call == "put" ? std::optional(HttpResponse{413, {}, "{}"}) : std::nullopt;
  };
  f.put("recipe_1.csv", kBefore);
  constexpr std::int64_t kLongPauseMs = 120'000;  // far longer than a scan and a rest take
  const auto waits_long = [&] {
    const auto file = f.central.files().empty() ? JobFile{} : f.newest("recipe_1.csv");
    return file.state == FileState::kQueued &&
           file.next_attempt_at_ms > f.clock.now_ms() + kLongPauseMs;
  };
  for (int i = 0; i < 5'000 && !waits_long(); ++i) f.step();
  REQUIRE(waits_long());
  const std::int64_t due_ms = f.newest("recipe_1.csv").next_attempt_at_ms;
  if (is_changed) {
    f.put("recipe_1.csv", kAfter);
  } else {
    f.files.remove("/export/recipe_1.csv");
  }
  for (int i = 0; i < 60 && f.events("withdrawn") == "0"; ++i) f.step();
  CHECK(f.events("withdrawn") == "1");
  CHECK(f.clock.now_ms() < due_ms - kLongPauseMs / 2);
  CHECK(f.central.files()[0].problem->code == "WB-2115");
}

TEST_CASE("withdraw: the same bytes come back and are delivered under the same entry",
          "[agent][withdraw]") {
  WithdrawFixture f;
  f.central.before_call = [&, done = false](const std::string& call) mutable {
    if (call == "put" && !std::exchange(done, true)) f.files.remove("/export/recipe_2.csv");
  };
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", kBefore);
  REQUIRE(f.run_until_event("withdrawn"));
  CHECK(f.states_of("recipe_2.csv") == "vanished");
  f.put("recipe_2.csv", kBefore);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_2.csv") == "archived");
  CHECK(f.central.stagings(sha256_hex(kBefore)) == 1);
  const auto held = f.central.files_of("recipe_2.csv");
  REQUIRE(held.size() == 1);
  CHECK(held[0].upload_count == 2);  // a path is never used twice
  CHECK(f.newest("recipe_2.csv").withdrawn_at_ms == 0);
}

TEST_CASE("withdraw: with a part the whole set goes, and the new version travels",
          "[agent][withdraw][split]") {
  WithdrawFixture f;
  cut_recipes(f);
  const std::string before = "code\nA\nB\nC\nD\nE\n";
  const std::string after = "code\nV\nW\nX\n";
  f.central.after_call = [&, puts = 0](const std::string& call) mutable {
    if (call == "put" && ++puts == 2) f.put("recipe_1.csv", after);
  };
  f.put("recipe_1.csv", before);
  f.run_steps(300);
  CHECK(f.states_of("recipe_1.csv") == "superseded,superseded,superseded,archived,archived");
  CHECK_FALSE(f.central_waits());
  CHECK(f.to_withdraw() == "0");
  for (const char* part : {"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"}) {
    CHECK(f.central.stagings(sha256_hex(part)) == 0);
  }
  CHECK(f.central.stagings(sha256_hex("code\nX\n")) == 1);
}

// Goal:   a set is delivered whole when only one of its parts was in doubt.
// Method: the file is another for a moment, just while a later part is read; then its bytes are
// back.
TEST_CASE("withdraw: a set whose bytes are back is offered again, all of it",
          "[agent][withdraw][split]") {
  WithdrawFixture f;
  cut_recipes(f);
  const std::string bytes = "code\nA\nB\nC\nD\nE\n";
  f.central.before_call = [&, puts = 0](const std::string& call) mutable {
    if (call != "put") return;
    ++puts;
    if (puts == 3) f.put("recipe_1.csv", "code\nelse\n");
    if (puts == 3) f.clock.advance(1);
  };
  f.put("recipe_1.csv", bytes);
  REQUIRE(f.run_until_event("withdrawn"));
  f.put("recipe_1.csv", bytes);
  f.run_steps(400);
  SecondConnection look(f.file());
  CHECK(look.ask("SELECT group_concat(state) FROM (SELECT state FROM job_file WHERE "
                 "original_sha256 = '" +
                 sha256_hex(bytes) + "' ORDER BY file_number)") == "archived,archived,archived");
  for (const char* part : {"code\nA\nB\n", "code\nC\nD\n", "code\nE\n"}) {
    CHECK(f.central.stagings(sha256_hex(part)) == 1);
  }
  CHECK_FALSE(f.central_waits());
}

TEST_CASE("withdraw: what has arrived all the same goes on its way", "[agent][withdraw]") {
  WithdrawFixture f;
  f.central.before_call = [](const std::string& call) {
    if (call == "confirm_uploads") {
      throw Error(error_code::kNetworkUnreachable, "call", call, "the line is down");
    }
  };
  f.put("recipe_1.csv", kBefore);
  for (int i = 0; i < 100 && f.states_of("recipe_1.csv") != "uploaded"; ++i) f.step(false);
  REQUIRE(f.states_of("recipe_1.csv") == "uploaded");
  f.central.before_call = [](const std::string&) {};
  const JobFile sent = f.newest("recipe_1.csv");
  // The worker finds the object, and our ledger has given the version up: what central says counts.
  const std::vector<wire::ConfirmedFile> arrived = {{sent.job_file_id, sent.size_bytes}};
  (void)f.central.confirm_uploads(arrived);
  f.move("recipe_1.csv", FileEvent::kChanged);
  REQUIRE(f.states_of("recipe_1.csv") == "superseded");
  Withdrawer withdrawer({f.clock, f.central, f.chance}, *f.ledger);
  CHECK(withdrawer.step());
  CHECK(f.states_of("recipe_1.csv") == "received");
  CHECK(f.events("withdrawn") == "0");
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("withdraw: a touched file that is being sent is not lost", "[agent][withdraw]") {
  WithdrawFixture f;
  f.put("recipe_1.csv", kBefore);
  for (int i = 0; i < 100 && f.states_of("recipe_1.csv") != "uploading"; ++i) f.step();
  REQUIRE(f.states_of("recipe_1.csv") == "uploading");
  // Hashed again with its new time before the running upload ends, which then sees another time.
  f.files.touch("/export/recipe_1.csv", 77);
  const FileStat now = *f.files.stat("/export/recipe_1.csv");
  f.discover("recipe_1.csv", kBefore, 77);
  auto record = *f.ledger->find_path("recipe_1.csv");
  record.take(now);
  record.state = PathState::kRecorded;
  const std::array one = {record};
  f.ledger->record_paths(one);
  REQUIRE(f.run_until_settled());
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.central.stagings(sha256_hex(kBefore)) == 1);
}

namespace {

/// A night in which one file changes, one goes and one goes and comes back.
void put_bad_night(WithdrawFixture& f) {
  f.put("recipe_changes.csv", kBefore);
  f.put("recipe_goes.csv", "code\ngoes\n");
  f.put("recipe_returns.csv", "code\nreturns\n");
  f.put("recipe_stays.csv", "code\nstays\n");
}

/// The exporter's doings, each once, as soon as all is registered.
struct Exporter {
  int puts = 0;
  void at(WithdrawFixture& f, const std::string& call) {
    if (call != "put") return;
    ++puts;
    if (puts == 1) {
      f.put("recipe_changes.csv", kAfter);
      f.files.remove("/export/recipe_goes.csv");
      f.files.remove("/export/recipe_returns.csv");
    }
    if (puts == 3) f.put("recipe_returns.csv", "code\nreturns\n");
  }
};

void check_bad_night(WithdrawFixture& f) {
  CHECK_FALSE(f.central_waits());
  CHECK(f.to_withdraw() == "0");
  CHECK(f.central.stagings(sha256_hex(kBefore)) <= 1);
  CHECK(f.central.stagings(sha256_hex(kAfter)) == 1);
  CHECK(f.central.stagings(sha256_hex("code\nstays\n")) == 1);
  CHECK(f.central.stagings(sha256_hex("code\nreturns\n")) == 1);
  CHECK(f.states_of("recipe_stays.csv") == "archived");
}

}  // namespace

// Goal:   a withdrawal is settled whatever is lost on the way.
// Method: the n-th call (news aside, which come for ever) dies before or after its work, with the
//         process or without it; raise n until none is left to hit.
TEST_CASE("withdraw: killed or cut off in any call, nothing is waited for in vain",
          "[agent][withdraw][crash]") {
  for (const bool is_killed : {false, true}) {
    for (const bool is_after : {false, true}) {
      int rounds = 0;
      for (int fatal = 1; fatal <= 30; ++fatal) {
        WithdrawFixture f;
        put_bad_night(f);
        Exporter exporter;
        int calls = 0;
        const auto hit = [&](const std::string& call) {
          if (call == "sync" || ++calls != fatal) return;
          if (is_killed) throw Killed{};
          if (call == "put") {
            throw Error(error_code::kUploadInterrupted, "send", "upload", "connection reset");
          }
          throw Error(error_code::kNetworkUnreachable, "call", call, "connection reset");
        };
        f.central.before_call = [&](const std::string& call) {
          exporter.at(f, call);
          if (!is_after) hit(call);
        };
        f.central.after_call = [&](const std::string& call) {
          if (is_after) hit(call);
        };
        try {
          f.run_steps(40);
        } catch (const Killed&) {
          f.restart();
          f.run_steps(30);
        }
        if (exporter.puts < 3) f.put("recipe_returns.csv", "code\nreturns\n");
        INFO((is_killed ? "killed " : "cut off ")
             << (is_after ? "after" : "before") << " the work of call " << fatal);
        REQUIRE(f.run_until_settled(1'500));
        f.run_steps(10);
        check_bad_night(f);
        ++rounds;
        if (calls < fatal) break;
      }
      CHECK(rounds > 8);
      CHECK(rounds < 30);
    }
  }
}

TEST_CASE("withdraw: killed after any step, nothing is waited for in vain",
          "[agent][withdraw][crash]") {
  for (int steps = 1; steps < 30; ++steps) {
    WithdrawFixture f;
    put_bad_night(f);
    Exporter exporter;
    f.central.before_call = [&](const std::string& call) { exporter.at(f, call); };
    f.run_steps(steps);
    f.restart();
    INFO("killed after step " << steps);
    f.run_steps(40);
    if (exporter.puts < 3) f.put("recipe_returns.csv", "code\nreturns\n");
    REQUIRE(f.run_until_settled(1'500));
    f.run_steps(10);
    check_bad_night(f);
  }
}
