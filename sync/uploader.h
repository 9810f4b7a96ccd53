// Uploader: the port through which a file's bytes reach central's storage.
//
// Place:    sync; HttpUploader for programs, fakes in tests.
// Owner:    one upload thread each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

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
};

/// Fills up to `capacity` bytes; 0 at the end. May throw to abort the upload.
using ByteSource = std::function<std::size_t(char* into, std::size_t capacity)>;

class Uploader {
 public:
  virtual ~Uploader() = default;
  /// Sends exactly `size_bytes` of `source`. What the source throws comes out; nothing else does.
  virtual UploadAnswer put(const wire::UploadTarget& target, std::int64_t size_bytes,
                           const ByteSource& source) = 0;
};

}  // namespace waybill
