// FaultyFiles: the file system as the agent meets it on a bad day.
//
// Place:    tests/sim; over MemoryFileSystem, below the agent's ExportFolders.
#pragma once

#include <memory>
#include <utility>

#include "core/error.h"
#include "core/file_system.h"
#include "tests/sim/faults.h"

namespace waybill::sim {

class FaultyFiles final : public FileSystem {
 public:
  FaultyFiles(FileSystem& below, Faults& faults) : below_(below), faults_(faults) {}

  void walk(const std::filesystem::path& root, const std::function<void(const WalkEntry&)>& visit,
            const std::function<void(const std::string&)>& unreadable) override {
    strike("walk", error_code::kFolderMissing);
    bool breaks_off = faults_.strikes(faults_.weather.files, "walk, half way");
    below_.walk(
        root,
        [&](const WalkEntry& entry) {
          faults_.reach("visit");
          visit(entry);
          if (std::exchange(breaks_off, false)) {
            throw Error(error_code::kFolderMissing, "read folder", root.string(), "it went away");
          }
        },
        unreadable);
    ++walks;
  }
  std::optional<FileStat> stat(const std::filesystem::path& path) override {
    faults_.reach("stat");
    return below_.stat(path);
  }
  std::unique_ptr<ReadableFile> open(const std::filesystem::path& root,
                                     const std::string& relative_path) override {
    strike("open", error_code::kFileUnreadable);
    std::unique_ptr<ReadableFile> file = below_.open(root, relative_path);
    if (!file) return nullptr;
    return std::make_unique<FaultyFile>(std::move(file), faults_);
  }
  std::unique_ptr<StagedFile> stage(const std::filesystem::path& path, FileMode mode) override {
    strike("stage", error_code::kFileSystemFailed);
    return below_.stage(path, mode);
  }
  std::unique_ptr<FileLock> try_lock(const std::filesystem::path& path) override {
    faults_.reach("lock");
    return below_.try_lock(path);
  }
  MoveOutcome move_out(const std::filesystem::path& root, const std::string& relative_path,
                       const FileStat& expected, const std::filesystem::path& to) override {
    strike("move", error_code::kFileSystemFailed);
    const MoveOutcome out = below_.move_out(root, relative_path, expected, to);
    faults_.reach("move, done");
    return out;
  }
  bool remove_from(const std::filesystem::path& root, const std::string& relative_path,
                   const FileStat& expected) override {
    strike("remove", error_code::kFileSystemFailed);
    const bool out = below_.remove_from(root, relative_path, expected);
    faults_.reach("remove, done");
    return out;
  }
  bool is_private(const std::filesystem::path& path) override { return below_.is_private(path); }
  void make_folders(const std::filesystem::path& path) override { below_.make_folders(path); }
  void remove(const std::filesystem::path& path) override {
    strike("remove", error_code::kFileSystemFailed);
    below_.remove(path);
  }
  bool set_aside(const std::filesystem::path& from, const std::filesystem::path& to) override {
    strike("set aside", error_code::kFileSystemFailed);
    return below_.set_aside(from, to);
  }
  void make_private(const std::filesystem::path& path) override { below_.make_private(path); }
  std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path) override {
    faults_.reach("free bytes");
    return below_.free_bytes(path);
  }

  int walks = 0;  ///< that came to their end

 private:
  class FaultyFile final : public ReadableFile {
   public:
    FaultyFile(std::unique_ptr<ReadableFile> below, Faults& faults)
        : below_(std::move(below)), faults_(faults) {}
    std::size_t read(char* into, std::size_t capacity) override {
      faults_.reach("read");
      if (faults_.strikes(faults_.weather.files, "read")) {
        throw Error(error_code::kFileUnreadable, "read", "file", "input/output error");
      }
      return below_->read(into, capacity);
    }
    void seek(std::int64_t offset_bytes) override { below_->seek(offset_bytes); }
    [[nodiscard]] FileStat stat() const override { return below_->stat(); }

   private:
    std::unique_ptr<ReadableFile> below_;
    Faults& faults_;
  };

  void strike(const char* place, const ErrorCode& code) {
    faults_.reach(place);
    if (faults_.strikes(faults_.weather.files, place)) {
      throw Error(code, place, "file", "input/output error");
    }
  }

  FileSystem& below_;
  Faults& faults_;
};

}  // namespace waybill::sim
