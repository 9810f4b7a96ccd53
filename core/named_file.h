// A file that a person has named on a command line.
//
// Place:    core; commands of both programs above, the port of the file system below.
// Errors:   WB-1313 when it is not there: trying again would not help, and no right is missing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "core/file_system.h"

namespace waybill {

/// Absolute; a relative path counts from the current folder. An empty one names no file.
[[nodiscard]] std::filesystem::path named_path(const std::filesystem::path& path);

/// `path` as named_path() gives it.
[[nodiscard]] std::unique_ptr<ReadableFile> open_named_file(FileSystem& files,
                                                            const std::filesystem::path& path);

/// The whole file, as read_whole_file().
[[nodiscard]] std::string read_named_file(FileSystem& files, const std::filesystem::path& path,
                                          std::size_t limit_bytes);

}  // namespace waybill
