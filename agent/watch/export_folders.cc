#include "agent/watch/export_folders.h"

#include <charconv>

#include "core/error.h"

namespace waybill {

namespace {
constexpr std::string_view kPrefix = "waybill-backfill-";
}

std::string backfill_prefix(std::int64_t backfill_number) {
  return std::string(kPrefix) + std::to_string(backfill_number);
}

std::optional<std::int64_t> backfill_number_of(const std::string& relative_path) {
  const std::size_t slash = relative_path.find('/');
  if (slash == std::string::npos || !relative_path.starts_with(kPrefix)) return std::nullopt;
  std::int64_t number = 0;
  const char* end = relative_path.data() + slash;
  const auto [stop, error] = std::from_chars(relative_path.data() + kPrefix.size(), end, number);
  if (error != std::errc() || stop != end || number <= 0) return std::nullopt;
  return number;
}

ExportFolders::ExportFolders(FileSystem& below, std::filesystem::path export_folder)
    : below_(below), export_folder_(std::move(export_folder)) {}

void ExportFolders::show(std::int64_t backfill_number, const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  shown_[backfill_number] = folder;
}

void ExportFolders::hide(std::int64_t backfill_number) {
  const std::lock_guard lock(mutex_);
  shown_.erase(backfill_number);
}

std::map<std::int64_t, std::filesystem::path> ExportFolders::shown() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

std::optional<ExportFolders::Place> ExportFolders::shown_place(
    const std::string& relative_path) const {
  const std::optional<std::int64_t> number = backfill_number_of(relative_path);
  if (!number) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = shown_.find(*number);
  if (found == shown_.end()) return std::nullopt;
  return Place{found->second, relative_path.substr(relative_path.find('/') + 1)};
}

void ExportFolders::walk(const std::filesystem::path& root,
                         const std::function<void(const WalkEntry&)>& visit,
                         const std::function<void(const std::string&)>& unreadable) {
  if (root != export_folder_) return below_.walk(root, visit, unreadable);
  below_.walk(
      root,
      [&](const WalkEntry& entry) {
        if (!backfill_number_of(entry.relative_path)) visit(entry);
      },
      unreadable);
  for (const auto& [number, folder] : shown()) {
    const std::string prefix = backfill_prefix(number);
    try {
      below_.walk(
          folder,
          [&](const WalkEntry& entry) {
            visit({prefix + "/" + entry.relative_path, entry.is_text, entry.stat});
          },
          [&](const std::string& inner) {
            if (unreadable) unreadable(prefix + "/" + inner);
          });
    } catch (const Error& error) {
      if (error.code().id != error_code::kFolderMissing.id) throw;
      if (unreadable) unreadable(prefix);  // what was seen of it is not judged gone
    }
  }
}

std::optional<FileStat> ExportFolders::stat(const std::filesystem::path& path) {
  const std::filesystem::path relative = path.lexically_relative(export_folder_);
  if (const auto place = shown_place(relative.generic_string())) {
    return below_.stat(place->root / place->relative_path);
  }
  return below_.stat(path);
}

std::unique_ptr<ReadableFile> ExportFolders::open(const std::filesystem::path& root,
                                                  const std::string& relative_path) {
  if (root == export_folder_) {
    if (const auto place = shown_place(relative_path)) {
      return below_.open(place->root, place->relative_path);
    }
  }
  return below_.open(root, relative_path);
}

std::unique_ptr<StagedFile> ExportFolders::stage(const std::filesystem::path& path, FileMode mode) {
  return below_.stage(path, mode);
}

std::unique_ptr<FileLock> ExportFolders::try_lock(const std::filesystem::path& path) {
  return below_.try_lock(path);
}

bool ExportFolders::is_private(const std::filesystem::path& path) {
  return below_.is_private(path);
}

MoveOutcome ExportFolders::move_out(const std::filesystem::path& root,
                                    const std::string& relative_path, const FileStat& expected,
                                    const std::filesystem::path& to) {
  if (shown_place(relative_path)) return MoveOutcome::kChanged;
  return below_.move_out(root, relative_path, expected, to);
}

bool ExportFolders::remove_from(const std::filesystem::path& root, const std::string& relative_path,
                                const FileStat& expected) {
  if (shown_place(relative_path)) return false;
  return below_.remove_from(root, relative_path, expected);
}

void ExportFolders::make_folders(const std::filesystem::path& path) { below_.make_folders(path); }

void ExportFolders::remove(const std::filesystem::path& path) { below_.remove(path); }

bool ExportFolders::set_aside(const std::filesystem::path& from, const std::filesystem::path& to) {
  return below_.set_aside(from, to);
}

void ExportFolders::make_private(const std::filesystem::path& path) { below_.make_private(path); }

std::optional<std::uint64_t> ExportFolders::free_bytes(const std::filesystem::path& path) {
  return below_.free_bytes(path);
}

}  // namespace waybill
