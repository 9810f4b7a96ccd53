#include <catch2/catch.hpp>

#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

struct Killed {};

/// The ledger's files as a snapshot of the machine would keep them.
void copy_ledger(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove(to.string() + "-wal");
  std::filesystem::remove(to.string() + "-shm");
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

std::string contact_problem(EngineFixture& f) { return f.ledger->meta(meta::kContactProblem); }

bool is_refused_ledger(EngineFixture& f) {
  return contact_problem(f).find("WB-2007") != std::string::npos;
}

}  // namespace

TEST_CASE("custody: each sync anchors the head that the next one builds on", "[agent][custody]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  REQUIRE(f.central.syncs.size() > 3);
  CHECK_FALSE(f.central.syncs.front().ledger.anchored.has_value());
  for (std::size_t i = 1; i < f.central.syncs.size(); ++i) {
    const wire::LedgerProof& proof = f.central.syncs[i].ledger;
    REQUIRE(proof.anchored.has_value());
    CHECK(proof.anchored->hash == f.central.syncs[i - 1].ledger.head.hash);
    CHECK(proof.ledger_id == f.central.syncs[0].ledger.ledger_id);
  }
}

// Goal:   a head is told until it is answered, also over a restart; what happened meanwhile comes
//         with the next one.
TEST_CASE("custody: a head without an answer is told again, not overtaken", "[agent][custody]") {
  EngineFixture f;
  bool is_lost = true;
  f.central.after_call = [&](const std::string& call) {
    if (call == "sync" && is_lost) {
      throw Error(error_code::kNetworkUnreachable, "call", call, "connection reset");
    }
  };
  f.run_steps(5);
  f.put("recipe_1.csv", "code\n1\n");  // events are added meanwhile
  f.run_steps(10);
  f.restart();
  f.run_steps(40);
  REQUIRE(f.central.syncs.size() > 2);
  const std::string first = f.central.syncs.front().ledger.head.hash;
  CHECK(f.central.syncs.back().ledger.head.hash == first);
  CHECK(f.ledger->head().hash != first);
  is_lost = false;
  REQUIRE(f.run_until_settled(1'000));
  CHECK_FALSE(f.central.ledger_rules.is_refused());
  CHECK(f.central.syncs.back().ledger.head.hash != first);
}

TEST_CASE("custody: the first call after every start is a sync", "[agent][custody]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  f.run_steps(6);  // hashed, perhaps not registered
  f.restart();
  std::vector<std::string> calls;
  f.central.before_call = [&](const std::string& call) { calls.push_back(call); };
  f.run_steps(10);
  REQUIRE_FALSE(calls.empty());
  CHECK(calls.front() == "sync");
}

// Goal:   a state folder that was put back from a snapshot sends nothing until a person has said
//         so, and goes on by itself from then on.
TEST_CASE("custody: a ledger restored from a snapshot is refused until it is accepted",
          "[agent][custody]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.engine.reset();
  f.close();
  TemporaryFolder snapshots;
  const std::filesystem::path snapshot = snapshots.path() / "snapshot";
  copy_ledger(f.file(), snapshot);
  f.open();
  f.start();
  f.put("recipe_2.csv", "code\n2\n");
  REQUIRE(f.run_until_settled());

  f.engine.reset();
  f.close();
  copy_ledger(snapshot, f.file());
  f.open();
  f.start();
  const int puts = f.central.calls["put"];
  const int registered = f.central.calls["open_job"];
  f.put("recipe_3.csv", "code\n3\n");
  f.run_steps(200);
  CHECK(is_refused_ledger(f));
  CHECK(f.central.calls["put"] == puts);
  CHECK(f.central.calls["open_job"] == registered);
  CHECK(f.states_of("recipe_3.csv") == "ready");  // watched and recorded all the same

  f.central.accept_ledger();
  REQUIRE(f.run_until_settled(1'000));
  CHECK(contact_problem(f).empty());
  CHECK(f.states_of("recipe_3.csv") == "archived");
  CHECK(f.central.stagings(sha256_hex("code\n2\n")) == 1);  // known to central all the same
}

TEST_CASE("custody: of two agents on copies of one ledger neither goes on", "[agent][custody]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\n1\n");
  REQUIRE(f.run_until_settled());
  f.engine.reset();
  f.close();
  LedgerFixture clone;
  clone.close();
  copy_ledger(f.file(), clone.file());
  clone.open();
  f.open();
  f.start();
  InlineUploads clone_uploads(f.folders, f.root, f.uploader);
  Engine clone_engine(
      {f.folders, f.clock, f.notifier, f.central, clone_uploads, f.pages, f.day, f.chance},
      f.settings, *clone.ledger);
  f.put("recipe_2.csv", "code\n2\n");
  for (int i = 0; i < 300 && !f.central.ledger_rules.is_refused(); ++i) {
    f.step();
    (void)clone_engine.step();
  }
  CHECK(f.central.ledger_rules.is_refused());
  for (int i = 0; i < 300; ++i) {
    f.step();
    (void)clone_engine.step();
  }
  CHECK(is_refused_ledger(f));
  CHECK(clone.ledger->meta(meta::kContactProblem).find("WB-2007") != std::string::npos);
  CHECK(f.central.stagings(sha256_hex("code\n2\n")) <= 1);
}

// Goal:   no crash and no lost answer ever looks like a second ledger.
// Method: at the n-th call the process dies, or the answer is lost, before or after the work.
TEST_CASE("custody: a crash or a lost answer at any call is never taken for a divergence",
          "[agent][custody]") {
  for (const bool is_after : {false, true}) {
    for (const bool is_crash : {false, true}) {
      for (int fatal = 1; fatal <= 30; ++fatal) {
        EngineFixture f;
        f.put("recipe_1.csv", "code\n1\n");
        f.put("recipe_bad.csv", "code\nBROKEN\n");
        int calls = 0;
        auto fault = [&](const std::string& call) {
          if (++calls != fatal) return;
          if (is_crash) throw Killed{};
          if (call == "put") {
            throw Error(error_code::kUploadInterrupted, "send", "upload", "connection reset");
          }
          throw Error(error_code::kNetworkUnreachable, "call", call, "connection reset");
        };
        (is_after ? f.central.after_call : f.central.before_call) = fault;
        INFO((is_crash ? "crash " : "lost answer ")
             << (is_after ? "after" : "before") << " the work of call " << fatal);
        bool is_settled = false;
        try {
          is_settled = f.run_until_settled(1'000);
        } catch (const Killed&) {
          f.restart();
          is_settled = f.run_until_settled(1'000);
        }
        REQUIRE(is_settled);
        REQUIRE_FALSE(f.central.ledger_rules.is_refused());
        CHECK(f.central.ledger_rules.replaced_count == 0);
      }
    }
  }
}
