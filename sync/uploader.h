// Uploader: the port through which a file's bytes reach central's storage.
//
// Place:    sync; HttpUploader for programs, fakes in tests.
// Owner:    one upload thread each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/wire.h"

namespace waybill {

enum class UploadOutcome : std::uint8_t {
  kAccepted,       ///< 2xx. Not a proof: central confirms
  kExists,         ///< something is there already: an earlier answer may have been lost; ask
  kTargetExpired,  ///< the token was refused and no byte taken: renew, then send again
  kDeclined,       ///< storage will not take it as things are (too large, no bucket): later
  kInterrupted,    ///< no clear answer: ask before sending again
};

struct [[nodiscard]] UploadAnswer {
  UploadOutcome outcome = UploadOutcome::kInterrupted;
  std::optional<wire::FileProblem> problem{};  ///< for every outcome but kAccepted
  std::int64_t retry_after_ms = 0;             ///< as storage asked; 0 when it did not
  std::int64_t taken_bytes = 0;                ///< by storage, in this call
};

/// An upload in chunks that storage has begun to take.
struct UploadSession {
  std::string url;  ///< relative to the project's URL; no token in it, yet never shown; "": none
  std::string object_path;        ///< the target's path that it belongs to
  std::int64_t offset_bytes = 0;  ///< storage had so many when we last heard

  bool operator==(const UploadSession&) const = default;
};

/// As hosted Supabase wants it; central's setting upload_chunk_bytes overrules it.
inline constexpr std::int64_t kUploadChunkBytes = 6 * 1024 * 1024;

struct UploadRequest {
  wire::UploadTarget target;
  std::int64_t size_bytes = 0;
  std::optional<UploadSession> session{};  ///< of an earlier try, to go on with
  std::int64_t chunk_bytes = kUploadChunkBytes;
};

/// Told when a session was begun, after each chunk, and (url "") when storage has none any more.
/// Called on the upload's thread.
using SessionListener = std::function<void(const UploadSession&)>;

/// Fills up to `capacity` bytes; 0 at the end. May throw to abort the upload.
using ByteSource = std::function<std::size_t(char* into, std::size_t capacity)>;

class Uploader {
 public:
  virtual ~Uploader() = default;
  /// Sends exactly `size_bytes` of `source`, which is read once, from its first byte: also what
  /// storage has already is read, so that the source can hash it. What the source throws comes out;
  /// nothing else does.
  virtual UploadAnswer send(const UploadRequest& request, const ByteSource& source,
                            const SessionListener& on_session) = 0;
  /// Tells storage that the rest of request.session will not come. Best effort.
  virtual void drop(const UploadRequest& request) = 0;
};

}  // namespace waybill
