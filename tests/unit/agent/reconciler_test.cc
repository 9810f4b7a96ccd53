#include "agent/engine/reconciler.h"

#include <catch2/catch.hpp>

#include "core/file_spec.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

/// Answers every sync with what the test has prepared.
class PreparedCentral final : public CentralApi {
 public:
  wire::SyncAnswer answer;
  wire::EnrollAnswer enroll(const wire::EnrollRequest& /*request*/) override { return {}; }
  wire::OpenJobAnswer open_job(const wire::OpenJobRequest& /*request*/) override { return {}; }
  std::vector<wire::FileAnswer> renew_uploads(const std::vector<JobFileId>& /*files*/) override {
    return {};
  }
  std::vector<wire::FileAnswer> confirm_uploads(
      const std::vector<wire::ConfirmedFile>& /*files*/) override {
    return {};
  }
  std::vector<wire::FileAnswer> withdraw_files(
      const std::vector<wire::WithdrawnFile>& /*files*/) override {
    return {};
  }
  wire::CloseJobAnswer close_job(const JobKey& /*key*/, const std::string& /*reason*/) override {
    return {};
  }
  wire::SyncAnswer sync(const wire::SyncRequest& /*request*/) override { return answer; }
  wire::InventoryAnswer inventory(std::int64_t /*after*/) override { return {}; }
};

struct ReconcilerFixture : LedgerFixture {
  PreparedCentral central;
  Reconciler reconciler{clock, central, *ledger};

  ReconcilerFixture() {
    central.answer.server_time_ms = clock.now_ms();
    discover("a.csv", "a");
    const Job job = ledger->make_job(JobKey("k"), "2025-11-21", "nightly");
    const std::array files_of_job = {newest("a.csv")};
    ledger->assign_job(job.job_number, files_of_job);
  }
  void tell(std::int64_t seq, const std::string& state) {
    wire::Change change;
    change.seq = seq;
    change.job_file_id = JobFileId("f1");
    change.job_key = JobKey("k");
    change.relative_path = "a.csv";
    change.content_sha256 = sha256_hex("a");
    change.state = state;
    central.answer.changes.push_back(change);
    central.answer.cursor = std::max(central.answer.cursor, seq);
  }
  std::string sync() {
    const std::string before = SecondConnection(file()).ask("SELECT max(seq) FROM event");
    (void)reconciler.sync(nlohmann::json::object());
    central.answer.changes.clear();
    return SecondConnection(file()).ask("SELECT group_concat(kind) FROM event WHERE seq > " +
                                        before);
  }
};

}  // namespace

TEST_CASE("reconciler: a file whose registration's answer was lost is known by job and content",
          "[agent][reconciler]") {
  ReconcilerFixture f;
  f.tell(1, "awaiting_upload");
  f.tell(2, "received");
  CHECK(f.sync() == "arrived");
  CHECK(f.newest("a.csv").job_file_id.value == "f1");
  CHECK(f.newest("a.csv").central_seq == 2);
}

TEST_CASE("reconciler: several of central's steps in one answer are recorded one by one",
          "[agent][reconciler]") {
  ReconcilerFixture f;
  for (const char* state : {"awaiting_upload", "received", "verified", "staged", "processed"}) {
    f.tell(f.central.answer.cursor + 1, state);
  }
  CHECK(f.sync() == "arrived,verified,staged,processed");
}

TEST_CASE("reconciler: a file sent back is queued again, and only then", "[agent][reconciler]") {
  ReconcilerFixture f;
  f.tell(1, "awaiting_upload");
  f.tell(2, "received");
  f.tell(3, "awaiting_upload");
  CHECK(f.sync() == "arrived,sent_back");
  CHECK(f.newest("a.csv").state == FileState::kQueued);
}

TEST_CASE("reconciler: news told a second time changes nothing", "[agent][reconciler]") {
  ReconcilerFixture f;
  for (int round = 0; round < 2; ++round) {
    f.central.answer.cursor = 0;
    f.tell(1, "awaiting_upload");
    f.tell(2, "received");
    f.tell(3, "awaiting_upload");
    f.tell(4, "received");
    f.ledger->set_meta({{meta::kSyncCursor, "0"}});
    CHECK(f.sync() == (round == 0 ? "arrived,sent_back,arrived" : ""));
  }
}

TEST_CASE("reconciler: a central restored from a backup is listened to again",
          "[agent][reconciler]") {
  ReconcilerFixture f;
  f.tell(90, "awaiting_upload");
  f.tell(91, "received");
  REQUIRE(f.sync() == "arrived");
  f.central.answer.cursor = 0;  // its numbers begin anew
  f.tell(12, "verified");
  CHECK(f.sync() == "verified");
  f.tell(13, "staged");
  CHECK(f.sync() == "staged");
}

TEST_CASE("reconciler: news of files that are not ours, and states of tomorrow, are left aside",
          "[agent][reconciler]") {
  ReconcilerFixture f;
  f.tell(1, "awaiting_upload");
  f.tell(2, "polished");
  f.central.answer.changes.push_back(f.central.answer.changes.back());
  f.central.answer.changes.back().job_file_id = JobFileId("f9");
  f.central.answer.changes.back().relative_path = "other.csv";
  CHECK(f.sync().empty());
  CHECK(f.ledger->meta_number(meta::kSyncCursor) == 2);
}

TEST_CASE("reconciler: a spec this program cannot read leaves the last good one in place",
          "[agent][reconciler]") {
  ReconcilerFixture f;
  const nlohmann::json good = EngineFixture::spec("recipe");
  f.central.answer.file_specs = wire::Specs{"d1", {{FileTag("recipe"), 1, good}}, {}};
  (void)f.sync();
  nlohmann::json bad = good;
  bad["entity"] = "a_table_of_tomorrow";
  f.central.answer.file_specs = wire::Specs{
      "d2", {{FileTag("recipe"), 2, bad}, {FileTag("party"), 1, EngineFixture::spec("party")}}, {}};
  (void)f.sync();
  const auto specs = f.ledger->specs();
  REQUIRE(specs.size() == 2);
  CHECK(specs[1].version == 1);
  CHECK(f.ledger->meta(meta::kSpecsDigest) == "d2");
}

namespace {

/// A file in three parts, all of which have arrived at central.
struct SetFixture : LedgerFixture {
  PreparedCentral central;
  Reconciler reconciler{clock, central, *ledger};

  SetFixture() {
    central.answer.server_time_ms = clock.now_ms();
    nlohmann::json spec = EngineFixture::spec("recipe");
    spec["split_rows"] = 1;
    PartPlanner planner{parse_file_spec(spec)};
    planner.feed("code\nA\nB\nC\n");
    HashedFile file = hashed("set.csv", "");
    file.plan = planner.finish();
    PathRecord path;
    path.relative_path = "set.csv";
    const std::array paths = {path};
    ledger->record_paths(paths);
    const std::array files_hashed = {file};
    ledger->record_hashes(files_hashed);
    const Job job = ledger->make_job(JobKey("k"), "2025-11-21", "nightly");
    std::vector<JobFile> parts;
    for (int number = 1; number <= 3; ++number) parts.push_back(*ledger->find(FileId{number}));
    ledger->assign_job(job.job_number, parts);
    for (int number = 1; number <= 3; ++number) tell(number, number, "received");
    sync();
  }
  void tell(std::int64_t seq, int part, const std::string& state, const std::string& code = "") {
    const JobFile file = *ledger->find(FileId{part});
    wire::Change change;
    change.seq = seq;
    change.job_file_id = JobFileId("f" + std::to_string(part));
    change.job_key = JobKey("k");
    change.relative_path = "set.csv";
    change.content_sha256 = file.content_sha256;
    change.part_number = part;
    change.state = state;
    if (!code.empty()) change.error = wire::FileProblem{code, "why", nlohmann::json::object()};
    central.answer.changes.push_back(change);
    central.answer.cursor = std::max(central.answer.cursor, seq);
  }
  void sync() {
    (void)reconciler.sync(nlohmann::json::object());
    central.answer.changes.clear();
  }
  std::string states() {
    return SecondConnection(file()).ask(
        "SELECT group_concat(state) FROM (SELECT state FROM job_file ORDER BY file_number)");
  }
};

}  // namespace

TEST_CASE("reconciler: a set that is refused for what a part holds stays refused",
          "[agent][reconciler][withdraw]") {
  for (const bool is_in_one_answer : {true, false}) {
    SetFixture f;
    REQUIRE(f.states() == "received,received,received");
    f.tell(4, 2, "refused", "WB-3002");
    if (!is_in_one_answer) f.sync();
    f.tell(5, 1, "refused", "WB-2114");
    f.tell(6, 3, "refused", "WB-2114");
    f.sync();
    CHECK(f.states() == "refused,refused,refused");
  }
}

TEST_CASE("reconciler: a set that central let go is offered again while its path stands for it",
          "[agent][reconciler][withdraw]") {
  SetFixture f;
  f.tell(4, 2, "refused", "WB-2115");
  f.tell(5, 1, "refused", "WB-2114");
  f.tell(6, 3, "refused", "WB-2114");
  f.sync();
  CHECK(f.states() == "ready,ready,ready");
  f.tell(7, 2, "refused", "WB-2115");  // told late: it is offered again already
  f.sync();
  CHECK(f.states() == "ready,ready,ready");
}

TEST_CASE("reconciler: a set that central let go is given up when its path is in doubt or gone",
          "[agent][reconciler][withdraw]") {
  for (const bool is_gone : {true, false}) {
    SetFixture f;
    if (is_gone) {
      const std::array names = {std::string("set.csv")};
      f.ledger->forget_paths(names);
    } else {
      f.discover("set.csv", "code\nelse\n", 2);
    }
    f.tell(4, 2, "refused", "WB-2115");
    f.tell(5, 1, "refused", "WB-2114");
    f.tell(6, 3, "refused", "WB-2114");
    f.sync();
    const std::string end = is_gone ? "vanished,vanished,vanished" : "superseded,superseded,";
    CHECK(f.states().starts_with(end));
    CHECK(f.ledger->files_to_withdraw(10).empty());  // central knows
  }
}
