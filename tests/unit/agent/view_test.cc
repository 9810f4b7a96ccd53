#include <catch2/catch.hpp>

#include "agent/cli/status_view.h"
#include "agent/cli/trace_view.h"
#include "core/printable.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

nlohmann::json status_of(EngineFixture& f, bool is_running = true,
                         const std::string& today = "2025-11-21") {
  const auto report = LedgerReport::open(f.folder.path());
  return status_json(*report, {is_running, today, f.clock.now_ms(), "0.1.0", "/export"});
}

}  // namespace

TEST_CASE("status: one line says whether today's delivery is complete", "[agent][status]") {
  EngineFixture f;
  CHECK(status_of(f)["today"]["verdict"] == "nothing_yet");
  f.put("recipe_1.csv", "code\n");
  f.engine->step();
  CHECK(status_of(f)["today"]["verdict"] == "under_way");
  REQUIRE(f.run_until_settled());
  const auto status = status_of(f);
  CHECK(status["today"]["verdict"] == "complete");
  const std::string text = status_text(status, f.clock.now_ms());
  CHECK(has(text, "Today's delivery 2025-11-21: 1 file: 1 done   [OK]"));
  CHECK(has(text, "The agent is running."));
  const auto tomorrow = status_of(f, false, "2025-11-22");
  CHECK(tomorrow["today"]["verdict"] == "nothing_yet");
  CHECK(has(status_text(tomorrow, f.clock.now_ms()), "THE AGENT IS NOT RUNNING"));
}

TEST_CASE("status: what is wrong is shown with code, place and way out", "[agent][status]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  f.put("readme.txt", "x");
  REQUIRE(f.run_until_settled());
  const auto status = status_of(f);
  CHECK(status["today"]["verdict"] == "attention");
  CHECK(status["problem_count"] == 2);
  const std::string text = status_text(status, f.clock.now_ms());
  CHECK(has(text, "[NEEDS ATTENTION]"));
  CHECK(has(text, "recipe_1.csv  [refused]"));
  CHECK(has(text, "WB-3002 a quote is not closed, row 4, column \"notes\""));
  CHECK(has(text, "What to do: Close the quoted field"));
  CHECK(has(text, "readme.txt  [unknown]"));
  CHECK(status["files"].size() == 2);
}

TEST_CASE("status: a problem that is solved by a newer version is no longer shown",
          "[agent][status]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  REQUIRE(f.run_until_settled());
  f.put("recipe_1.csv", "code\nMENDED\n");
  REQUIRE(f.run_until_settled());
  CHECK(status_of(f)["problem_count"] == 0);
  CHECK(status_of(f)["today"]["verdict"] == "complete");
}

TEST_CASE("status: trouble of last week stays listed but does not spoil today's delivery",
          "[agent][status]") {
  EngineFixture f;
  f.put("readme.txt", "x");
  f.run_steps(20);
  CHECK(status_of(f)["today"]["verdict"] == "attention");
  f.clock.advance(7 * 86'400'000LL);
  f.put("recipe_1.csv", "code\n");
  REQUIRE(f.run_until_settled());
  const auto status = status_of(f);
  CHECK(status["today"]["verdict"] == "complete");
  CHECK(status["problem_count"] == 1);
}

TEST_CASE("trace: a file's versions, events, rows and the bytes on disk are told",
          "[agent][trace]") {
  EngineFixture f;
  f.put("recipe_1.csv", "code\nBROKEN\n");
  REQUIRE(f.run_until_settled());
  f.put("recipe_1.csv", "code\nR\n");
  REQUIRE(f.run_until_settled());
  const auto report = LedgerReport::open(f.folder.path());
  const auto trace = trace_json(*report, "recipe_1.csv", OnDisk{7, sha256_hex("code\nR\n")});
  REQUIRE(trace["versions"].size() == 2);
  CHECK(trace["on_disk"]["version"] == 2);
  CHECK(trace["versions"][0]["problem"]["row"] == 4);
  CHECK(trace["versions"][1]["rows_staged"] == 2);
  const std::string text = trace_text(trace);
  CHECK(has(text, "the bytes of version 2"));
  CHECK(has(text, sha256_hex("code\nR\n")));
  CHECK(has(text, "2 rows staged into recipe"));
  CHECK(has(text, "what to do"));
  for (const char* event : {"discovered", "registered", "session_opened", "accepted", "verified"}) {
    CHECK(has(text, event));
  }
  const auto unseen = trace_json(*report, "other.csv", std::nullopt);
  CHECK(unseen["versions"].empty());
  CHECK(unseen["folder_state"].is_null());
}

// Goal:   people look at files, not at parts.
// Method: a file of three parts whose last is refused, beside a whole one.
TEST_CASE("status and trace: a file in parts is one file, with its parts below it",
          "[agent][status][trace][split]") {
  EngineFixture f;
  auto recipe = EngineFixture::spec("recipe");
  recipe["split_rows"] = 2;
  f.central.specs.specs[0] = {FileTag("recipe"), 2, recipe};
  f.central.specs.digest = "specs-2";
  f.run_steps(10);
  const std::string bytes = "code\nA\nB\nC\nD\nBROKEN\n";
  f.put("recipe_1.csv", bytes);
  f.put("recipe_2.csv", "code\nZ\n");
  REQUIRE(f.run_until_settled());
  const auto status = status_of(f);
  CHECK(status["counts"] == nlohmann::json{{"archived", 1}, {"refused", 1}});
  CHECK(status["deliveries"][0]["states"] == status["counts"]);
  CHECK(status["problem_count"] == 1);
  REQUIRE(status["problems"].size() == 1);
  CHECK(status["problems"][0]["relative_path"] == "recipe_1.csv");
  REQUIRE(status["files"].size() == 2);
  CHECK(status["files"][0]["state"] == "refused");
  CHECK(status["files"][0]["content_sha256"] == sha256_hex(bytes));
  CHECK(status["files"][0]["size_bytes"] == bytes.size());

  const auto report = LedgerReport::open(f.folder.path());
  const auto trace = trace_json(*report, "recipe_1.csv", OnDisk{20, sha256_hex(bytes)});
  CHECK(trace["on_disk"]["version"] == 1);
  REQUIRE(trace["versions"].size() == 1);
  const auto& version = trace["versions"][0];
  CHECK(version["state"] == "refused");
  REQUIRE(version["parts"].size() == 3);
  CHECK(version["parts"][0]["state"] == "archived");
  CHECK(version["parts"][2]["state"] == "refused");
  CHECK(version["parts"][1]["first_source_row"] == 3);
  CHECK(version["problem"]["code"] == "WB-3002");
  const std::string text = trace_text(trace);
  CHECK(has(text, "3 parts"));
  CHECK(has(text, "rows 3 to 4"));
  CHECK(has(text, "rows 5 on"));
}

TEST_CASE(
    "printable: what would forge a line or turn a name round is escaped, all else is as it is",
    "[agent][trace]") {
  CHECK(printable("recipe \xC3\xA9 \xF0\x9F\xA5\x90 back\\slash.csv") ==
        "recipe \xC3\xA9 \xF0\x9F\xA5\x90 back\\slash.csv");
  CHECK(printable("a\nb\\n\x1b[31m\x7f.csv") == "a\\nb\\\\n\\x1b[31m\\x7f.csv");
  CHECK(printable("\xE2\x80\xAEvsc.csv") == "\\u202evsc.csv");
  CHECK(printable("\xC2\x85next") == "\\u0085next");
  CHECK(printable("cut \xE2\x80") == "cut \xE2\x80");
}

TEST_CASE("trace: a name's control characters are escaped, and what cannot be read says why",
          "[agent][trace]") {
  LedgerFixture f;
  f.discover("recipe\n\x1b[2J.csv", "code\n");
  const auto report = LedgerReport::open(f.folder.path());
  OnDisk link;
  link.problem = {"WB-1306", "a link is on the way", {}};
  const auto trace = trace_json(*report, "recipe\n\x1b[2J.csv", link);
  CHECK(trace["relative_path"] == "recipe\n\x1b[2J.csv");  // exact, for programs
  CHECK(trace["on_disk"]["problem"]["code"] == "WB-1306");
  const std::string text = trace_text(trace);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.starts_with("recipe\\n\\x1b[2J.csv\n"));
  CHECK(text.find("WB-1306 not-a-regular-file: a link is on the way") != std::string::npos);
  CHECK(text.find("Version 1") != std::string::npos);
}
