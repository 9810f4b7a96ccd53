#include <catch2/catch.hpp>

#include "agent/cli/preflight_view.h"
#include "agent/cli/trace_view.h"
#include "agent/engine/edge_check.h"
#include "agent/engine/quarantine.h"
#include "agent/ledger/ledger_report.h"
#include "core/crypto.h"
#include "sync/central_error.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;
using nlohmann::json;

namespace {

using Catch::Matchers::Contains;

constexpr const char* kGood = "code\nA1\nB2\n";
constexpr const char* kBad = "code\nA1\nMARKER,7\nB2\n";  // a record with a field too much

JobFile file_of(EngineFixture& f, const std::string& path) {
  const auto report = LedgerReport::open(f.folder.path());
  return report->versions(path).back();
}

json notice_of(EngineFixture& f, const std::string& path) {
  return f.central.files_of(path).back().offer.preflight;
}

/// The engine's spec of recipes with other rules, told with the next sync.
void publish(EngineFixture& f, const json& more, std::int32_t version) {
  json spec = EngineFixture::spec("recipe");
  spec.update(more);
  for (wire::Specs::Entry& entry : f.central.specs.specs) {
    if (entry.file_tag.value == "recipe") entry = {FileTag("recipe"), version, spec};
  }
  f.central.specs.digest = "specs-" + std::to_string(version);
}

}  // namespace

TEST_CASE("preflight: a good file is told with its counts", "[agent][preflight]") {
  EngineFixture f;
  f.put("recipe_1.csv", kGood);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);
  CHECK(notice_of(f, "recipe_1.csv") == json({{"spec_version", 1},
                                              {"outcome", "accepted"},
                                              {"rows", 2},
                                              {"rows_quarantined", 0},
                                              {"bytes", 11},
                                              {"complete", true},
                                              {"findings_count", 0},
                                              {"groups", json::array()},
                                              {"drift", json::array()}}));
}

TEST_CASE("preflight: what its spec refuses is never sent", "[agent][preflight]") {
  EngineFixture f;
  f.put("recipe_1.csv", kBad);
  f.put("recipe_2.csv", kGood);
  f.run_until_settled();
  const JobFile file = file_of(f, "recipe_1.csv");
  CHECK(file.state == FileState::kRefused);
  REQUIRE(file.problem);
  CHECK(file.problem->code == "WB-3005");
  CHECK(f.central.objects.size() == 1);
  CHECK(file_of(f, "recipe_2.csv").state == FileState::kArchived);
  const json notice = notice_of(f, "recipe_1.csv");
  CHECK(notice.at("error").at("row") == 2);
  CHECK(notice.at("groups").size() == 1);
  CHECK(notice.dump().find("MARKER") == std::string::npos);

  // The report's hash is in the chain; trace shows rule, place and way out.
  const auto report = LedgerReport::open(f.folder.path());
  const json trace = trace_json(*report, "recipe_1.csv", std::nullopt);
  const json& version = trace.at("versions").at(0);
  CHECK(version.at("events").at(0).at("detail").at("preflight") ==
        json({{"outcome", "refused"},
              {"rows", 3},
              {"report_sha256", sha256_hex(report->preflight(file.file_number)->report)}}));
  const std::string text = trace_text(trace);
  CHECK_THAT(text, Contains("preflight  refused: 3 rows") && Contains("WB-3005 row-ragged") &&
                       Contains("at row 2, line 3, byte 8") && Contains("what to do: "));
  CHECK(text.find("MARKER") == std::string::npos);
}

TEST_CASE("preflight: a refused file is told again after a lost answer, and stays refused",
          "[agent][preflight]") {
  EngineFixture f;
  f.put("recipe_1.csv", kBad);
  int lost = 2;
  f.central.after_call = [&](const std::string& call) {
    if (call == "open_job" && lost-- > 0) {
      throw CentralError(error_code::kCentralUnavailable, "call", call, "lost", 0);
    }
  };
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kRefused);
  CHECK(f.central.files_of("recipe_1.csv").size() == 1);
  f.restart();
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kRefused);
  CHECK(f.central.objects.empty());
}

TEST_CASE("preflight: an operator may want the bytes all the same", "[agent][preflight]") {
  EngineFixture f;
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  f.central.retry(f.central.files_of("recipe_1.csv").back().id);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);
  CHECK(f.central.stagings(sha256_hex(kBad)) == 1);
}

TEST_CASE("preflight: a newer spec judges a refused file anew", "[agent][preflight]") {
  EngineFixture f;
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  publish(f, {{"on_finding", {{"row-ragged", "quarantine_row"}}}}, 2);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);
  const json notice = notice_of(f, "recipe_1.csv");
  CHECK(notice.at("outcome") == "accepted");
  CHECK(notice.at("rows") == 3);
  CHECK(notice.at("rows_quarantined") == 1);

  // The row set aside is kept here, for the owner's eyes only, and told by no one.
  const auto report = LedgerReport::open(f.folder.path());
  const JobFile file = report->versions("recipe_1.csv").back();
  const std::string kept = report->preflight(file.file_number)->quarantine_file;
  REQUIRE_THAT(kept, Contains("quarantine/") && Contains("recipe_1.csv"));
  CHECK(read_whole_file(f.files, f.settings.state_folder / kept, 1000) == "code\nMARKER,7\n");
  CHECK(f.files.is_private(f.settings.state_folder / kept));
  CHECK_THAT(trace_text(trace_json(*report, "recipe_1.csv", std::nullopt)),
             Contains("accepted: 3 rows, 1 set aside") && Contains(kept));
  CHECK(remarks_text(remarks_json(*report, 0)) ==
        "\nSent with remarks (waybill trace FILE shows them):\n"
        "  recipe_1.csv: 1 finding, 1 row set aside\n");
  CHECK(remarks_json(*report, f.clock.now_ms() + 1).empty());
}

TEST_CASE("preflight: a disk that takes no more rows holds up no file", "[agent][preflight]") {
  EngineFixture f;
  publish(f, {{"on_finding", {{"row-ragged", "quarantine_row"}}}}, 2);
  f.run_steps(30);
  f.files.on_stage = [](const std::filesystem::path& path) {
    if (path.string().find("/quarantine/") == std::string::npos) return;
    throw Error(error_code::kFileSystemFailed, "write", path.string(), "the disk is full");
  };
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);
  CHECK(notice_of(f, "recipe_1.csv").at("rows_quarantined") == 1);
}

TEST_CASE("preflight: central may ask for reports only, or for none", "[agent][preflight]") {
  EngineFixture f;
  f.central.preflight_stops = false;
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);  // central's reader takes it
  CHECK(notice_of(f, "recipe_1.csv").at("outcome") == "refused");

  f.central.settings = {{"preflight", "off"}};
  f.run_steps(30);
  f.put("recipe_2.csv", kGood);
  f.run_until_settled();
  CHECK(notice_of(f, "recipe_2.csv").is_null());
}

TEST_CASE("preflight: a file in parts is judged as one", "[agent][preflight]") {
  EngineFixture f;
  publish(f, {{"split_rows", 2}}, 2);
  f.run_steps(30);
  f.put("recipe_1.csv", "code\nA\nB\nC\nD\nE\n");
  f.run_until_settled();
  const std::vector<CentralModel::File> parts = f.central.files_of("recipe_1.csv");
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].offer.preflight.at("rows") == 5);
  CHECK(parts[1].offer.preflight.is_null());
  f.put("recipe_2.csv", "code\nA\nB\nC\nD,MARKER\nE\n");
  f.run_until_settled();
  CHECK(f.central.files_of("recipe_2.csv").size() == 1);  // nobody needs parts of it
  CHECK(file_of(f, "recipe_2.csv").state == FileState::kRefused);
}

TEST_CASE("preflight: rows set aside are kept for some months", "[agent][preflight]") {
  EngineFixture f;
  publish(f, {{"on_finding", {{"row-ragged", "quarantine_row"}}}}, 2);
  f.run_steps(30);
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  const auto report = LedgerReport::open(f.folder.path());
  const JobFile file = report->versions("recipe_1.csv").back();
  const std::filesystem::path kept =
      f.settings.state_folder / report->preflight(file.file_number)->quarantine_file;
  const std::int64_t made_ms = f.clock.now_ms();
  tidy_quarantine(f.files, f.settings.state_folder, made_ms + kQuarantineKeptMs - 60'000, true);
  CHECK(f.files.stat(kept));
  f.clock.advance(kQuarantineKeptMs + 60'000);
  f.restart();
  f.run_steps(5);
  CHECK_FALSE(f.files.stat(kept));
}

TEST_CASE("preflight: another reading of a file has a copy of its own", "[agent][preflight]") {
  EngineFixture f;
  publish(f, {{"on_finding", {{"row-ragged", "quarantine_row"}}}}, 2);
  f.run_steps(30);
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  const std::string kept = LedgerReport::open(f.folder.path())
                               ->preflight(file_of(f, "recipe_1.csv").file_number)
                               ->quarantine_file;
  f.put("recipe_1.csv", "code\nA1\nMARKER,8\nMARKER,9\n");
  f.run_until_settled();
  const auto report = LedgerReport::open(f.folder.path());
  const std::string other =
      report->preflight(file_of(f, "recipe_1.csv").file_number)->quarantine_file;
  CHECK(kept != other);
  CHECK(read_whole_file(f.files, f.settings.state_folder / kept, 1000) == "code\nMARKER,7\n");
  CHECK(read_whole_file(f.files, f.settings.state_folder / other, 1000) ==
        "code\nMARKER,8\nMARKER,9\n");
}

TEST_CASE("preflight: copies take no room that the ledger needs", "[agent][preflight]") {
  EngineFixture f;
  f.settings.reserve_bytes = std::int64_t{64} << 20;
  f.restart();
  publish(f, {{"on_finding", {{"row-ragged", "quarantine_row"}}}}, 2);
  f.run_steps(30);
  f.files.free_bytes_left = (std::uint64_t{64} << 20) + 1000;  // enough to take files in
  f.put("recipe_1.csv", kBad);
  f.run_until_settled();
  CHECK(file_of(f, "recipe_1.csv").state == FileState::kArchived);
  const auto report = LedgerReport::open(f.folder.path());
  CHECK(report->preflight(file_of(f, "recipe_1.csv").file_number)->quarantine_file.empty());
}

TEST_CASE("preflight: a report alone changes nothing of how a file is sent", "[agent][preflight]") {
  EngineFixture f;
  f.central.preflight_stops = false;
  f.central.settings = {{"preflight", "report"}};
  const json letter = {{"name", "code"}, {"to", "code"}, {"pattern", "[A-Z]"}};
  publish(f, {{"split_rows", 2}, {"columns", {letter}}}, 2);
  f.run_steps(30);
  f.put("recipe_1.csv", "code\nA\nB\nC\nMARKER\nE\n");
  f.run_until_settled();
  CHECK(f.central.files_of("recipe_1.csv").size() == 3);
}
