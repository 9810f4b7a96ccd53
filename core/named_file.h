// A file that a person has named on a command line.
//
// Place:    core; commands of both programs above, the port of the file system below.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "core/file_system.h"

namespace waybill {

/// The whole file, as read_whole_file(); WB-1313 when it is not there: trying again would not help,
/// and no right is missing.
[[nodiscard]] std::string read_named_file(FileSystem& files, const std::filesystem::path& path,
                                          std::size_t limit_bytes);

}  // namespace waybill
