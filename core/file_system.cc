#include "core/file_system.h"

#include "core/ascii.h"
#include "core/error.h"

namespace waybill {

std::string read_whole_file(FileSystem& files, const std::filesystem::path& path,
                            std::size_t limit_bytes) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const auto file = files.open(folder, path.filename().string());
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

bool is_staged_name(std::string_view relative_path) {
  constexpr std::size_t kUuidSize = 36;
  const std::string_view base = relative_path.substr(relative_path.rfind('/') + 1);
  if (base.size() < kUuidSize + 3 || base.front() != '.') return false;
  const std::string_view uuid = base.substr(base.size() - kUuidSize);
  if (base[base.size() - kUuidSize - 1] != '.') return false;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex = is_ascii_digit(uuid[i]) || (uuid[i] >= 'a' && uuid[i] <= 'f');
    if (is_dash ? uuid[i] != '-' : !is_hex) return false;
  }
  return true;
}

}  // namespace waybill
