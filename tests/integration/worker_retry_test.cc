// The worker tries again: by itself after a pause, when an agency is resumed, when a file is
// retried. Whatever came before, every row is staged once.
#include <catch2/catch.hpp>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

constexpr const char* kAgency = "harbor-kitchen";
constexpr const char* kOther = "riverside";

struct World {
  Central central;
  FakeStorage storage;
  std::atomic<int> reads{0};  ///< of kAgency's objects

  explicit World(const json& spec = spec_of("recipe")) {
    for (const char* slug : {kAgency, kOther}) central.add_agency(slug, {spec});
  }
  std::string deliver(const std::string& bytes, const std::string& path = "recipe_1.csv",
                      const std::string& slug = kAgency) {
    return central.deliver(storage, slug, "recipe", path, bytes);
  }
  /// Every read of kAgency's objects from the `first` to the `last` is refused.
  void refuse_reads(int first, int last, int status) {
    storage.on_read([this, first, last, status](const std::string& path) {
      if (path.rfind(kAgency, 0) != 0) return 0;
      const int read = ++reads;
      return read >= first && read <= last ? status : 0;
    });
  }
  /// The workers looked around meanwhile: another agency's file went all the way.
  void let_others_work(const std::string& path) {
    const std::string other = deliver(export_of(path, 3), path, kOther);
    REQUIRE(central.reaches(other, "processed"));
  }
  /// Path and size of a part that the worker has cut.
  std::pair<std::string, std::size_t> part(const std::string& file, int number) {
    const auto told = [&](const std::string& column) {
      return central.value("SELECT " + column +
                               "::text FROM ingest.job_file WHERE split_of = $1 AND part_number = "
                               "$2::int",
                           {file, std::to_string(number)});
    };
    return {told("object_path"), std::stoull(told("size_bytes"))};
  }
  std::string failure(const std::string& file, int attempt, const std::string& what) {
    return central.value(
        "SELECT (" + what +
            ")::text FROM ingest.job_event AS e WHERE job_file_id = $1 AND event = 'step_failed' "
            "AND details ->> 'attempt' = $2",
        {file, std::to_string(attempt)});
  }
};

// Goal:   trouble that passes costs a pause each time, a longer one after each failure; people hear
// of
//         it once, and the file is staged as if nothing had been.
// Method: verifying reads the object once; the four reads of staging that follow are refused. While
// a
//         pause lasts, another agency's file shows that the worker was there.
TEST_CASE("retry: a store in trouble is left alone ever longer, and the file is staged once",
          "[worker][fault]") {
  World world;
  world.central.value("SELECT ingest.put_setting('max_attempts', '3', 'tests')");
  world.refuse_reads(2, 5, 503);
  const std::string file = world.deliver(export_of("R", 50));
  RunningWorker worker(world.central, world.storage.url());
  const std::vector<std::string> pauses = {"00:00:05", "00:00:10", "00:00:20", "00:00:40"};
  for (int attempt = 1; attempt <= 4; ++attempt) {
    INFO("attempt " << attempt);
    REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == attempt; }));
    CHECK(world.central.field(file, "attempt_count") == std::to_string(attempt));
    CHECK(world.central.field(file, "error_code") == "WB-4004");
    CHECK(world.failure(file, attempt, "details ->> 'step'") == "stage");
    CHECK(world.failure(file, attempt, "details ->> 'is_exhausted'") ==
          (attempt < 3 ? "false" : "true"));
    CHECK(world.failure(file, attempt,
                        "date_trunc('second', (details ->> 'next_attempt_at')::timestamptz - at + "
                        "interval '500 ms')") == pauses[static_cast<std::size_t>(attempt - 1)]);
    world.let_others_work("recipe_" + std::to_string(attempt) + ".csv");
    CHECK(world.reads == 1 + attempt);  // no try before its time
    CHECK(world.central.staged_rows(file) == 0);
    world.central.make_due();
  }
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.reads == 6);
  CHECK(world.central.events(file, "staged") == 1);
  CHECK(world.central.staged_rows(file) == 50);
  CHECK(world.central.field(file, "attempt_count") == "0");
  CHECK(world.central.field(file, "error_code IS NULL") == "true");
  CHECK(world.central.value("SELECT count(*) FROM ingest.alert WHERE kind = 'step_exhausted'") ==
        "1");
}

// Goal:   what trying again cannot help is not tried again until a person says so.
TEST_CASE("retry: a halted agency's file waits for the resume, and is then staged once",
          "[worker][fault]") {
  World world;
  world.refuse_reads(2, 2, 413);
  const std::string file = world.deliver(export_of("R", 50));
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(eventually([&] { return world.central.events(file, "step_failed") == 1; }));
  CHECK(world.central.field(file, "error_code") == "WB-4005");
  CHECK(world.central.state_of(file) == "verified");
  CHECK(world.central.value("SELECT state FROM ingest.tenant WHERE slug = $1", {kAgency}) ==
        "halted");
  world.central.make_due();
  world.let_others_work("recipe_1.csv");
  CHECK(world.reads == 2);
  world.central.resume(kAgency);
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(world.central.events(file, "staged") == 1);
  CHECK(world.central.staged_rows(file) == 50);
  CHECK(world.reads == 3);
}

// Goal:   parts that were taken back come again, each row once, also over a store in trouble and
// when
//         one of their objects is lost, so that the file is cut again.
// Method: the last of three parts has a word where a number belongs, so the file is refused and
//         nothing of it stays staged; a newer spec takes words, the operator retries the file, and
//         the first read after that is refused.
TEST_CASE("retry: the parts of a refused file come back, each row once", "[worker][fault]") {
  const bool is_part_lost = GENERATE(false, true);
  json spec = with(spec_of("recipe"), {{"split_rows", 100}});
  World world(spec);
  const std::string file = world.deliver(export_of("R", 250) + "X,Name,many,1,yes,20.11.2026\r\n");
  RunningWorker worker(world.central, world.storage.url());
  REQUIRE(world.central.reaches(file, "refused"));
  const auto of_parts = [&](const std::string& what) {
    return world.central.value("SELECT string_agg((" + what +
                                   ")::text, ',' ORDER BY part_number) FROM ingest.job_file AS f "
                                   "WHERE split_of = $1",
                               {file});
  };
  const std::string times_staged =
      "SELECT count(*) FROM ingest.job_event AS e WHERE e.job_file_id = f.job_file_id AND event = "
      "'staged'";
  CHECK(of_parts("state") == "retired,retired,refused");
  CHECK(of_parts(times_staged) == "1,1,0");
  CHECK(world.central.value("SELECT count(*) FROM staging.recipe") == "0");

  for (int part = 1; part <= 3; ++part) {  // the rows that Storage has of what the worker stored
    const auto [path, size] = world.part(file, part);
    if (part == 3 && is_part_lost) {
      world.storage.remove(path);
    } else {
      world.central.note_object(path, size);
    }
  }
  spec["columns"][2] = {{"name", "Count"}, {"to", "count"}};
  world.central.value("SELECT ingest.put_file_spec($1, $2::jsonb, 'tests')",
                      {kAgency, spec.dump()});
  world.refuse_reads(1, 1, 503);
  world.central.value("SELECT ingest.retry_file($1, 'the spec takes words now', 'tests')", {file});
  REQUIRE(eventually([&] {
    return world.central.value(
               "SELECT count(*) FROM ingest.job_event WHERE event = 'step_failed'") == "1";
  }));
  CHECK(world.central.value("SELECT count(*) FROM staging.recipe") == "0");
  world.central.make_due();
  REQUIRE(world.central.reaches(file, "processed"));
  CHECK(of_parts("state") == "processed,processed,processed");
  CHECK(of_parts(times_staged) == "2,2,1");
  CHECK(world.central.value("SELECT count(*) || ' ' || count(DISTINCT source_row) || ' ' || "
                            "max(source_row) FROM staging.recipe") == "251 251 251");
  CHECK(world.central.field(file, "rows_staged") == "251");
  CHECK(world.central.value("SELECT count(*) FROM ingest.job_event WHERE event = 'split_off'") ==
        "3");
}

}  // namespace
}  // namespace waybill::test
