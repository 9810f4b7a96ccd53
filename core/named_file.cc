#include "core/named_file.h"

#include "core/error.h"

namespace waybill {

std::string read_named_file(FileSystem& files, const std::filesystem::path& path,
                            std::size_t limit_bytes) {
  if (files.stat(path)) return read_whole_file(files, path, limit_bytes);
  throw Error(error_code::kFileNotFound, "read", path.string(), "it is not there");
}

}  // namespace waybill
