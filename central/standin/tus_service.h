// TusService: resumable uploads under /storage/v1/upload/resumable, as the Storage API speaks tus
// 1.0.0.
//
// Place:    central/standin; between server.h and upload_store.h + object_rows.h.
// Serves:   POST                     begin an upload (creation, creation-with-upload,
//                                    creation-defer-length)
//           HEAD, PATCH, DELETE <id>  where it stands, more bytes, give it up (termination)
//           OPTIONS                  what is spoken here
//           Below `sign` the header `x-signature` is an upload token and is checked on every
//           request; elsewhere the caller's role decides, by row security, on all but HEAD.
// Rule:     the id is base64url("bucket/key/version"). Location is absolute: the proxy's
//           X-Forwarded-Proto, -Host, -Port and -Prefix (what it cut off in front of /storage/v1)
//           go before what the request names.
// Answers:  real HTTP statuses with a line of text: 400 token, header or key; 403 a missing
//           Upload-Offset, or row security; 404 unknown; 409 another offset; 410 expired, or its
//           object is gone; 412 no Tus-Resumable; 413 too large; 503 somebody else works on it.
//           What the service says before it speaks tus is JSON under 400, as elsewhere: the
//           caller's JWT, and 415 for a body of another type.
// Durable:  upload_store.h. A finished upload has its object's row like a PUT.
// Traps:    kept as the real service has them: a signed upload overwrites an existing object also
//           when its token says upsert=false; checksums are ignored; a wrong protocol version is
//           400; an upload that was finished tells its offset until it expires; when the last
//           bytes arrived and the row was not written, HEAD tells the full length all the same.
// Errors:   Refusal, ClientGone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "central/pg/connection_pool.h"
#include "central/standin/caller.h"
#include "central/standin/exchange.h"
#include "central/standin/keys.h"
#include "central/standin/object_rows.h"
#include "central/standin/storage_service.h"
#include "central/standin/upload_locks.h"
#include "central/standin/upload_store.h"
#include "core/clock.h"

namespace waybill::standin {

struct TusOptions {
  std::int64_t upload_life_s = 86'400;
  std::int64_t sweep_interval_s = 600;
  /// Every body but the one with the last byte must have exactly this size, as hosted Supabase asks
  /// for in its documentation; 0 takes any.
  std::int64_t chunk_bytes = 0;
  UploadLockTimes lock_times{};
};

class TusService {
 public:
  /// Everything must outlive the service.
  struct Needs {
    pg::ConnectionPool& connections;
    ObjectStore& objects;
    UploadStore& uploads;
    const ProjectKeys& keys;
    const Clock& clock;
  };
  TusService(Needs needs, StorageLimits limits, TusOptions options)
      : needs_(needs), limits_(limits), options_(options), locks_(options.lock_times) {}

  /// `path` is what follows /storage/v1/upload/resumable, decoded: "", "/sign", "/sign/<id>", ...
  [[nodiscard]] Reply serve(std::string_view path, Request& request);

  /// Removes uploads that have outlived their URL; one that is being worked on waits.
  void sweep();

 private:
  /// One request, taken apart.
  struct Call {
    Request& request;
    bool is_signed = false;
    std::string id;                ///< as in the URL; empty when there is none
    std::optional<Caller> caller;  ///< of a call that is not signed
  };
  using Lock = std::unique_ptr<UploadLocks::Held>;

  [[nodiscard]] Reply answer(const Call& call);
  [[nodiscard]] Reply describe() const;
  [[nodiscard]] Reply create(const Call& call);
  [[nodiscard]] Reply tell_offset(const Call& call);
  [[nodiscard]] Reply append(const Call& call);
  [[nodiscard]] Reply terminate(const Call& call);

  /// Whose the object will be; empty when nobody's. A refusal when the call may not touch it.
  [[nodiscard]] std::string authorize(const Call& call, const Upload& upload);
  [[nodiscard]] Lock lock(const Call& call, const Upload& upload);
  [[nodiscard]] Upload upload_named(const Call& call) const;
  /// The upload as it is on disk, or 404, 410.
  [[nodiscard]] Upload find_on_disk(const Upload& named);
  [[nodiscard]] Upload find_alive(const Upload& named);
  [[nodiscard]] Bucket bucket_of(const Upload& upload);
  [[nodiscard]] std::int64_t size_limit_of(const Bucket& bucket) const;

  void declare_size(const Call& call, Upload& upload, std::int64_t limit_bytes);
  /// Takes the body in; true when it was read to its end and the client is still there.
  [[nodiscard]] bool take_bytes(const Call& call, Upload& upload, std::int64_t limit_bytes,
                                const UploadLocks::Held& lock);
  void finish(const Upload& upload, const std::string& owner);
  void add_expiry(const Upload& upload, Reply& reply) const;
  [[nodiscard]] std::string location_of(const Call& call, const Upload& upload) const;

  const Needs needs_;
  const StorageLimits limits_;
  const TusOptions options_;
  UploadLocks locks_;
};

}  // namespace waybill::standin
