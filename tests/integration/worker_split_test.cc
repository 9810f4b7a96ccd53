// Files that central cuts, and history that is loaded again: every row once, each with its number
// in the partner's own file.
#include <catch2/catch.hpp>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

constexpr const char* kAgency = "harbor-kitchen";

struct World {
  Central central;
  FakeStorage storage;

  /// 0: files are not cut.
  explicit World(std::int64_t split_rows) {
    json spec = spec_of("recipe");
    if (split_rows > 0) spec["split_rows"] = split_rows;
    central.add_agency(kAgency, {spec});
  }
  std::string deliver(const std::string& bytes, const Central::Job& job = {"night", kDelivery},
                      const std::string& path = "recipe_1.csv") {
    const json opened = central.open_in(job, kAgency, "recipe", path, bytes);
    REQUIRE(opened.at("outcome") == "upload");
    central.arrive(kAgency, opened, storage, bytes);
    return opened.at("job_file_id");
  }
  std::string parts_of(const std::string& file, const std::string& what) {
    return central.value(
        "SELECT string_agg((" + what +
            ")::text, ',' ORDER BY part_number) FROM ingest.job_file WHERE split_of = $1",
        {file});
  }
};

TEST_CASE("split: a large file is staged in parts with the rows of the original", "[worker]") {
  World world(100);
  std::string bytes = export_of("R", 349);
  bytes += "\"quoted\nkey\",Name,350,1.00,yes,20.11.2026\r\n";  // a record of two lines
  const std::string file = world.deliver(bytes);
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.parts_of(file, "part_number || ' of ' || part_count") ==
        "1 of 4,2 of 4,3 of 4,4 of 4");
  CHECK(world.parts_of(file, "first_source_row") == "1,101,201,301");
  CHECK(world.parts_of(file, "rows_staged") == "100,100,100,50");
  CHECK(world.parts_of(file, "state") == "processed,processed,processed,processed");
  CHECK(world.central.field(file, "rows_staged") == "350");
  CHECK(world.central.value("SELECT count(*) || ' ' || count(DISTINCT source_row) || ' ' || "
                            "max(source_row) FROM staging.recipe") == "350 350 350");
  CHECK(world.central.value("SELECT bool_and(payload ->> 'count' = source_row::text) FROM "
                            "staging.recipe") == "t");
  CHECK(world.central.value("SELECT payload ->> 'code' FROM staging.recipe WHERE source_row = "
                            "350") == "quoted\nkey");
  CHECK(world.central.value("SELECT DISTINCT l.original_sha256 FROM staging.recipe AS r, "
                            "staging.lineage(r.job_file_id, r.source_row) AS l") ==
        sha256_hex(bytes));

  // The bytes that were staged are the partner's own, whole and in parts.
  world.central.close(kAgency);
  REQUIRE(world.central.reaches(file, "archived"));
  CHECK(world.storage.get(world.central.field(file, "object_path")) == bytes);
}

TEST_CASE("split: a file that fits is looked at once and staged as it is", "[worker]") {
  World world(60);
  const std::string file = world.deliver(export_of("R", 60));  // large enough to look at
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.central.field(file, "rows_staged") == "60");
  CHECK(world.central.value("SELECT count(*) FROM ingest.job_file") == "1");
}

TEST_CASE("split: one bad row in one part refuses the file with its row in the original",
          "[worker][fault]") {
  World world(100);
  const std::string file = world.deliver(export_of("R", 250) + "X,Name,many,1,yes,20.11.2026\r\n");
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.central.value("SELECT error ->> 'row' FROM ingest.job_file WHERE split_of = $1 AND "
                            "part_number = 3",
                            {file}) == "251");
  CHECK(world.central.field(file, "error_code") == "WB-3012");
}

TEST_CASE("split: a broken quote is not cut but refused where it stands", "[worker][fault]") {
  World world(100);
  const std::string file =
      world.deliver(export_of("R", 250) + "\"open,Name,1,1,yes,20.11.2026\r\n");
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.central.value("SELECT count(*) FROM ingest.job_file") == "1");
  CHECK(world.central.field(file, "error_code") == "WB-3002");
}

// Goal:   a split that broke off after some uploads is done again and ends in the same parts.
// Method: the store refuses the first read of the second pass, when the first part is there.
TEST_CASE("split: broken off in the middle it is done again", "[worker][fault]") {
  World world(100);
  std::atomic<int> reads{0};
  // 1: verify, 2: plan, 3 and 4: head and body of part 1, 5: head of part 2
  world.storage.on_read([&](const std::string&) { return ++reads == 5 ? 503 : 0; });
  const std::string file = world.deliver(export_of("R", 350));
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
  CHECK(world.central.value("SELECT count(*) FROM ingest.job_file") == "1");
  world.central.make_due();
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.parts_of(file, "rows_staged") == "100,100,100,50");
}

TEST_CASE("split: bytes altered between hashing and cutting are refused", "[worker][fault]") {
  World world(100);
  std::atomic<int> reads{0};
  world.storage.on_read([&](const std::string& path) {
    if (++reads == 2) {
      std::string altered = *world.storage.get(path);
      altered[altered.size() - 20] ^= 1;
      world.storage.put(path, altered);
    }
    return 0;
  });
  const std::string file = world.deliver(export_of("R", 350));
  RunningWorker worker(world.central, world.storage.url());
  for (int attempt = 1; attempt <= 2; ++attempt) {
    REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == attempt; }));
    world.central.make_due();
  }
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.central.field(file, "error_code") == "WB-4003");
  CHECK(world.central.value("SELECT count(*) FROM staging.recipe") == "0");
}

Central::Job history(const std::string& key, const std::string& date) {
  return {key, {{"date", date}, {"name", "history"}, {"kind", "history"}, {"precedence", "ahead"}}};
}

std::string line(const std::string& code, int count, const std::string& name) {
  return code + "," + name + "," + std::to_string(count) + ",1.00,yes,20.11.2026\r\n";
}

TEST_CASE("history again: only what is new is staged, and the rest is counted", "[worker]") {
  World world(0);
  const std::string header = "Code,Name,Count,Amount,Active,Day\r\n";
  RunningWorker worker(world.central, world.storage.url());
  const std::string first =
      world.deliver(header + line("A", 1, "a") + line("B", 2, "b") + line("C", 3, "c"),
                    history("dump-1", "2025-12-31"), "recipe_old.csv");
  REQUIRE(world.central.reaches(first, "processed"));
  CHECK(world.central.field(first, "rows_staged") == "3");
  world.central.close(kAgency, "dump-1");
  // A later night changed B; the dump's own date is before that, so B is as it was then.
  REQUIRE(world.central.reaches(first, "archived"));
  const std::string night = world.deliver(header + line("B", 2, "b of tonight"));
  REQUIRE(world.central.reaches(night, "processed"));

  const std::string again = world.deliver(header + line("A", 1, "a") + line("B", 2, "b") +
                                              line("C", 3, "c corrected") + line("D", 4, "d"),
                                          history("dump-2", "2025-12-31"), "recipe_old.csv");
  REQUIRE(world.central.reaches(again, "archived"));  // a later night has overtaken it
  CHECK(world.central.field(again, "rows_staged") == "2");
  CHECK(world.central.field(again, "rows_skipped") == "2");
  CHECK(world.central.value("SELECT string_agg(payload ->> 'code', ',' ORDER BY source_row) FROM "
                            "staging.recipe WHERE job_file_id = $1",
                            {again}) == "C,D");
  CHECK(world.central.value("SELECT details ->> 'rows_skipped' FROM ingest.job_event WHERE "
                            "job_file_id = $1 AND event = 'staged'",
                            {again}) == "2");
}

}  // namespace
}  // namespace waybill::test
