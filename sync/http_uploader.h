// HttpUploader: a file's bytes to the Storage API: one signed PUT, or TUS in chunks.
//
// Place:    sync; over sync/http. Central has signed the target, or Storage is asked to sign it
//           first: schema/PROPOSAL.md tells of both.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sync/http/http_client.h"
#include "sync/http_central_api.h"
#include "sync/tus_upload.h"
#include "sync/uploader.h"

namespace waybill {

struct UploaderSettings {
  /// Before each try again within one call; then the upload ends and the engine decides.
  std::vector<std::int64_t> retry_pauses_ms = {250, 1'000, 3'000};
  /// Waits so long; false when the program is to end.
  std::function<bool(std::int64_t ms)> wait = [](std::int64_t) { return true; };
  /// Time that only grows.
  std::function<std::int64_t()> steady_ms = [] { return std::int64_t{0}; };
};

class HttpUploader final : public Uploader {
 public:
  HttpUploader(CentralAddress address, std::unique_ptr<HttpPort> http, UploaderSettings settings);

  UploadAnswer send(const UploadRequest& request, const ByteSource& source,
                    const SessionListener& on_session) override;
  void drop(const UploadRequest& request) override;

 private:
  UploadAnswer put(const UploadRequest& request, const ByteSource& source);
  /// Has Storage sign the target when central has not; nothing when all is well.
  std::optional<UploadAnswer> sign(wire::UploadTarget& target);
  [[nodiscard]] TusEndpoint endpoint();

  CentralAddress address_;
  std::unique_ptr<HttpPort> http_;
  UploaderSettings settings_;
};

/// Waits in slices; ends early, and says false, when `stop` is set.
[[nodiscard]] bool wait_unless(const std::atomic<bool>& stop, std::int64_t ms);

}  // namespace waybill
