#include "sync/http_uploader.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "sync/http_central_api.h"

namespace waybill {

namespace {

wire::FileProblem problem(const ErrorCode& code, std::string message) {
  return {std::string(code.id), std::move(message), wire::Json::object()};
}

std::string text_at(const wire::Json& body, const char* key) {
  if (!body.is_object()) return "";
  const auto found = body.find(key);
  if (found == body.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

UploadAnswer read_storage_answer(const HttpResponse& response) {
  if (response.is_success()) return {UploadOutcome::kAccepted};
  const std::int64_t pause_ms = retry_after_ms(response);
  const wire::Json body = wire::Json::parse(response.body, nullptr, false);
  std::string code = text_at(body, "code");
  if (code.empty()) code = text_at(body, "error");
  const std::string status = body.is_object() && body.contains("statusCode")
                                 ? text_at(body, "statusCode")
                                 : std::to_string(response.status);
  const std::string said = "storage answered " + status + (code.empty() ? "" : " " + code);

  if (code == "KeyAlreadyExists" || code == "Duplicate" || status == "409") {
    return {UploadOutcome::kExists, problem(error_code::kUploadExists, said), pause_ms};
  }
  if (code == "InvalidJWT" || code == "InvalidSignature" || status == "401") {
    return {UploadOutcome::kTargetExpired, problem(error_code::kUploadTargetExpired, said),
            pause_ms};
  }
  if (response.status >= 500 || response.status == 429 || response.status == 408) {
    return {UploadOutcome::kInterrupted, problem(error_code::kCentralUnavailable, said), pause_ms};
  }
  return {UploadOutcome::kDeclined, problem(error_code::kUploadRefused, said), pause_ms};
}

HttpUploader::HttpUploader(std::string project_url, HttpOptions options)
    : project_url_(std::move(project_url)), http_(std::move(options)) {}

UploadAnswer HttpUploader::send(const UploadRequest& upload, const ByteSource& source,
                                const SessionListener& /*on_session*/) {
  HttpRequest request;
  request.method = "PUT";
  request.url = project_url_ + upload.target.url;
  request.headers = {{"content-type", "application/octet-stream"}, {"x-upsert", "false"}};
  request.upload_source = source;
  request.upload_size_bytes = upload.size_bytes;
  request.timeout_ms = 0;  // large files take their time; a stall is noticed
  try {
    return read_storage_answer(http_.send(request));
  } catch (const Error& error) {
    const bool is_transport = error.code().id == error_code::kUploadInterrupted.id ||
                              error.code().id == error_code::kNetworkUnreachable.id ||
                              error.code().id == error_code::kTlsFailed.id ||
                              error.code().id == error_code::kAnswerNotUnderstood.id;
    if (!is_transport) throw;
    return {UploadOutcome::kInterrupted, problem(error.code(), error.cause())};
  }
}

}  // namespace waybill
