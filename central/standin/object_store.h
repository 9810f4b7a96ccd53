// ObjectStore: the bytes of stored objects, one file a version.
//
// Place:    central/standin, above core/file_system.h. Names and metadata are rows of
//           storage.objects (object_rows.h); a file knows only its version.
// Owner:    StorageService. One store uses a folder at a time; a second one is refused (WB-5006).
// Durable:  a committed file survives power loss before its row is written. A crash in between
//           leaves a file without a row, never a row without its file.
// Errors:   WB-1303 and WB-1310 from the file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_system.h"

namespace waybill::standin {

class ObjectStore {
 public:
  /// Makes the folder when missing and removes what an earlier crash left half-written.
  ObjectStore(FileSystem& files, std::filesystem::path folder);

  /// Starts the file of a new version (a UUID); nothing is seen until commit().
  [[nodiscard]] std::unique_ptr<StagedFile> begin(const std::string& version);

  /// nullptr when the version's file is not there.
  [[nodiscard]] std::unique_ptr<ReadableFile> open(const std::string& version);

  void remove(const std::string& version);

  /// Bytes stored of a version, or nothing when its file is not there.
  [[nodiscard]] std::optional<std::int64_t> size_bytes(const std::string& version);

  /// Makes a finished file of this folder's disk the file of `version`. Survives power loss when
  /// the file's bytes do.
  void adopt(const std::filesystem::path& path, const std::string& version);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// Has the text the form of a version, a lower-case UUID?
  [[nodiscard]] static bool is_version(std::string_view text);

 private:
  [[nodiscard]] static std::string relative_path(const std::string& version);

  FileSystem& files_;
  std::filesystem::path folder_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace waybill::standin
