#include "central/standin/storage_error.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/log.h"
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
  throw StorageRefusal(storage_failure(code, message), code, replace_invalid_utf8(message));
}

void refuse_storage_of(const pg::PgError& error) {
  if (error.sqlstate() == "42501") {
    refuse_storage(kAccessDenied, "new row violates row-level security policy");
  }
  if (error.sqlstate() == "23505") {
    refuse_storage(kKeyAlreadyExists, "The resource already exists");
  }
  if (error.sqlstate() == "23503") refuse_storage(kNoSuchBucket, "Bucket not found");
  log_error(error);
  refuse_storage(kDatabaseError, error.message());
}

}  // namespace waybill::standin
