#include "central/standin/storage_error.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/utf8.h"

namespace waybill::standin {

namespace {

/// Older clients know only a few HTTP statuses, so the service hides the real one in the body.
int http_status_of(const StorageErrorCode& code) {
  if (code.status >= 500) return code.status;
  if (code.status == 404 && code.code == kNoSuchRoute.code) return 404;
  return code.status == 416 ? 416 : 400;
}

}  // namespace

Reply storage_failure(const StorageErrorCode& code, std::string_view message) {
  Reply reply;
  reply.status = http_status_of(code);
  reply.body = nlohmann::ordered_json{
      {"statusCode", std::to_string(code.status)},
      {"error", code.error},
      {"message", replace_invalid_utf8(message)},
      {"code",
       code.code}}.dump();
  return reply;
}

void refuse_storage(const StorageErrorCode& code, std::string_view message) {
  throw Refusal(storage_failure(code, message));
}

}  // namespace waybill::standin
