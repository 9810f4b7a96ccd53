// send_file: sends exactly the bytes that were hashed, or nothing that counts. A part streams from
// the partner's file, its header first; nothing is copied on his disk.
//
// Place:    agent/engine; runs on an upload thread. It touches no ledger.
// Rule:     the bytes are hashed again while they are sent, from the first on, also when storage
//           has some of them already. The last piece is held back until the hash and the open
//           file's state are as recorded; otherwise the transfer is broken off, and storage is told
//           to forget what it has of it.
#pragma once

#include <filesystem>

#include "core/file_system.h"
#include "core/ids.h"
#include "core/split/part_planner.h"
#include "sync/uploader.h"

namespace waybill {

struct SendTask {
  FileId file;
  std::string relative_path;
  FilePart part;  ///< which bytes of the file, and their hash
  bool is_part = false;
  std::int64_t mtime_ns = 0;
  wire::UploadTarget target;
  UploadSession session{};  ///< of an earlier try; url "" when there is none
  std::int64_t chunk_bytes = kUploadChunkBytes;
};

enum class SendEnd : std::uint8_t {
  kAccepted,
  kExists,
  kTargetExpired,
  kDeclined,
  kInterrupted,
  kChanged,     ///< the file is no longer what was hashed
  kRemoved,     ///< the file is no longer there
  kUnreadable,  ///< it is there, and we may not read it now
  kNotBegun,    ///< it waited for its turn until its target was too old
};

struct SendResult {
  FileId file;
  SendEnd end = SendEnd::kInterrupted;
  std::optional<wire::FileProblem> problem{};
  std::int64_t retry_after_ms = 0;
};

/// Never throws Error: every end is a value. `on_session` is told how far an upload in chunks is.
[[nodiscard]] SendResult send_file(FileSystem& files, const std::filesystem::path& root,
                                   const SendTask& task, Uploader& uploader,
                                   const SessionListener& on_session);

}  // namespace waybill
