// StorageClient: the worker's view of the Storage API: read an object or a range of it, look at it,
// move it, upload one, remove it.
//
// Place:    central/storage, over sync/http. All URLs and answers of the Storage API that the
//           central side needs are known here, nowhere else.
// Owner:    one worker thread, with the HttpClient it is given.
// Source:   /storage/v1/object/{authenticated,info,move}, POST and DELETE /storage/v1/object.
// Refusals come
//           as HTTP 400 with the real status and code in the JSON body, so the body decides.
// Errors:   WB-4001 the object is not there, WB-4004 try later (also when the line breaks or a stop
//           was requested), WB-4005 Storage refuses; StorageAccessRefused when that is about the
//           key or the bucket and so about every object. What a taker throws passes through. No
//           message holds the key.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "sync/http/http_client.h"

namespace waybill {

struct StorageOptions {
  std::string project_url;  ///< "https://abc.supabase.co", without a path
  std::string service_key;  ///< sb_secret_..., or a service_role JWT on older projects
};

/// What Storage knows of an object without reading it.
struct ObjectInfo {
  std::int64_t size_bytes = -1;  ///< -1: not told
  std::string etag;              ///< no dependable content hash
};

/// The key or the bucket is wrong: no object of ours can be reached, and no file is to blame.
class StorageAccessRefused : public Error {
 public:
  using Error::Error;
};

class StorageClient {
 public:
  /// `http` must outlive the client.
  StorageClient(HttpClient& http, StorageOptions options);

  /// Streams the object's bytes, in order, once. Throws WB-4001 before the first byte when it is
  /// not there. After a failure the taker may have seen a part.
  void read(const std::string& bucket, const std::string& path,
            const std::function<void(std::string_view)>& on_bytes);

  /// The same for the bytes from `begin` up to, not including, `end`: exactly those, or an Error.
  void read_range(const std::string& bucket, const std::string& path, std::int64_t begin,
                  std::int64_t end, const std::function<void(std::string_view)>& on_bytes);

  /// Fills up to `capacity` bytes and returns how many; asked until `size_bytes` have come.
  using Source = std::function<std::size_t(char* into, std::size_t capacity)>;

  /// Stores an object of exactly `size_bytes`; one that is there under this path is replaced, so
  /// the call may be repeated. What the source throws passes through, and nothing is stored then.
  /// The source must not use this client or its HttpClient.
  void upload(const std::string& bucket, const std::string& path, std::int64_t size_bytes,
              const Source& source);

  [[nodiscard]] std::optional<ObjectInfo> info(const std::string& bucket, const std::string& path);

  /// Moves within the bucket. Idempotent: a source that is gone with the target there is done, so
  /// a lost answer does no harm. WB-4001 when neither is there, WB-4005 when both are.
  void move(const std::string& bucket, const std::string& from, const std::string& to);

  /// Removes the object for good. Idempotent: one that is not there is removed.
  void remove(const std::string& bucket, const std::string& path);

 private:
  HttpResponse send(const HttpRequest& request, std::string_view operation,
                    const std::string& path);
  [[nodiscard]] HttpRequest request_for(std::string_view route, const std::string& bucket,
                                        const std::string& path) const;

  HttpClient& http_;
  StorageOptions options_;
};

}  // namespace waybill
