#include "core/file_system.h"

#include "core/error.h"

namespace waybill {

std::string read_whole_file(FileSystem& files, const std::filesystem::path& path,
                            std::size_t limit_bytes) {
  const auto file = files.open(path.parent_path(), path.filename().string());
  if (!file) throw Error(error_code::kFileUnreadable, "read", path.string(), "it is not there");
  std::string bytes;
  std::string buffer(std::min<std::size_t>(limit_bytes + 1, 64 * 1024), '\0');
  while (const std::size_t count = file->read(buffer.data(), buffer.size())) {
    bytes.append(buffer, 0, count);
    if (bytes.size() > limit_bytes) {
      throw Error(error_code::kFileUnreadable, "read", path.string(),
                  "it is larger than " + std::to_string(limit_bytes) + " bytes");
    }
  }
  return bytes;
}

void write_whole_file(FileSystem& files, const std::filesystem::path& path, std::string_view bytes,
                      FileMode mode) {
  const auto file = files.stage(path, mode);
  file->write(bytes);
  file->commit();
}

}  // namespace waybill
