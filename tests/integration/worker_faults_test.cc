// The worker when things go wrong: altered bytes, lost leases, lost databases, sudden ends.
#include <Poco/Process.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

constexpr const char* kAgency = "harbor-kitchen";

/// One agency with one spec, and a store.
struct World {
  Central central;
  FakeStorage storage;

  explicit World(const std::vector<std::string>& agencies = {kAgency}) {
    for (const std::string& slug : agencies) central.add_agency(slug, {spec_of("recipe")});
  }
  std::string deliver(int rows, const std::string& path = "recipe_1.csv",
                      const std::string& slug = kAgency) {
    return central.deliver(storage, slug, "recipe", path, export_of(slug + path, rows));
  }
  bool every_file_is(const std::string& state) {
    return central.value("SELECT bool_and(state = $1) FROM ingest.job_file", {state}) == "t";
  }
};

TEST_CASE("worker: bytes altered on the way are never staged and are asked for again",
          "[worker][fault]") {
  World world;
  const std::string good = export_of("R", 50);
  std::string altered = good;
  altered[altered.size() / 2] ^= 1;
  const json opened = world.central.open(kAgency, "recipe", "recipe_1.csv", good);
  const std::string file = opened.at("job_file_id");
  world.central.arrive(kAgency, opened, world.storage, altered);
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "awaiting_upload"));
  CHECK(world.central.field(file, "error_code") == "WB-4003");
  CHECK(world.central.staged_rows(file) == 0);
  const std::string path = world.central.field(file, "object_path");
  CHECK(path != opened.at("upload").at("path").get<std::string>());

  world.storage.put(path, good);  // the agent sends again
  world.central.note_object(path, good.size());
  CHECK(world.central.reaches(file, "processed"));
  CHECK(world.central.staged_rows(file) == 50);
}

TEST_CASE("worker: bytes altered after they were verified are refused, not staged",
          "[worker][fault]") {
  World world;
  std::atomic<int> reads{0};
  world.storage.on_read([&](const std::string& path) {
    if (++reads == 2) {
      std::string altered = *world.storage.get(path);
      altered[altered.size() - 20] ^= 1;
      world.storage.put(path, altered);
    }
    return 0;
  });
  const std::string file = world.deliver(50);
  RunningWorker worker(world.central, world.storage.url());
  for (int attempt = 1; attempt <= 2; ++attempt) {
    REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == attempt; }));
    CHECK(world.central.field(file, "error_code") == "WB-4004");
    world.central.make_due();
  }
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.central.field(file, "error_code") == "WB-4003");
  CHECK(world.central.events(file, "hash_matched") == 1);
  CHECK(world.central.staged_rows(file) == 0);
}

TEST_CASE("worker: bytes altered on the way to staging are read again", "[worker][fault]") {
  World world;
  std::atomic<int> reads{0};
  const std::string file = world.deliver(50);
  const std::string path = world.central.field(file, "object_path");
  const std::string good = *world.storage.get(path);
  world.storage.on_read([&](const std::string&) {
    std::string answer = good;
    if (++reads == 2) answer[answer.size() - 20] ^= 1;
    world.storage.put(path, answer);
    return 0;
  });
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
  CHECK(world.central.staged_rows(file) == 0);
  world.central.make_due();
  CHECK(world.central.reaches(file, "processed"));
  CHECK(world.central.staged_rows(file) == 50);
}

TEST_CASE("worker: a store in trouble is tried again later", "[worker][fault]") {
  World world;
  std::atomic<int> refusals{1};
  world.storage.on_read([&](const std::string&) { return refusals-- > 0 ? 503 : 0; });
  const std::string file = world.deliver(5);
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
  CHECK(world.central.state_of(file) == "received");
  CHECK(world.central.field(file, "error_code") == "WB-4004");
  CHECK(world.central.field(file, "next_attempt_at - now() BETWEEN '1 second' AND '10 seconds'") ==
        "true");
  world.central.make_due();
  CHECK(world.central.reaches(file, "processed"));
}

TEST_CASE("worker: a vanished object is looked for again, then asked for again",
          "[worker][fault]") {
  World world;
  const std::string file = world.deliver(5);
  const std::string path = world.central.field(file, "object_path");
  world.storage.remove(path);
  RunningWorker worker(world.central, world.storage.url());
  for (int attempt = 1; attempt <= 2; ++attempt) {
    REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == attempt; }));
    CHECK(world.central.field(file, "error_code") == "WB-4001");
    world.central.make_due();
  }
  REQUIRE(world.central.reaches(file, "awaiting_upload"));
  CHECK(world.central.field(file, "object_path") != path);
}

TEST_CASE("worker: a move whose answer was lost is found done", "[worker][fault]") {
  World world;
  world.storage.on_read([&](const std::string& path) {
    const std::string processed =
        std::string(path).replace(path.rfind("/unprocessed_"), 13, "/processed_");
    world.storage.put(processed, *world.storage.get(path));
    return 0;
  });
  const std::string file = world.deliver(5);
  const std::string path = world.central.field(file, "object_path");
  {
    // Both names are there: refused, since nobody knows which of them is right.
    RunningWorker worker(world.central, world.storage.url());
    REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
    CHECK(world.central.state_of(file) == "staged");
    CHECK(world.central.field(file, "error_code") == "WB-4005");
    CHECK(world.central.value("SELECT state FROM ingest.tenant") == "halted");
    world.storage.remove(path);  // only the target is there now, as after a move
    world.central.resume(kAgency);
    CHECK(world.central.reaches(file, "processed"));
  }
}

TEST_CASE("worker: a move that something else than Storage calls done is done again",
          "[worker][fault]") {
  World world;
  world.storage.answer_moves_with_a_page(1);
  const std::string file = world.deliver(5);
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
  CHECK(world.central.state_of(file) == "staged");
  CHECK(world.central.field(file, "error_code") == "WB-4004");
  world.central.make_due();
  CHECK(world.central.reaches(file, "processed"));
  CHECK(world.storage.get(world.central.field(file, "object_path")));
}

TEST_CASE("worker: asked to end in mid-file it ends at once, and the file is free again",
          "[worker][fault]") {
  World world;
  world.storage.hold_after(2000);
  const std::string file = world.deliver(500);
  RunningWorker first(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.storage.held() > 0; }));
  // Storage still holds the answer back, and would for longer than that.
  CHECK(first.end() < 15'000);
  CHECK(world.storage.held() > 0);
  CHECK(world.central.state_of(file) == "received");
  CHECK(world.central.value("SELECT holder IS NULL FROM ingest.lease") == "t");
  CHECK(world.central.field(file, "attempt_count") == "0");  // a stop is no failure of the file
  world.storage.release();
  RunningWorker second(world.central, world.storage.url());
  CHECK(world.central.reaches(file, "processed"));
  CHECK(world.central.staged_rows(file) == 500);
}

/// Lets verify pass and makes the next read, that of staging, stop in the middle.
void hold_staging(World& world, std::size_t after_bytes) {
  auto reads = std::make_shared<std::atomic<int>>(0);
  world.storage.on_read([&world, reads, after_bytes](const std::string&) {
    if (++*reads == 2) world.storage.hold_after(after_bytes);
    return 0;
  });
}

TEST_CASE("worker: a long step keeps its lease", "[worker][fault]") {
  World world;
  hold_staging(world, 2000);
  const std::string file = world.deliver(500);
  RunningWorker worker(world.central, world.storage.url(), 2, /*lease_s=*/1);
  REQUIRE(eventually([&] { return world.storage.held() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(2'500));  // time is what this is about
  CHECK(world.storage.held() == 1);
  CHECK(world.central.events(file, "lease_expired") == 0);
  world.storage.release();
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.central.events(file, "lease_expired") == 0);
  CHECK(world.central.staged_rows(file) == 500);
}

// Goal:   a worker that lost its lease commits nothing, even when it does not know yet.
// Method: staging is held in mid-file; the lease is made to end and claimed by another; the held
//         worker goes on to its end.
TEST_CASE("worker: with the lease lost nothing is committed", "[worker][fault]") {
  World world;
  hold_staging(world, 2000);
  const std::string file = world.deliver(500);
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.storage.held() == 1; }));
  // In one transaction, or the holder's heartbeat may come between.
  world.central.value("BEGIN");
  world.central.value("UPDATE ingest.lease SET expires_at = now() - interval '1 ms'");
  const json stolen = json::parse(world.central.value("SELECT ingest.claim_next('thief', 3)"));
  world.central.value("COMMIT");
  CHECK(stolen.at("step") == "stage");
  CHECK(stolen.at("job_file_id") == file);
  world.storage.release();
  REQUIRE(eventually([&] {  // the thief never finishes; the worker takes over after its lease
    return world.central.events(file, "lease_expired") == 2;
  }));
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.central.events(file, "staged") == 1);
  CHECK(world.central.staged_rows(file) == 500);
}

TEST_CASE("worker: a database that goes away in mid-file is waited for", "[worker][fault]") {
  World world;
  hold_staging(world, 2000);
  const std::string file = world.deliver(500);
  RunningWorker worker(world.central, world.storage.url(), 2, /*lease_s=*/1);
  REQUIRE(eventually([&] { return world.storage.held() == 1; }));
  world.central.value(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
      "current_database() AND pid <> pg_backend_pid() AND application_name <> 'tests'");
  world.storage.release();
  REQUIRE(eventually([&] {
    world.central.make_due();
    return world.central.state_of(file) == "processed";
  }));
  CHECK(world.central.staged_rows(file) == 500);
}

// Run by the next test in a process of its own, to be killed there.
TEST_CASE("worker child process", "[.worker-child]") {
  WorkerOptions options;
  options.database_url = std::getenv("WAYBILL_CHILD_DATABASE");
  options.project_url = std::getenv("WAYBILL_CHILD_STORAGE");
  options.service_key = kServiceKey;
  options.threads = 1;
  options.poll_ms = 20;
  options.lease_s = 2;
  StopSource stop;
  run_worker(options, stop);
}

TEST_CASE("worker: killed in mid-stage it leaves nothing, and another takes over",
          "[worker][fault]") {
  World world;
  hold_staging(world, 600'000);
  const std::string file = world.deliver(20'000);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  Poco::ProcessHandle child =
      Poco::Process::launch(self, {"worker child process"}, "/", nullptr, nullptr, nullptr,
                            {{"WAYBILL_CHILD_DATABASE", world.central.worker_url},
                             {"WAYBILL_CHILD_STORAGE", world.storage.url()}});
  REQUIRE(eventually([&] { return world.storage.held() == 1; }));
  REQUIRE(eventually([&] {
    return world.central.value(
               "SELECT tuples_processed > 1000 FROM pg_stat_progress_copy "
               "WHERE datname = current_database()") == "t";
  }));
  Poco::Process::kill(child);  // SIGKILL
  child.wait();
  world.storage.release();
  CHECK(world.central.staged_rows(file) == 0);
  CHECK(world.central.state_of(file) == "verified");

  RunningWorker other(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.central.events(file, "lease_expired") == 1);
  CHECK(world.central.staged_rows(file) == 20'000);
}

// Goal:   at no time do two steps of one tenant run, while steps of different tenants do.
// Method: every read is counted by tenant while it lasts; two workers with four threads each.
TEST_CASE("worker: tenants run side by side, each alone", "[worker]") {
  const std::vector<std::string> agencies = {"alpha", "bravo", "charlie", "delta"};
  World world(agencies);
  std::mutex mutex;
  std::map<std::string, int> running;
  int most_of_one = 0;
  std::size_t most_tenants = 0;
  world.storage.on_read([&](const std::string& path) {
    const std::string slug = path.substr(0, path.find('/'));
    {
      const std::lock_guard lock(mutex);
      most_of_one = std::max(most_of_one, ++running[slug]);
      most_tenants = std::max(most_tenants, running.size());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(15));  // long enough to meet others
    const std::lock_guard lock(mutex);
    if (--running[slug] == 0) running.erase(slug);
    return 0;
  });
  for (int i = 1; i <= 5; ++i) {
    for (const std::string& slug : agencies) {
      world.deliver(10 * i, "recipe_" + std::to_string(i) + ".csv", slug);
    }
  }
  RunningWorker first(world.central, world.storage.url(), 4);
  RunningWorker second(world.central, world.storage.url(), 4);
  REQUIRE(eventually([&] { return world.every_file_is("processed"); }));
  CHECK(most_of_one == 1);
  CHECK(most_tenants >= 2);
  CHECK(world.central.value("SELECT count(*) FROM staging.recipe") == "600");
  CHECK(world.central.value("SELECT count(DISTINCT holder) FROM (SELECT details ->> 'worker' AS "
                            "holder, event FROM ingest.job_event) e WHERE event = "
                            "'lease_expired'") == "0");
  CHECK(world.central.value("SELECT count(*) FROM (SELECT DISTINCT split_part(actor, '/', 1) FROM "
                            "ingest.job_event WHERE event = 'staged') a") == "2");
}

TEST_CASE("worker: one agency's trouble does not hold up another", "[worker][fault]") {
  World world({"alpha", "bravo"});
  world.storage.on_read([](const std::string& path) { return path[0] == 'a' ? 500 : 0; });
  const std::string bad = world.deliver(5, "recipe_1.csv", "alpha");
  const std::string good = world.deliver(5, "recipe_1.csv", "bravo");
  RunningWorker worker(world.central, world.storage.url(), 1);
  CHECK(world.central.reaches(good, "processed"));
  CHECK(world.central.state_of(bad) == "received");
}

TEST_CASE("worker: a refused storage key ends the worker and blames no file", "[worker][fault]") {
  World world;
  const std::string file = world.deliver(5);
  WorkerOptions options =
      RunningWorker::options_of(world.central, world.storage.url(), 2, /*lease_s=*/60);
  options.service_key = "sb_secret_wrong";
  RunningWorker worker(options);
  REQUIRE(eventually([&] { return worker.ended_with() == "WB-4005"; }));
  CHECK(world.central.state_of(file) == "received");
  CHECK(world.central.field(file, "attempt_count") == "0");
  CHECK(world.central.value("SELECT state FROM ingest.tenant") == "active");
  CHECK(world.central.value("SELECT count(*) FROM ingest.job_event WHERE details::text LIKE "
                            "'%sb_secret%'") == "0");
}

// Goal:   what a person must put right ends the worker with a reason; what passes does not.
TEST_CASE("worker: a database that refuses name or role, or is not ours, ends the worker",
          "[worker][fault]") {
  World world;
  const auto ended_with = [&](const std::string& url) {
    WorkerOptions options =
        RunningWorker::options_of(world.central, world.storage.url(), 2, /*lease_s=*/60);
    options.database_url = url;
    RunningWorker worker(options);
    eventually([&] { return !worker.ended_with().empty(); });
    return worker.ended_with();
  };
  const auto with_database = [&](const std::string& name) {
    const std::string& url = world.central.worker_url;
    const std::size_t begin = url.find('/', url.find("//") + 2) + 1;
    return std::string(url).replace(begin, url.find('?') - begin, name);
  };
  CHECK(ended_with(with_database("no_such_database")) == "WB-5006");
  CHECK(ended_with(PrivatePostgres::as_role(world.central.url, "no_such_role")) == "WB-5006");
  CHECK(ended_with(with_database("postgres")) == "WB-5006");  // there, but without our functions
  CHECK(ended_with(PrivatePostgres::as_role(world.central.url, "anon")) == "WB-5006");

  WorkerOptions options =
      RunningWorker::options_of(world.central, world.storage.url(), 2, /*lease_s=*/60);
  options.database_url = "postgresql://nobody@127.0.0.1:1/waybill";  // nobody listens: it waits
  RunningWorker waiting(options);
  CHECK_FALSE(eventually([&] { return !waiting.ended_with().empty(); }, /*at_most_ms=*/1'500));
}

TEST_CASE("worker: options that cannot work end it at the start", "[worker]") {
  StopSource stop;
  WorkerOptions options;
  options.database_url = "postgresql://";
  options.project_url = "https://example.org";
  options.service_key = "k";
  const auto code_of = [&](WorkerOptions wrong) -> std::string {
    try {
      run_worker(wrong, stop);
    } catch (const Error& error) {
      return std::string(error.code().id);
    }
    return "";
  };
  WorkerOptions wrong = options;
  wrong.threads = 0;
  CHECK(code_of(wrong) == "WB-5006");
  wrong = options;
  wrong.lease_s = 0;
  CHECK(code_of(wrong) == "WB-5006");
  wrong = options;
  wrong.service_key = "";
  CHECK(code_of(wrong) == "WB-5006");
  wrong = options;
  wrong.project_url = "http://example.org";
  CHECK(code_of(wrong) == "WB-1005");
}

}  // namespace
}  // namespace waybill::test
