// Errors of the Storage surface: HTTP 400 with the real code in the body, except 500.
//
// Place:    central/standin; the one list of codes that the stand-in's storage answers with.
// Source:   {"statusCode": "409", "error": "Duplicate", "code": "KeyAlreadyExists", "message":
// ...};
//           clients read `code`, older ones `error`.
// Rule:     a message holds no token and no query; a key is shown only to who sent it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "central/pg/connection.h"

#include "central/standin/exchange.h"

namespace waybill::standin {

struct StorageErrorCode {
  int status;              ///< what the body says; the HTTP status is 400, or 500 for 500
  std::string_view code;   ///< "KeyAlreadyExists"
  std::string_view error;  ///< the older name, "Duplicate"
};

inline constexpr StorageErrorCode kInvalidJwt{400, "InvalidJWT", "InvalidJWT"};
inline constexpr StorageErrorCode kInvalidSignature{400, "InvalidSignature", "InvalidSignature"};
inline constexpr StorageErrorCode kInvalidKey{400, "InvalidKey", "InvalidKey"};
inline constexpr StorageErrorCode kInvalidRequest{400, "InvalidRequest", "Error"};
inline constexpr StorageErrorCode kInvalidBucketName{400, "InvalidBucketName", "Invalid Input"};
inline constexpr StorageErrorCode kInvalidUploadId{400, "InvalidUploadId", "InvalidUploadId"};
inline constexpr StorageErrorCode kNoSuchBucket{404, "NoSuchBucket", "Bucket not found"};
inline constexpr StorageErrorCode kNoSuchKey{404, "NoSuchKey", "not_found"};
inline constexpr StorageErrorCode kNoSuchRoute{404, "NotFound", "Not Found"};
inline constexpr StorageErrorCode kKeyAlreadyExists{409, "KeyAlreadyExists", "Duplicate"};
inline constexpr StorageErrorCode kEntityTooLarge{413, "EntityTooLarge", "Payload too large"};
inline constexpr StorageErrorCode kInvalidMimeType{415, "InvalidMimeType", "invalid_mime_type"};
inline constexpr StorageErrorCode kInvalidRange{416, "InvalidRange", "invalid_range"};
inline constexpr StorageErrorCode kAccessDenied{403, "AccessDenied", "Unauthorized"};
inline constexpr StorageErrorCode kLockTimeout{503, "LockTimeout", "acquiring_lock_timeout"};
inline constexpr StorageErrorCode kDatabaseError{500, "DatabaseError", "DatabaseError"};
inline constexpr StorageErrorCode kInternalError{500, "InternalError", "InternalError"};

/// The refusal as the object routes send it; the resumable ones tell `code` and `message` their own
/// way (tus_service.h).
class StorageRefusal : public Refusal {
 public:
  StorageRefusal(Reply reply, const StorageErrorCode& code, std::string message)
      : Refusal(std::move(reply)), code_(code), message_(std::move(message)) {}
  [[nodiscard]] const StorageErrorCode& code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  StorageErrorCode code_;
  std::string message_;
};

[[nodiscard]] Reply storage_failure(const StorageErrorCode& code, std::string_view message);

[[noreturn]] void refuse_storage(const StorageErrorCode& code, std::string_view message);

/// What the database said no to, as the service tells it.
[[noreturn]] void refuse_storage_of(const pg::PgError& error);

}  // namespace waybill::standin
