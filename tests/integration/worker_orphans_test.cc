// Objects that no file wants any more: removed by the worker, and nothing else is.
#include <catch2/catch.hpp>
#include <chrono>

#include "central/storage/storage_client.h"
#include "tests/integration/worker_fixture.h"
#include "tests/integration/worker_standin.h"

namespace waybill::test {
namespace {

constexpr const char* kAgency = "harbor-kitchen";

/// From now on every walk follows the last one within a second, and nothing has a grace.
void sweep_all_the_time(Central& central) {
  central.value("SELECT ingest.put_setting('orphan_grace_s', '0', 'tests')");
  central.value("SELECT ingest.put_setting('orphan_walk_s', '1', 'tests')");
}

std::string target_of(const RunningStandIn& standin, const json& opened) {
  return standin.url() + opened.at("upload").at("url").get<std::string>();
}

std::string count(Central& central, const std::string& from) {
  return central.value("SELECT count(*) FROM " + from);
}

std::string of_length(const std::string& content) { return std::string(content.size(), 'x'); }

/// Files with bytes, the worst that can be left over of each.
struct Leftovers {
  Leftovers(Central& central, const RunningStandIn& standin) {
    HttpClient http({.user_agent = "waybill-test"});
    const std::string content = export_of("R", 30);
    json opened = central.open(kAgency, "recipe", "recipe_1.csv", content);
    good = opened.at("job_file_id");
    REQUIRE(put(http, target_of(standin, opened), of_length(content)).status == 200);
    first_path = opened.at("upload").at("path");

    const std::string late = export_of("L", 10);
    opened = central.open(kAgency, "recipe", "recipe_2.csv", late);
    withdrawn = opened.at("job_file_id");
    central.withdraw(kAgency, withdrawn);
    REQUIRE(put(http, target_of(standin, opened), late).status == 200);

    const std::string bad = "Code,Name\r\nonly,two\r\n";
    opened = central.open(kAgency, "recipe", "recipe_3.csv", bad);
    refused = opened.at("job_file_id");
    REQUIRE(put(http, target_of(standin, opened), bad).status == 200);

    StorageClient storage(http, {standin.url(), kServiceKey});
    storage.upload(kBucket, "notes/by-hand.txt", 1, [](char* into, std::size_t) {
      *into = 'x';
      return std::size_t{1};
    });
  }
  void send_good(Central& central, const RunningStandIn& standin) const {
    HttpClient http({.user_agent = "waybill-test"});
    const std::string content = export_of("R", 30);
    const json opened = central.open(kAgency, "recipe", "recipe_1.csv", content);
    REQUIRE(opened.at("job_file_id") == good);
    REQUIRE(put(http, target_of(standin, opened), content).status == 200);
  }
  std::string good;
  std::string first_path;
  std::string withdrawn;
  std::string refused;
};

// Goal:   what no file wants goes, from the bucket and from the disk; what a file wants or the
//         registry does not know stays.
// Method: wrong bytes, bytes that come after their withdrawal, a refused file, an object laid there
//         by hand; the real stand-in; a worker that sweeps all the time, without grace.
TEST_CASE("orphans: removed through the stand-in, with a record before and after",
          "[worker][standin][orphan]") {
  Central central;
  RunningStandIn standin(central);
  central.add_agency(kAgency, {spec_of("recipe")});
  const Leftovers files(central, standin);
  {
    RunningWorker worker(central, standin.url());
    REQUIRE(central.reaches(files.good, "awaiting_upload"));
    REQUIRE(eventually([&] { return central.events(files.good, "hash_mismatched") == 1; }));
    files.send_good(central, standin);
    REQUIRE(central.reaches(files.good, "processed"));
    REQUIRE(central.reaches(files.refused, "refused"));
  }
  CHECK(count(central, "ingest.orphan") == "0");  // within the grace
  const std::int64_t before = standin.stored_files();
  sweep_all_the_time(central);
  RunningWorker worker(central, standin.url());
  REQUIRE(eventually([&] {
    return count(central, "ingest.orphan WHERE removed_at > now() - interval '1 day'") == "2";
  }));
  CHECK(central.value("SELECT string_agg(reason, ',' ORDER BY reason) FROM ingest.orphan") ==
        "superseded,withdrawn");
  for (const std::string& file : {files.good, files.withdrawn}) {
    CHECK(central.events(file, "orphan_found") == 1);
    CHECK(central.events(file, "orphan_removed") == 1);
  }
  CHECK(count(central, "storage.objects WHERE name = '" + files.first_path + "'") == "0");
  CHECK(count(central, "storage.objects") == "3");
  CHECK(standin.stored_files() == before - 2);
  CHECK(central.state_of(files.good) == "processed");
  CHECK(central.staged_rows(files.good) == 30);
}

// Goal:   a removal that fails is told and done again by itself; one that was done already is done.
TEST_CASE("orphans: Storage refuses, answers late, or has removed it already",
          "[worker][orphan][fault]") {
  Central central;
  FakeStorage storage;
  central.add_agency(kAgency, {spec_of("recipe")});
  const auto left = [&](const std::string& name) {
    const std::string content = export_of(name, 3);
    const json opened = central.open(kAgency, "recipe", "recipe_" + name + ".csv", content);
    central.withdraw(kAgency, opened.at("job_file_id"));
    storage.put(opened.at("upload").at("path"), content);
    central.note_object(opened.at("upload").at("path"), content.size());
    return opened;
  };
  const auto column = [&](const std::string& what) {
    return central.value("SELECT " + what + " FROM ingest.orphan");
  };
  const json opened = left("A");
  const std::string path = opened.at("upload").at("path");
  storage.refuse_removals(1);
  sweep_all_the_time(central);
  RunningWorker worker(central, storage.url());
  REQUIRE(eventually(
      [&] { return column("last_problem") == "WB-4004 Storage answered 503 SlowDown"; }));
  CHECK(storage.get(path));
  CHECK(central.events(opened.at("job_file_id"), "orphan_removed") == 0);

  // It says that it has removed it, and its row is still there: not believed.
  central.value("UPDATE ingest.orphan SET next_attempt_at = now()");
  REQUIRE(eventually([&] { return column("last_problem LIKE '%still there'") == "t"; }));
  CHECK_FALSE(storage.get(path));
  CHECK(column("removed_at IS NULL") == "t");

  central.forget_object(path);
  central.value("UPDATE ingest.orphan SET next_attempt_at = now()");
  REQUIRE(eventually([&] { return column("removed_at IS NOT NULL") == "t"; }));
  CHECK(column("attempts") == "3");
  CHECK(central.events(opened.at("job_file_id"), "orphan_removed") == 1);
}

// Goal:   a sweep without grace takes nothing from a worker that is cutting a file, also when the
//         cut breaks off and is done again.
TEST_CASE("orphans: parts in the making are left alone", "[worker][standin][orphan]") {
  Central central;
  RunningStandIn standin(central);
  central.add_agency(kAgency, {with(spec_of("recipe"), {{"split_rows", 50}})});
  sweep_all_the_time(central);
  HttpClient http({.user_agent = "waybill-test"});
  const std::string content = export_of("R", 2000);
  const json opened = central.open(kAgency, "recipe", "recipe_1.csv", content);
  const std::string file = opened.at("job_file_id");
  REQUIRE(put(http, target_of(standin, opened), content).status == 200);
  const auto parts = [&] {
    return std::stoi(count(central, "storage.objects WHERE name ~ '-part'"));
  };
  {
    RunningWorker cutter(central, standin.url(), 1);
    REQUIRE(eventually([&] { return parts() >= 3; }));
  }  // ended in the middle, or just done
  {
    // Each walk sees them, twice over.
    pg::Connection sweeper(central.worker_url, "sweeper");
    sweeper.exec("SET ROLE service_role");
    const int before = parts();
    for (int i = 0; i < 2; ++i) {
      central.value("UPDATE ingest.orphan_walk SET ended_at = NULL, after_path = ''");
      CHECK(sweeper.exec("SELECT ingest.find_orphans(10000)").integer(0, 0) == 0);
    }
    CHECK(parts() == before);
  }
  RunningWorker one(central, standin.url(), 2);
  RunningWorker two(central, standin.url(), 2);
  REQUIRE(central.reaches(file, "processed"));
  CHECK(central.field(file, "rows_staged") == "2000");
  CHECK(count(central, "ingest.orphan") == "0");
  central.close(kAgency);
  REQUIRE(central.reaches(file, "archived"));
  // A move is recorded after it was made: the other file may be on its way.
  CHECK(eventually([&] {
    return count(central,
                 "ingest.job_file AS f WHERE ingest.stored_size(f.bucket, f.object_path) IS "
                 "DISTINCT FROM f.size_bytes") == "0";
  }));
}

}  // namespace
}  // namespace waybill::test
