// ExportFolders: the export folder, with folders of history shown below it.
//
// Place:    agent/watch; a FileSystem for scanner, hasher and sender, so that a backfill is read,
//           settled, hashed and sent by the same code as tonight's files.
// Rule:     a shown folder appears as "waybill-backfill-<number>/" below the export folder. Real
//           things of such a name there are not looked at.
// Threads:  any may call; folders are shown and hidden by the engine's.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/file_system.h"

namespace waybill {

class ExportFolders final : public FileSystem {
 public:
  ExportFolders(FileSystem& below, std::filesystem::path export_folder);

  void show(std::int64_t backfill_number, const std::filesystem::path& folder);
  void hide(std::int64_t backfill_number);

  void walk(const std::filesystem::path& root, const std::function<void(const WalkEntry&)>& visit,
            const std::function<void(const std::string&)>& unreadable) override;
  [[nodiscard]] std::optional<FileStat> stat(const std::filesystem::path& path) override;
  [[nodiscard]] std::unique_ptr<ReadableFile> open(const std::filesystem::path& root,
                                                   const std::string& relative_path) override;
  [[nodiscard]] std::unique_ptr<StagedFile> stage(const std::filesystem::path& path,
                                                  FileMode mode) override;
  [[nodiscard]] std::unique_ptr<FileLock> try_lock(const std::filesystem::path& path) override;
  [[nodiscard]] bool is_private(const std::filesystem::path& path) override;
  /// History is only read: files of a shown folder are neither moved nor removed.
  [[nodiscard]] MoveOutcome move_out(const std::filesystem::path& root,
                                     const std::string& relative_path, const FileStat& expected,
                                     const std::filesystem::path& to) override;
  [[nodiscard]] bool remove_from(const std::filesystem::path& root,
                                 const std::string& relative_path,
                                 const FileStat& expected) override;
  void make_folders(const std::filesystem::path& path) override;
  void remove(const std::filesystem::path& path) override;
  bool set_aside(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void make_private(const std::filesystem::path& path) override;
  [[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path) override;

 private:
  struct Place {
    std::filesystem::path root;
    std::string relative_path;
  };
  [[nodiscard]] std::optional<Place> shown_place(const std::string& relative_path) const;
  [[nodiscard]] std::map<std::int64_t, std::filesystem::path> shown() const;

  FileSystem& below_;
  std::filesystem::path export_folder_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::filesystem::path> shown_;  // guarded by mutex_
};

/// "waybill-backfill-7"
[[nodiscard]] std::string backfill_prefix(std::int64_t backfill_number);

/// 7 for "waybill-backfill-7/2019/recipe.csv"; nothing for names of the export folder itself.
[[nodiscard]] std::optional<std::int64_t> backfill_number_of(const std::string& relative_path);

}  // namespace waybill
