// Storage's answers, and what they mean for an upload.
//
// Place:    sync; pure functions, used by the uploader's parts.
// Trap:     the Storage API answers nearly every error with HTTP 400 and puts the truth into the
//           body: {"statusCode":"409","error":...,"message":...} and, newer, "code".
#pragma once

#include <string>

#include "core/error.h"
#include "sync/http/http_client.h"
#include "sync/uploader.h"

namespace waybill {

/// What an answer to a signed PUT means. `body` may be anything at all.
[[nodiscard]] UploadAnswer read_storage_answer(const HttpResponse& response);

/// What an answer to a request for a signature means that is no success. Storage signs under a
/// policy that knows what we may send: when it says no, central is asked what became of the file.
[[nodiscard]] UploadAnswer read_signing_refusal(const HttpResponse& response);

/// Did the exchange itself fail, so that nobody knows what arrived?
[[nodiscard]] bool is_transport_failure(const Error& error);

/// No clear answer, because of `error`, which is_transport_failure().
[[nodiscard]] UploadAnswer interrupted_by(const Error& error);

[[nodiscard]] wire::FileProblem upload_problem(const ErrorCode& code, std::string message);

}  // namespace waybill
