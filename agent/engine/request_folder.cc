#include "agent/engine/request_folder.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {
constexpr std::size_t kRequestBytesMax = 64 * 1024;
constexpr std::string_view kSuffix = ".json";
}  // namespace

RequestFolder::RequestFolder(FileSystem& files, const std::filesystem::path& state_folder,
                             std::string kind)
    : files_(files), folder_(state_folder / (kind + "-requests")), kind_(std::move(kind)) {}

void RequestFolder::put(const std::string& request_id, const nlohmann::json& request) {
  files_.make_folders(folder_);
  write_whole_file(files_, folder_ / (request_id + std::string(kSuffix)), request.dump(2) + "\n",
                   FileMode::kPrivate);
}

void RequestFolder::take_all(const std::function<void(const nlohmann::json&)>& take) {
  if (!files_.stat(folder_)) return;
  std::vector<std::string> names;
  files_.walk(folder_,
              [&](const WalkEntry& entry) {
                // A request that is still being written has a hidden name.
                const bool is_request =
                    entry.relative_path.ends_with(kSuffix) && !entry.relative_path.starts_with('.');
                if (is_request && entry.stat.type == FileType::kRegular) {
                  names.push_back(entry.relative_path);
                }
              },
              {});
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    try {
      take(nlohmann::json::parse(read_whole_file(files_, folder_ / name, kRequestBytesMax)));
    } catch (const nlohmann::json::exception&) {
      log_error(Error(error_code::kConfigInvalid, "read " + kind_ + " request", name,
                      "it is not one; ask again"));
    }
    files_.remove(folder_ / name);
  }
}

}  // namespace waybill
