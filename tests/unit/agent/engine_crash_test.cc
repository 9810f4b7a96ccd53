#include <catch2/catch.hpp>

#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

/// Not an Error: nothing in the engine may catch it. The process is gone.
struct Killed {};

void put_night(EngineFixture& f) {
  f.put("recipe_1.csv", "code\n1\n");
  f.put("recipe_2.csv", "code\n2\n");
  f.put("recipe_2_again.csv", "code\n2\n");
  f.put("recipe_bad.csv", "code\nBROKEN\n");
  f.put("party_1.csv", "code\nP\n");
  f.put("readme.txt", "hello");
}

/// What must hold after any history: all as if nothing had gone wrong.
void check_night(EngineFixture& f) {
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.states_of("party_1.csv") == "archived");
  CHECK(f.states_of("recipe_bad.csv") == "refused");
  const bool is_second_the_copy = f.states_of("recipe_2_again.csv") == "duplicate";
  CHECK(f.states_of(is_second_the_copy ? "recipe_2.csv" : "recipe_2_again.csv") == "archived");
  CHECK(f.states_of(is_second_the_copy ? "recipe_2_again.csv" : "recipe_2.csv") == "duplicate");
  CHECK(f.path_state("readme.txt") == "unknown");
  for (const char* content : {"code\n1\n", "code\n2\n", "code\nP\n"}) {
    CHECK(f.central.stagings(sha256_hex(content)) == 1);
  }
  CHECK(f.central.stagings(sha256_hex("code\nBROKEN\n")) == 0);
  CHECK(f.central.jobs.size() == 1);
  CHECK(f.central.files().size() == 5);  // registered once each
}

}  // namespace

// Goal:   a process killed between any two steps loses nothing and stages nothing twice.
// Method: drop engine and ledger after n steps, go on with new ones; raise n until all is done.
TEST_CASE("engine: killed after any step, the next one ends in the same state",
          "[agent][engine][crash]") {
  int rounds = 0;
  for (int steps = 0;; ++steps) {
    EngineFixture f;
    put_night(f);
    bool was_settled = false;
    for (int i = 0; i < steps; ++i) f.step();
    was_settled = f.is_settled();
    f.restart();
    INFO("killed after step " << steps);
    REQUIRE(f.run_until_settled(600));
    check_night(f);
    ++rounds;
    if (was_settled) break;
  }
  CHECK(rounds > 10);
}

// Goal:   a process killed in any call, before central did the work or after, changes nothing.
// Method: the n-th call or upload never returns; raise n until none is left to kill.
TEST_CASE("engine: killed inside any call or upload, the next one ends in the same state",
          "[agent][engine][crash]") {
  for (const bool is_after : {false, true}) {
    int rounds = 0;
    for (int fatal = 1;; ++fatal) {
      EngineFixture f;
      put_night(f);
      int calls = 0;
      auto kill = [&](const std::string&) {
        if (++calls == fatal) throw Killed{};
      };
      (is_after ? f.central.after_call : f.central.before_call) = kill;
      bool was_killed = false;
      try {
        (void)f.run_until_settled(600);
      } catch (const Killed&) {
        was_killed = true;
        f.restart();
      }
      f.central.before_call = f.central.after_call = [](const std::string&) {};
      INFO("killed " << (is_after ? "after" : "before") << " the work of call " << fatal);
      REQUIRE(f.run_until_settled(600));
      check_night(f);
      ++rounds;
      if (!was_killed) break;
    }
    CHECK(rounds > 8);
  }
}

// Goal:   the same with the process alive: an answer that is lost is asked for, never guessed.
// Method: the n-th call fails as a dead line does, before or after its work.
TEST_CASE("engine: a lost answer of any call is settled by asking", "[agent][engine][crash]") {
  for (const bool is_after : {false, true}) {
    for (int lost = 1; lost <= 40; ++lost) {
      EngineFixture f;
      put_night(f);
      int calls = 0;
      auto lose = [&](const std::string& call) {
        if (++calls != lost) return;
        if (call == "put") {
          throw Error(error_code::kUploadInterrupted, "send", "upload", "connection reset");
        }
        throw Error(error_code::kNetworkUnreachable, "call", call, "connection reset");
      };
      (is_after ? f.central.after_call : f.central.before_call) = lose;
      INFO("lost " << (is_after ? "after" : "before") << " the work of call " << lost);
      REQUIRE(f.run_until_settled(2'000));
      check_night(f);
    }
  }
}
