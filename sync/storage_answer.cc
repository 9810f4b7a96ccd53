#include "sync/storage_answer.h"

#include <nlohmann/json.hpp>

#include "sync/http_central_api.h"

namespace waybill {

namespace {

std::string text_at(const wire::Json& body, const char* key) {
  if (!body.is_object()) return "";
  const auto found = body.find(key);
  if (found == body.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// Storage's own status and code, which may differ from those of HTTP.
struct Said {
  std::string status;
  std::string code;
  [[nodiscard]] std::string sentence() const {
    return "storage answered " + status + (code.empty() ? "" : " " + code);
  }
};

Said said_by(const HttpResponse& response) {
  const wire::Json body = wire::Json::parse(response.body, nullptr, false);
  Said out;
  out.code = text_at(body, "code");
  if (out.code.empty()) out.code = text_at(body, "error");
  out.status = text_at(body, "statusCode");
  if (out.status.empty()) out.status = std::to_string(response.status);
  return out;
}

}  // namespace

wire::FileProblem upload_problem(const ErrorCode& code, std::string message) {
  return {std::string(code.id), std::move(message), wire::Json::object()};
}

UploadAnswer read_storage_answer(const HttpResponse& response) {
  if (response.is_success()) return {UploadOutcome::kAccepted};
  const std::int64_t pause_ms = retry_after_ms(response);
  const Said said = said_by(response);
  const std::string sentence = said.sentence();
  if (said.code == "KeyAlreadyExists" || said.code == "Duplicate" || said.status == "409") {
    return {UploadOutcome::kExists, upload_problem(error_code::kUploadExists, sentence), pause_ms};
  }
  if (said.code == "InvalidJWT" || said.code == "InvalidSignature" || said.status == "401") {
    return {UploadOutcome::kTargetExpired,
            upload_problem(error_code::kUploadTargetExpired, sentence), pause_ms};
  }
  if (response.status >= 500 || response.status == 429 || response.status == 408) {
    return {UploadOutcome::kInterrupted, upload_problem(error_code::kCentralUnavailable, sentence),
            pause_ms};
  }
  return {UploadOutcome::kDeclined, upload_problem(error_code::kUploadRefused, sentence), pause_ms};
}

UploadAnswer read_signing_refusal(const HttpResponse& response) {
  const Said said = said_by(response);
  if (said.code == "AccessDenied" || said.status == "403" || response.status == 403) {
    return {UploadOutcome::kInterrupted,
            upload_problem(error_code::kUploadRefused, said.sentence() + " instead of signing"),
            retry_after_ms(response)};
  }
  UploadAnswer answer = read_storage_answer(response);
  // There was no token yet that could have expired: it is our key that is not taken.
  if (answer.outcome == UploadOutcome::kTargetExpired) {
    answer = {UploadOutcome::kDeclined,
              upload_problem(error_code::kUploadRefused, said.sentence() + " instead of signing"),
              answer.retry_after_ms};
  }
  return answer;
}

bool is_transport_failure(const Error& error) {
  for (const ErrorCode* code :
       {&error_code::kUploadInterrupted, &error_code::kNetworkUnreachable, &error_code::kTlsFailed,
        &error_code::kAnswerNotUnderstood, &error_code::kProxyFailed}) {
    if (error.code().id == code->id) return true;
  }
  return false;
}

UploadAnswer interrupted_by(const Error& error) {
  return {UploadOutcome::kInterrupted, upload_problem(error.code(), error.cause())};
}

}  // namespace waybill
