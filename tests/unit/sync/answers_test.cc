#include <catch2/catch.hpp>

#include "core/error.h"
#include "sync/central_error.h"
#include "sync/http_central_api.h"
#include "sync/storage_answer.h"

using namespace waybill;

namespace {

HttpResponse answer(int status, std::string body, HttpHeaders headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

std::string code_of(const HttpResponse& response) {
  try {
    throw_central_error("ingest_sync", response);
  } catch (const Error& error) {
    return std::string(error.code().id);
  }
}

}  // namespace

TEST_CASE("central's refusals: our own code is taken from the body, whatever the status",
          "[sync]") {
  CHECK(code_of(answer(401, R"({"code":"WB-2001","message":"m"})")) == "WB-2001");
  CHECK(code_of(answer(503, R"({"code":"WB-2106","message":"m"})")) == "WB-2106");
}

TEST_CASE("central's refusals: what is not ours is told by kind", "[sync]") {
  CHECK(code_of(answer(500, "")) == "WB-1202");
  CHECK(code_of(answer(504, "<html>gateway</html>")) == "WB-1202");
  CHECK(code_of(answer(429, "{}")) == "WB-1202");
  CHECK(code_of(answer(404, R"({"code":"PGRST202","message":"no function"})")) == "WB-1210");
  CHECK(code_of(answer(401, R"({"code":"PGRST301","message":"bad JWT"})")) == "WB-1210");
  CHECK(code_of(answer(401, R"({"message":"Invalid API key"})")) == "WB-1210");
  CHECK(code_of(answer(403, "<html>forbidden</html>")) == "WB-1210");
  CHECK(code_of(answer(302, "")) == "WB-1206");
  CHECK(code_of(answer(404, "<html>not found</html>")) == "WB-1206");
  CHECK(code_of(answer(400, R"({"code":"WB-9999","message":"from tomorrow"})")) == "WB-1210");
  CHECK(code_of(answer(400, R"({"code":7})")) == "WB-1206");
}

TEST_CASE("central's refusals: Retry-After in seconds is kept, other forms are left aside",
          "[sync]") {
  CHECK(retry_after_ms(answer(503, "", {{"retry-after", "30"}})) == 30'000);
  CHECK(retry_after_ms(answer(503, "", {{"retry-after", "999999999"}})) == 3'600'000);
  for (const char* text : {"", "-1", "soon", "Fri, 21 Nov 2025 05:00:00 GMT", "30s"}) {
    CHECK(retry_after_ms(answer(503, "", {{"retry-after", text}})) == 0);
  }
  try {
    throw_central_error("f", answer(503, "", {{"retry-after", "30"}}));
  } catch (const CentralError& error) {
    CHECK(error.retry_after_ms() == 30'000);
  }
}

TEST_CASE("storage's answers: the truth is in the body, not in the status", "[sync]") {
  const auto outcome = [](int status, const std::string& body) {
    return read_storage_answer(answer(status, body)).outcome;
  };
  CHECK(outcome(200, R"({"Key":"b/p"})") == UploadOutcome::kAccepted);
  CHECK(outcome(400, R"({"statusCode":"409","error":"Duplicate","message":"m"})") ==
        UploadOutcome::kExists);
  CHECK(outcome(400, R"({"statusCode":"409","code":"KeyAlreadyExists"})") ==
        UploadOutcome::kExists);
  CHECK(outcome(400, R"({"statusCode":"400","code":"InvalidJWT","error":"InvalidJWT"})") ==
        UploadOutcome::kTargetExpired);
  CHECK(outcome(400, R"({"statusCode":"400","error":"InvalidSignature"})") ==
        UploadOutcome::kTargetExpired);
  CHECK(outcome(400, R"({"statusCode":"413","code":"EntityTooLarge"})") ==
        UploadOutcome::kDeclined);
  CHECK(outcome(400, R"({"statusCode":"404","code":"NoSuchBucket"})") == UploadOutcome::kDeclined);
  CHECK(outcome(500, "oops") == UploadOutcome::kInterrupted);
  CHECK(outcome(502, "<html>") == UploadOutcome::kInterrupted);
  CHECK(outcome(400, "not json") == UploadOutcome::kDeclined);
}
