#include "sync/http_central_api.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "sync/central_error.h"

namespace waybill {

namespace {

constexpr std::int64_t kCallTimeoutMs = 30'000;
constexpr std::size_t kCauseMax = 300;                // of central's own sentence, in a message
constexpr std::int64_t kRetryAfterMaxMs = 3'600'000;  // nobody may send us away for longer

std::string text_at(const wire::Json& body, const char* key) {
  if (!body.is_object()) return "";
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::int64_t retry_after_ms(const HttpResponse& response) {
  const std::string_view text = response.header("retry-after");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return 0;
  return std::min(seconds, kRetryAfterMaxMs / 1000) * 1000;
}

void throw_central_error(const std::string& function, const HttpResponse& response) {
  const wire::Json body = wire::Json::parse(response.body, nullptr, false);
  const std::string code = text_at(body, "code");
  const std::string said = text_at(body, "message").substr(0, kCauseMax);
  const std::string status = "HTTP " + std::to_string(response.status);
  const std::int64_t pause_ms = retry_after_ms(response);
  if (const ErrorCode* known = find_error_code(code)) {
    throw CentralError(*known, "call", function, said, pause_ms);
  }
  if (response.status >= 500 || response.status == 429 || response.status == 408) {
    throw CentralError(error_code::kCentralUnavailable, "call", function, status, pause_ms);
  }
  if (code.empty() && (response.status == 401 || response.status == 403)) {
    throw CentralError(error_code::kCallRefused, "call", function,
                       status + ": the gateway does not take the publishable_key", pause_ms);
  }
  if (code.empty()) {
    throw CentralError(error_code::kAnswerNotUnderstood, "call", function,
                       status + ", and the body is not the registry's", pause_ms);
  }
  throw CentralError(error_code::kCallRefused, "call", function, code + ": " + said, pause_ms);
}

HttpCentralApi::HttpCentralApi(CentralAddress address, HttpOptions options)
    : address_(std::move(address)), http_(std::move(options)) {}

wire::Json HttpCentralApi::call(const std::string& function, const wire::Json& arguments) {
  HttpRequest request;
  request.method = "POST";
  request.url = address_.project_url + "/rest/v1/rpc/" + function;
  request.headers = {{"apikey", address_.publishable_key},
                     {"content-type", "application/json"},
                     {"accept", "application/json"}};
  if (!address_.agent_token.empty()) {
    request.headers.emplace_back("x-agent-token", address_.agent_token);
  }
  request.body = arguments.dump(-1, ' ', false, wire::Json::error_handler_t::replace);
  request.timeout_ms = kCallTimeoutMs;
  const HttpResponse response = http_.send(request);
  if (!response.is_success()) throw_central_error(function, response);
  wire::Json answer = wire::Json::parse(response.body, nullptr, false);
  if (answer.is_discarded()) {
    throw Error(error_code::kAnswerNotUnderstood, "call", function, "the answer is not JSON");
  }
  return answer;
}

wire::EnrollAnswer HttpCentralApi::enroll(const wire::EnrollRequest& request) {
  return wire::parse_enroll_answer(call("ingest_enroll", wire::to_json(request)));
}

wire::OpenJobAnswer HttpCentralApi::open_job(const wire::OpenJobRequest& request) {
  return wire::parse_open_job_answer(call("ingest_open_job", wire::to_json(request)),
                                     request.files.size());
}

std::vector<wire::FileAnswer> HttpCentralApi::renew_uploads(const std::vector<JobFileId>& files) {
  return wire::parse_file_answers(call("ingest_renew_uploads", wire::renew_request(files)),
                                  "ingest_renew_uploads");
}

std::vector<wire::FileAnswer> HttpCentralApi::confirm_uploads(
    const std::vector<wire::ConfirmedFile>& files) {
  return wire::parse_file_answers(call("ingest_confirm_uploads", wire::confirm_request(files)),
                                  "ingest_confirm_uploads");
}

std::vector<wire::FileAnswer> HttpCentralApi::withdraw_files(
    const std::vector<wire::WithdrawnFile>& files) {
  return wire::parse_file_answers(call("ingest_withdraw_files", wire::withdraw_request(files)),
                                  "ingest_withdraw_files");
}

wire::CloseJobAnswer HttpCentralApi::close_job(const JobKey& job_key, const std::string& reason) {
  return wire::parse_close_job_answer(
      call("ingest_close_job", {{"job_key", job_key.value}, {"reason", reason}}));
}

wire::SyncAnswer HttpCentralApi::sync(const wire::SyncRequest& request) {
  return wire::parse_sync_answer(call("ingest_sync", wire::to_json(request)));
}

wire::InventoryAnswer HttpCentralApi::inventory(std::int64_t after) {
  return wire::parse_inventory_answer(call("ingest_inventory", {{"after", after}}));
}

}  // namespace waybill
