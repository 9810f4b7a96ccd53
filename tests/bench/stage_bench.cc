// stage_bench: staging a file (read, hash, check, COPY, commit) beside `psql \copy` of the same
// rows, already prepared, into the same table. Prints seconds and ratios; asserts no time.
//
// Usage:  stage_bench            rows and rounds from WAYBILL_BENCH_ROWS and WAYBILL_BENCH_ROUNDS
// Method: in turn, in one run: the worker stages a file of its own; psql copies the rows of the
//         first one under another registered file. psql's time is that of its \copy alone; ours is
//         everything from the end of verifying to the commit.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

long number_of(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atol(text);
}

/// Seconds from the end of verifying to the commit of the rows, as the registry saw them.
double seconds_staged(Central& central, const std::string& file) {
  return std::stod(central.value(
      "SELECT extract(epoch FROM s.at - v.at) FROM ingest.job_event s JOIN ingest.job_event v "
      "USING (job_file_id) WHERE s.job_file_id = $1 AND s.event = 'staged' AND v.event = "
      "'hash_matched'",
      {file}));
}

/// A step of staging that is ours: what psql's rows are registered under.
json claim_staging(Central& central, FakeStorage& storage, int round) {
  const std::string name = "P" + std::to_string(round);
  central.deliver(storage, "harbor-kitchen", "recipe_line", name + ".csv", export_of(name, 1));
  const json claim = json::parse(central.value("SELECT ingest.claim_next('bench', 3600)"));
  central.value("SELECT ingest.finish_verify($1, $2::bigint, $3, $4, $5::bigint)",
                {claim.at("tenant_id"), claim.at("fence").dump(), claim.at("job_file_id"),
                 claim.at("content_sha256"), claim.at("size_bytes").dump()});
  return json::parse(central.value("SELECT ingest.claim_next('bench', 3600)"));
}

/// What psql itself says its \copy took; the table's guard wants the step finished with it.
double seconds_of_psql(Central& central, const std::string& from_file, const json& claim,
                       int rows) {
  const std::string prepared =
      std::filesystem::temp_directory_path() / ("waybill-" + random_uuid());
  const std::string file = claim.at("job_file_id");
  PrivatePostgres::psql(
      central.url, "\\copy (SELECT tenant_id, job_id, '" + file +
                       "'::uuid, source_row, natural_key, payload FROM staging.recipe_line WHERE "
                       "job_file_id = '" +
                       from_file + "' ORDER BY source_row) TO '" + prepared + "'");
  const std::string said = PrivatePostgres::psql(
      central.url, "BEGIN;\n\\timing on\n\\copy staging.recipe_line FROM '" + prepared +
                       "'\n\\timing off\nSELECT ingest.finish_stage('" +
                       claim.at("tenant_id").get<std::string>() + "', " + claim.at("fence").dump() +
                       ", '" + file + "', " + std::to_string(rows) + ", '" +
                       claim.at("content_sha256").get<std::string>() + "');\nCOMMIT;\n");
  std::filesystem::remove(prepared);
  return std::stod(said.substr(said.find("Time: ") + 6)) / 1000;
}

TEST_CASE("stage_bench") {
  const int rows = static_cast<int>(number_of("WAYBILL_BENCH_ROWS", 1'000'000));
  const int rounds = static_cast<int>(number_of("WAYBILL_BENCH_ROUNDS", 3));
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe_line")});
  central.value("UPDATE ingest.setting SET value = '4000000000' WHERE name = 'max_file_bytes'");
  for (int round = 1; round <= rounds; ++round) {
    const std::string content = export_of("W" + std::to_string(round) + "-", rows);
    const std::string file =
        central.deliver(storage, "harbor-kitchen", "recipe_line",
                        "recipe_line_w" + std::to_string(round) + ".csv", content);
    {
      RunningWorker worker(central, storage.url(), 1);
      REQUIRE(eventually([&] { return central.state_of(file) == "archived"; }, 600'000));
    }
    const double staged_s = seconds_staged(central, file);
    const double psql_s =
        seconds_of_psql(central, file, claim_staging(central, storage, round), rows);
    std::printf("round %d: %d rows, %.0f MB: staged %.2f s, psql \\copy %.2f s, ratio %.2f\n",
                round, rows, static_cast<double>(content.size()) / 1e6, staged_s, psql_s,
                staged_s / psql_s);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace waybill::test
