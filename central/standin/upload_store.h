// UploadStore: resumable uploads in progress, as files that survive the process.
//
// Place:    central/standin; between tus_service.h and partial_file.h + object_store.h.
// Owner:    TusService. `uploads/` below the folder of the ObjectStore, whose lock covers it.
// Layout:   <version> holds the bytes, <version>.json what was said at creation. The version is a
//           UUID, part of the upload's URL, and becomes the object's version.
// Rule:     the offset is the size of the bytes' file and stands nowhere else, so no crash can make
//           it larger than what is there. One request at a time works on an upload
//           (upload_locks.h).
// Durable:  an upload that was answered with its URL survives power loss. Bytes reach the disk
//           (fsync) at the end of every request that sent some, and before an offset is told.
// Crash:    a file of bytes without its .json, from a crash in creation, goes at the next start.
//           After the last byte it is: bytes moved among the objects, then the object's row. A
//           crash in between leaves an upload that tells its full length and has no object yet;
//           PATCH with no bytes finishes it. Never is there a row without its bytes.
// Errors:   WB-1303 and WB-1310.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "central/standin/object_rows.h"
#include "central/standin/object_store.h"
#include "central/standin/partial_file.h"
#include "central/standin/tus_headers.h"
#include "core/file_system.h"

namespace waybill::standin {

struct Upload {
  enum class Bytes : std::uint8_t {
    kGrowing,  ///< in the upload's own file
    kInPlace,  ///< all there, and among the objects
    kGone,     ///< the object they had become was replaced or deleted
  };

  ObjectName name;
  std::string version;
  std::optional<std::int64_t> size_bytes;  ///< nothing while the client has not said it
  UploadMetadata metadata;
  std::int64_t created_at_ms = 0;
  Bytes bytes = Bytes::kGrowing;
  std::int64_t offset_bytes = 0;

  [[nodiscard]] bool has_all_bytes() const { return size_bytes && offset_bytes == *size_bytes; }
};

class UploadStore {
 public:
  /// Removes what a crash left in creation. Both arguments must outlive the store.
  UploadStore(FileSystem& files, ObjectStore& objects);

  /// Keeps the upload; its file is empty.
  void create(const Upload& upload);
  /// As it is on disk now, its bytes safe from power loss. Nothing for a version never seen.
  [[nodiscard]] std::optional<Upload> find(const std::string& version);
  void declare_size(const Upload& upload);
  /// To append to; nullptr unless the bytes are growing.
  [[nodiscard]] std::unique_ptr<PartialFile> open(const Upload& upload);
  /// Moves the bytes, which must be synced, among the objects under their version.
  void put_in_place(const Upload& upload);
  /// Bytes that grow, and the upload. What is among the objects stays.
  void remove(const std::string& version);

  /// Calls `visit` with the version of every upload created before `utc_ms`.
  void for_each_older_than(std::int64_t utc_ms,
                           const std::function<void(const std::string&)>& visit);

 private:
  [[nodiscard]] std::filesystem::path bytes_path(const std::string& version) const;
  [[nodiscard]] std::filesystem::path facts_path(const std::string& version) const;
  [[nodiscard]] std::optional<Upload> read_facts(const std::string& version);
  void write_facts(const Upload& upload);

  FileSystem& files_;
  ObjectStore& objects_;
  const std::filesystem::path folder_;
};

}  // namespace waybill::standin
