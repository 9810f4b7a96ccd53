// ScratchFile: the content of one file, kept on disk until it has been read.
//
// Place:    central/channels; for what cannot be read front to back: databases and zip archives.
// Owner:    one channel. Removed when it is destroyed; what a killed process left is removed by the
//           next scratch file in the folder, since nobody holds its lock.
// Rule:     the content is an agency's: only the owner of the process may read the folder it is in.
// Errors:   WB-1310 when the folder cannot be used or the disk is full.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

#include "core/file_system.h"

namespace waybill {

class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& scratch_folder);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(std::string_view bytes);
  /// Everything written can be read at path() from now on.
  void finish_writing();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void check(const char* what) const;

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::unique_ptr<FileLock> lock_;
  std::ofstream file_;
};

}  // namespace waybill
