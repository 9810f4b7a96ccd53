#include "central/standin/object_store.h"

#include <utility>
#include <vector>

#include "core/error.h"

namespace waybill::standin {

namespace {

constexpr const char* kLockName = "standin.lock";

/// A staged file that was never committed: its name starts with a dot.
bool is_leftover(const std::string& relative_path) {
  const std::size_t slash = relative_path.rfind('/');
  return relative_path[slash == std::string::npos ? 0 : slash + 1] == '.';
}

}  // namespace

ObjectStore::ObjectStore(FileSystem& files, std::filesystem::path folder)
    : files_(files), folder_(std::move(folder)) {
  files_.make_folders(folder_);
  lock_ = files_.try_lock(folder_ / kLockName);
  if (!lock_) {
    throw Error(error_code::kCentralConfigInvalid, "open the objects folder", folder_.string(),
                "another stand-in uses it");
  }
  std::vector<std::string> leftovers;
  files_.walk(
      folder_,
      [&](const WalkEntry& entry) {
        if (entry.stat.type == FileType::kRegular && is_leftover(entry.relative_path)) {
          leftovers.push_back(entry.relative_path);
        }
      },
      nullptr);
  for (const std::string& path : leftovers) files_.remove(folder_ / path);
}

bool ObjectStore::is_version(std::string_view text) {
  constexpr std::size_t kUuidLength = 36;
  return text.size() == kUuidLength &&
         text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

std::string ObjectStore::relative_path(const std::string& version) {
  // A version comes from a database row: make sure that it can only name a file of ours.
  if (!is_version(version)) {
    throw Error(error_code::kInternal, "find an object's file", "", "its version is no UUID");
  }
  return version.substr(0, 2) + "/" + version;
}

std::unique_ptr<StagedFile> ObjectStore::begin(const std::string& version) {
  return files_.stage(folder_ / relative_path(version), FileMode::kPrivate);
}

std::unique_ptr<ReadableFile> ObjectStore::open(const std::string& version) {
  return files_.open(folder_, relative_path(version));
}

void ObjectStore::remove(const std::string& version) {
  files_.remove(folder_ / relative_path(version));
}

std::optional<std::int64_t> ObjectStore::size_bytes(const std::string& version) {
  const std::optional<FileStat> stat = files_.stat(folder_ / relative_path(version));
  if (!stat) return std::nullopt;
  return static_cast<std::int64_t>(stat->size_bytes);
}

void ObjectStore::adopt(const std::filesystem::path& path, const std::string& version) {
  const std::filesystem::path place = folder_ / relative_path(version);
  files_.make_folders(place.parent_path());
  if (!files_.set_aside(path, place)) {
    throw Error(error_code::kFileSystemFailed, "put an upload in place", path.string(),
                "it is not there any more");
  }
}

}  // namespace waybill::standin
