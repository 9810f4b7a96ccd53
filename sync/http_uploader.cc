#include "sync/http_uploader.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "sync/storage_answer.h"

namespace waybill {

namespace {

constexpr std::int64_t kSignTimeoutMs = 30'000;
constexpr std::int64_t kWaitSliceMs = 50;  // how late a stop may be noticed

/// A token is put into an address or a header: nothing may stand in it that ends either.
bool is_token(const std::string& text) {
  return !text.empty() && text.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                              "wxyz0123456789-_.~+/=") == std::string::npos;
}

}  // namespace

HttpUploader::HttpUploader(CentralAddress address, std::unique_ptr<HttpPort> http,
                           UploaderSettings settings)
    : address_(std::move(address)), http_(std::move(http)), settings_(std::move(settings)) {}

UploadAnswer HttpUploader::send(const UploadRequest& upload, const ByteSource& source,
                                const SessionListener& on_session) {
  UploadRequest request = upload;
  if (!request.target.sign_url.empty()) {
    if (std::optional<UploadAnswer> refusal = sign(request.target)) return *std::move(refusal);
  }
  return request.target.method == wire::UploadMethod::kResumable
             ? TusUpload(endpoint(), request, request.target.token, on_session).send(source)
             : put(request, source);
}

void HttpUploader::drop(const UploadRequest& upload) {
  UploadRequest request = upload;
  if (!request.session || request.target.method != wire::UploadMethod::kResumable) return;
  if (!request.target.sign_url.empty() && sign(request.target)) return;
  TusUpload(endpoint(), request, request.target.token, [](const UploadSession&) {}).drop();
}

UploadAnswer HttpUploader::put(const UploadRequest& upload, const ByteSource& source) {
  HttpRequest request;
  request.method = "PUT";
  request.url = address_.project_url + upload.target.url;
  request.headers = {{"content-type", "application/octet-stream"}, {"x-upsert", "false"}};
  request.upload_source = source;
  request.upload_size_bytes = upload.size_bytes;
  request.timeout_ms = 0;  // large files take their time; a stall is noticed
  try {
    return read_storage_answer(http_->send(request));
  } catch (const Error& error) {
    if (!is_transport_failure(error)) throw;
    return interrupted_by(error);
  }
}

std::optional<UploadAnswer> HttpUploader::sign(wire::UploadTarget& target) {
  HttpRequest request;
  request.method = "POST";
  request.url = address_.project_url + target.sign_url;
  request.headers = {{"apikey", address_.publishable_key},
                     {"authorization", "Bearer " + address_.publishable_key},
                     {"x-agent-token", address_.agent_token},
                     {"content-type", "application/json"}};
  request.body = "{}";
  request.timeout_ms = kSignTimeoutMs;
  HttpResponse response;
  try {
    response = http_->send(request);
  } catch (const Error& error) {
    if (!is_transport_failure(error)) throw;
    return interrupted_by(error);
  }
  if (!response.is_success()) return read_signing_refusal(response);
  const wire::Json body = wire::Json::parse(response.body, nullptr, false);
  const bool is_told = body.is_object() && body.contains("token") && body["token"].is_string();
  std::string token = is_told ? body["token"].get<std::string>() : "";
  if (!is_token(token)) {
    return UploadAnswer{
        UploadOutcome::kDeclined,
        upload_problem(error_code::kAnswerNotUnderstood, "storage signed without giving a token")};
  }
  if (target.method == wire::UploadMethod::kPut) target.url += "?token=" + token;
  target.token = std::move(token);
  target.sign_url.clear();
  return std::nullopt;
}

TusEndpoint HttpUploader::endpoint() {
  return {*http_,         address_.project_url, address_.publishable_key,
          settings_.wait, settings_.steady_ms,  settings_.retry_pauses_ms};
}

bool wait_unless(const std::atomic<bool>& stop, std::int64_t ms) {
  for (; ms > 0 && !stop.load(); ms -= kWaitSliceMs) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(ms, kWaitSliceMs)));
  }
  return !stop.load();
}

}  // namespace waybill
