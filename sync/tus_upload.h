// TusUpload: one file in chunks, going on where an earlier try broke off.
//
// Place:    sync; HttpUploader makes one for each upload of method TUS.
// Rule:     one chunk is in memory at a time, so what is sent again is byte for byte what was
//           hashed; the last one is complete only after the source has checked all. What storage
//           has is never guessed: after any doubt it is asked (HEAD). On a slow line it is also
//           asked before each chunk, so that none goes out only to find its token expired.
// Units:    *_bytes are octets, *_ms milliseconds.
// Docs:     docs/decisions/0012.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sync/http/http_client.h"
#include "sync/uploader.h"

namespace waybill {

/// Where an upload in chunks goes, and how it gets there.
struct TusEndpoint {
  HttpPort& http;
  const std::string& project_url;
  const std::string& publishable_key;
  /// Waits so long; false when the program is to end.
  const std::function<bool(std::int64_t ms)>& wait;
  const std::function<std::int64_t()>& steady_ms;
  const std::vector<std::int64_t>& retry_pauses_ms;  ///< before each try again, within one call
};

class TusUpload {
 public:
  TusUpload(TusEndpoint endpoint, const UploadRequest& upload, std::string token,
            const SessionListener& on_session);

  /// Sends what storage lacks of `source`. What the source throws comes out, nothing else; when it
  /// says that the file has changed (WB-1301), storage is told to forget the upload.
  UploadAnswer send(const ByteSource& source);

  /// Tells storage to forget the session. Best effort: what is left expires by itself.
  void drop();

 private:
  /// What is to be done next.
  enum class Next : std::uint8_t { kCreate, kAsk, kSend, kEnd };

  Next create();
  Next ask();
  Next send_chunk(const ByteSource& source);
  Next take_offset(std::int64_t offset_bytes);
  Next lost_session();
  Next trouble(UploadAnswer answer, Next again);
  Next end(UploadAnswer answer);
  Next refused(const HttpResponse& response, Next again);

  bool fill_chunk(const ByteSource& source);
  void skip_to(const ByteSource& source, std::int64_t offset_bytes);
  [[nodiscard]] HttpRequest request(const char* method, const std::string& url) const;
  /// Nothing when the exchange failed; then `failure_` says how.
  std::optional<HttpResponse> exchange(const HttpRequest& request);
  void forget_session();

  TusEndpoint endpoint_;
  const UploadRequest& upload_;
  std::string token_;
  const SessionListener& on_session_;
  UploadSession session_;
  std::vector<char> chunk_;  ///< bytes of the file from chunk_begin_bytes_
  std::int64_t chunk_begin_bytes_ = 0;
  std::int64_t read_bytes_ = 0;       ///< of the source so far
  std::int64_t taken_bytes_ = 0;      ///< by storage, in this call
  bool has_sent_end_ = false;         ///< the last chunk went out at least once
  std::int64_t heard_steady_ms_ = 0;  ///< when storage last took our token
  std::size_t troubles_ = 0;          ///< in a row, without a byte further
  std::size_t creations_ = 0;
  UploadAnswer failure_;
  UploadAnswer answer_;
};

}  // namespace waybill
