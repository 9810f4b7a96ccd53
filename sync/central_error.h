// CentralError: a refusal or failure that central itself reported.
//
// Place:    sync; thrown by CentralApi. Everything that matters to most callers is in Error.
#pragma once

#include "core/error.h"

namespace waybill {

class CentralError : public Error {
 public:
  CentralError(const ErrorCode& code, std::string_view operation, std::string_view subject,
               std::string_view cause, std::int64_t retry_after_ms)
      : Error(code, operation, subject, cause), retry_after_ms_(retry_after_ms) {}

  /// How long central asked us to stay away; 0 when it did not say.
  [[nodiscard]] std::int64_t retry_after_ms() const { return retry_after_ms_; }

 private:
  std::int64_t retry_after_ms_;
};

}  // namespace waybill
