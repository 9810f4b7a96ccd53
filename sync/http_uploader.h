// HttpUploader: a signed PUT to the Storage API, with Content-Length.
//
// Place:    sync; over sync/http.
// Trap:     the Storage API answers nearly every error with HTTP 400 and puts the truth into the
//           body: {"statusCode":"409","error":...,"message":...} and, newer, "code".
#pragma once

#include <string>

#include "sync/http/http_client.h"
#include "sync/uploader.h"

namespace waybill {

class HttpUploader final : public Uploader {
 public:
  HttpUploader(std::string project_url, HttpOptions options);

  UploadAnswer send(const UploadRequest& request, const ByteSource& source,
                    const SessionListener& on_session) override;

 private:
  std::string project_url_;
  HttpClient http_;
};

/// What an answer of the Storage API means. Pure; `body` may be anything at all.
[[nodiscard]] UploadAnswer read_storage_answer(const HttpResponse& response);

}  // namespace waybill
