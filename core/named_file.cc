#include "core/named_file.h"

#include "core/error.h"

namespace waybill {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& path) {
  throw Error(error_code::kFileNotFound, "read", path.string(), "it is not there");
}

}  // namespace

std::filesystem::path named_path(const std::filesystem::path& path) {
  if (!path.empty()) return std::filesystem::absolute(path);
  throw Error(error_code::kFileNotFound, "find", "a file", "an empty name was given");
}

std::unique_ptr<ReadableFile> open_named_file(FileSystem& files,
                                              const std::filesystem::path& path) {
  auto file = files.open(path.parent_path(), path.filename().string());
  if (!file) refuse(path);
  return file;
}

std::string read_named_file(FileSystem& files, const std::filesystem::path& path,
                            std::size_t limit_bytes) {
  if (!files.stat(path)) refuse(path);
  return read_whole_file(files, path, limit_bytes);
}

}  // namespace waybill
