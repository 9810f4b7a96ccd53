#include "core/wire.h"

#include <catch2/catch.hpp>

#include "core/clock.h"
#include "core/error.h"

using namespace waybill;
using wire::Json;

namespace {

Json opened_file() {
  return Json::parse(R"({"index": 0, "job_file_id": "f1", "state": "awaiting_upload",
    "outcome": "upload", "duplicate_of": null, "error": null,
    "upload": {"method": "PUT", "bucket": "b", "path": "p", "url": "/storage/v1/x?token=t",
               "expires_at": "2026-11-21T05:00:00.000000Z"}})");
}

Json open_answer() {
  return {{"job_id", "j1"}, {"job_key", "k"}, {"state", "open"}, {"files", {opened_file()}}};
}

std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.code().id);
  }
  return "";
}

}  // namespace

TEST_CASE("wire: an answer of ingest_open_job is read, keys from the future are ignored",
          "[core][wire]") {
  Json body = open_answer();
  body["a_key_of_tomorrow"] = {1, 2};
  const wire::OpenJobAnswer answer = wire::parse_open_job_answer(body, 1);
  REQUIRE(answer.files.size() == 1);
  CHECK(answer.job_id.value == "j1");
  CHECK(answer.files[0].outcome == wire::OpenOutcome::kUpload);
  REQUIRE(answer.files[0].upload);
  CHECK(answer.files[0].upload->expires_at_ms == parse_utc("2026-11-21T05:00:00Z"));
}

// Goal:   whatever one key of the answer is turned into, the answer is refused, never misread.
// Method: remove each key we need, and give each a value of another type, one at a time.
TEST_CASE("wire: an answer that lacks a key we need or has it in another type is WB-1206",
          "[core][wire]") {
  for (const char* pointer :
       {"/job_id", "/state", "/files", "/files/0/index", "/files/0/job_file_id", "/files/0/state",
        "/files/0/outcome", "/files/0/upload", "/files/0/upload/method", "/files/0/upload/bucket",
        "/files/0/upload/path", "/files/0/upload/url", "/files/0/upload/expires_at"}) {
    const Json::json_pointer at(pointer);
    for (const Json& wrong : {Json(nullptr), Json(true), Json("later")}) {
      Json body = open_answer();
      if (body.at(at).is_string() && wrong.is_string() && at.back() != "outcome" &&
          at.back() != "url" && at.back() != "expires_at") {
        continue;  // text in place of text
      }
      body.at(at) = wrong;
      INFO(pointer << " = " << wrong);
      CHECK(code_of([&] { (void)wire::parse_open_job_answer(body, 1); }) == "WB-1206");
    }
  }
  CHECK(code_of([] { (void)wire::parse_open_job_answer(open_answer(), 2); }) == "WB-1206");
  CHECK(code_of([] { (void)wire::parse_open_job_answer(Json::array(), 0); }) == "WB-1206");
  CHECK(code_of([] { (void)wire::parse_sync_answer("<html>"); }) == "WB-1206");
}

TEST_CASE("wire: a message about a malformed answer names the key and never a value",
          "[core][wire]") {
  Json body = open_answer();
  body["files"][0]["upload"]["url"] = "https://elsewhere/?token=secret";
  try {
    (void)wire::parse_open_job_answer(body, 1);
    FAIL("an absolute url was taken");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
  }
}

TEST_CASE("wire: a sync answer carries changes, specs only when they are new, and errors whole",
          "[core][wire]") {
  const wire::SyncAnswer answer = wire::parse_sync_answer(Json::parse(R"({
    "server_time": "2026-11-21T05:00:00Z", "cursor": 7, "more": false, "file_specs": null,
    "settings": {"sync_interval_s": 15}, "commands": [],
    "changes": [{"seq": 7, "at": "2026-11-21T04:59:00Z", "job_file_id": "f1", "job_key": "k",
                 "relative_path": "a.csv", "content_sha256": "ab", "part_number": 1,
                 "state": "refused", "entity": "recipe", "rows_staged": null,
                 "error": {"code": "WB-3002", "message": "m", "row": 4, "column": "notes"}}]})"));
  CHECK(answer.cursor == 7);
  CHECK_FALSE(answer.file_specs);
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].rows_staged == -1);
  REQUIRE(answer.changes[0].error);
  CHECK(answer.changes[0].error->details["row"] == 4);
}

TEST_CASE("wire: a file central does not know is answered without a state", "[core][wire]") {
  const auto answers = wire::parse_file_answers(
      Json::parse(R"({"files": [{"job_file_id": "f1", "state": null, "upload": null,
                      "error": {"code": "WB-2104", "message": "no such file"}}]})"),
      "ingest_renew_uploads");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].state.empty());
  CHECK(answers[0].problem->code == "WB-2104");
}
