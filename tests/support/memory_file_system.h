// MemoryFileSystem: the FileSystem port in memory, with an exporter's hand on it.
//
// Place:    tests/support; tests/contract holds that it keeps the same promises as the real one.
// Beyond the port: write, append, rename, link, forbid and touch, as partners' programs do them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/utf8.h"

namespace waybill {

class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(const Clock& clock) : clock_(clock) {}

  // ---- what others do to the files

  /// Creates or rewrites the file in place.
  void write(const std::filesystem::path& path, const std::string& bytes,
             FileMode mode = FileMode::kShared) {
    make_folders(path.parent_path());
    std::shared_ptr<Node>& node = nodes_[path.string()];
    if (!node || node->type != FileType::kRegular) node = new_node(FileType::kRegular);
    node->bytes = bytes;
    node->mtime_ns = node->change_ns = tick();
    node->is_private = mode == FileMode::kPrivate;
  }
  void append(const std::filesystem::path& path, const std::string& bytes) {
    Node& node = *nodes_.at(path.string());
    node.bytes += bytes;
    node.mtime_ns = node.change_ns = tick();
  }
  /// Rewrites bytes without moving size or time, not even the change time: a disk that lies.
  void tamper(const std::filesystem::path& path, const std::string& bytes) {
    nodes_.at(path.string())->bytes = bytes;
  }
  /// Rewrites bytes and sets the old time again, as a program may; the change time it cannot set.
  void rewrite_keeping_time(const std::filesystem::path& path, const std::string& bytes) {
    tamper(path, bytes);
    change_rights(path);
  }
  void touch(const std::filesystem::path& path, std::int64_t mtime_ns) {
    Node& node = *nodes_.at(path.string());
    node.mtime_ns = mtime_ns;
    node.change_ns = tick();
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) {
    make_folders(to.parent_path());
    const auto node = nodes_.at(from.string());
    nodes_.erase(from.string());
    nodes_[to.string()] = node;
    node->change_ns = tick();
  }
  /// The system gives the number of a file that is gone to this one.
  void reuse_number(const std::filesystem::path& path, const std::string& file_id) {
    nodes_.at(path.string())->number = std::stoull(file_id.substr(file_id.find(':') + 1));
  }
  /// New rights: nothing but the change time moves.
  void change_rights(const std::filesystem::path& path) {
    nodes_.at(path.string())->change_ns = tick();
  }
  void link(const std::filesystem::path& path) {
    make_folders(path.parent_path());
    nodes_[path.string()] = new_node(FileType::kLink);
  }
  /// From now on (or no longer) nobody may read the file or folder.
  void forbid(const std::filesystem::path& path, bool is_forbidden = true) {
    if (is_forbidden) {
      forbidden_.insert(path.string());
    } else {
      forbidden_.erase(path.string());
    }
  }
  /// The share is not mounted: the folder and all below it are away until it comes back.
  void take_away(const std::filesystem::path& folder) { away_.insert(folder.string()); }
  void bring_back(const std::filesystem::path& folder) { away_.erase(folder.string()); }
  /// Another file system takes the folder's place (or gives it back): with `device` in all its
  /// identities, and with what it held before when it was this device.
  void mount_over(const std::filesystem::path& folder, int device) {
    const std::string prefix = folder.string() + "/";
    auto& stored = unmounted_[device_];
    for (auto at = nodes_.begin(); at != nodes_.end();) {
      const bool is_below = at->first.starts_with(prefix);
      if (is_below) stored.insert(*at);
      at = is_below ? nodes_.erase(at) : std::next(at);
    }
    device_ = device;
    nodes_.merge(unmounted_[device]);
    unmounted_.erase(device);
  }
  /// The same files under other numbers: a share that was mounted again, a disk restored.
  void renumber(int device) {
    device_ = device;
    for (auto& [path, node] : nodes_) node->number = ++last_number_;
  }
  /// The folder lies on another disk: nothing can be renamed into it.
  void mount(const std::filesystem::path& folder) { other_volume_ = folder; }
  /// The folder is read-only for us: nothing can be moved or removed from it.
  void write_protect(const std::filesystem::path& folder, bool is_protected = true) {
    protected_ = is_protected ? folder.string() + "/" : "";
  }
  /// Called before each read of an open file with its path below the root.
  std::function<void(const std::string& relative_path)> on_read{};
  /// Called before a file is begun; what it throws goes out, as from a disk that is full.
  std::function<void(const std::filesystem::path&)> on_stage{};
  [[nodiscard]] std::size_t open_count() const { return open_count_; }  ///< files opened so far

  // ---- the port

  void walk(const std::filesystem::path& root, const std::function<void(const WalkEntry&)>& visit,
            const std::function<void(const std::string&)>& unreadable) override {
    if (!is_folder(root)) {
      throw Error(error_code::kFolderMissing, "open folder", root.string(), "it is not there");
    }
    if (forbidden_.contains(root.string())) {
      throw Error(error_code::kFileUnreadable, "open folder", root.string(), "permission denied");
    }
    const std::string prefix = root.string() + "/";
    for (const std::string& folder : forbidden_) {
      if (folder.starts_with(prefix) && folders_.contains(folder) && unreadable) {
        unreadable(folder.substr(prefix.size()));
      }
    }
    std::set<std::string> deep;
    const auto nodes = nodes_;  // what vanishes while visiting is visited or not: both are allowed
    for (const auto& [path, node] : nodes) {
      if (!path.starts_with(prefix) || is_below_forbidden(path, prefix)) continue;
      const std::string name = path.substr(prefix.size());
      const bool is_text = is_valid_utf8(name);
      if (const auto folder = too_deep_folder(name)) {
        if (deep.insert(*folder).second) visit({*folder, true, folder_stat(root / *folder)});
        continue;
      }
      visit({is_text ? name : replace_invalid_utf8(name), is_text, stat_of(*node)});
    }
  }

  std::optional<FileStat> stat(const std::filesystem::path& asked) override {
    const std::filesystem::path path = asked.filename() == "." ? asked.parent_path() : asked;
    if (is_away(path)) return std::nullopt;
    const auto found = nodes_.find(path.string());
    if (found != nodes_.end()) return stat_of(*found->second);
    if (!folders_.contains(path.string())) return std::nullopt;
    return folder_stat(path);
  }

  std::unique_ptr<ReadableFile> open(const std::filesystem::path& root,
                                     const std::string& relative_path) override {
    const std::filesystem::path path = root / relative_path;
    ++open_count_;
    if (is_away(path)) return nullptr;
    for (auto at = path.parent_path(); at != root && at != at.root_path(); at = at.parent_path()) {
      const auto link = nodes_.find(at.string());
      if (link != nodes_.end() && link->second->type == FileType::kLink) {
        throw Error(error_code::kNotARegularFile, "open", relative_path, "a link is on the way");
      }
    }
    const auto found = nodes_.find(path.string());
    if (found == nodes_.end()) {
      if (!folders_.contains(path.string())) return nullptr;
      throw Error(error_code::kNotARegularFile, "open", relative_path, "it is not a regular file");
    }
    if (found->second->type != FileType::kRegular) {
      throw Error(error_code::kNotARegularFile, "open", relative_path, "it is not a regular file");
    }
    if (forbidden_.contains(path.string())) {
      throw Error(error_code::kFileUnreadable, "open", relative_path, "permission denied");
    }
    return std::make_unique<OpenFile>(*this, found->second, relative_path);
  }

  std::unique_ptr<StagedFile> stage(const std::filesystem::path& path, FileMode mode) override {
    if (on_stage) on_stage(path);
    make_folders(path.parent_path());
    return std::make_unique<Staged>(*this, path, mode);
  }

  std::unique_ptr<FileLock> try_lock(const std::filesystem::path& path) override {
    if (!locked_->insert(path.string()).second) return nullptr;
    return std::make_unique<Lock>(locked_, path.string());
  }

  MoveOutcome move_out(const std::filesystem::path& root, const std::string& relative_path,
                       const FileStat& expected, const std::filesystem::path& to) override {
    const std::filesystem::path from = root / relative_path;
    refuse_forbidden("move", from);
    if (stat(from) != expected) return MoveOutcome::kChanged;
    if (nodes_.contains(to.string()) || folders_.contains(to.string())) return MoveOutcome::kExists;
    make_folders(to.parent_path());
    if (other_volume_.has_value() && to.string().starts_with(other_volume_->string())) {
      return MoveOutcome::kOtherVolume;
    }
    rename(from, to);
    return MoveOutcome::kMoved;
  }

  bool remove_from(const std::filesystem::path& root, const std::string& relative_path,
                   const FileStat& expected) override {
    const std::filesystem::path path = root / relative_path;
    refuse_forbidden("remove", path);
    if (stat(path) != expected) return false;
    nodes_.erase(path.string());
    return true;
  }

  bool is_private(const std::filesystem::path& path) override {
    const auto found = nodes_.find(path.string());
    if (found == nodes_.end()) {
      throw Error(error_code::kFileUnreadable, "stat", path.string(), "it is not there");
    }
    return found->second->is_private;
  }

  void make_folders(const std::filesystem::path& path) override {
    for (auto at = path; !at.empty() && at != at.root_path(); at = at.parent_path()) {
      folders_.insert(at.string());
    }
  }

  void remove(const std::filesystem::path& path) override { nodes_.erase(path.string()); }
  bool set_aside(const std::filesystem::path& from, const std::filesystem::path& to) override {
    const auto found = nodes_.find(from.string());
    if (found == nodes_.end()) return false;
    if (nodes_.contains(to.string())) {
      throw Error(error_code::kFileSystemFailed, "rename", from.string(), "the new name is taken");
    }
    nodes_[to.string()] = found->second;
    nodes_.erase(from.string());
    return true;
  }
  void make_private(const std::filesystem::path& path) override {
    const auto found = nodes_.find(path.string());
    if (found != nodes_.end()) found->second->is_private = true;
  }
  std::optional<std::uint64_t> free_bytes(const std::filesystem::path& /*path*/) override {
    return free_bytes_left;
  }
  bool keeps_change_time = true;  ///< false: as on shares and disks that keep none
  std::optional<std::uint64_t> free_bytes_left = std::uint64_t{1} << 40;  ///< as free_bytes() says

 private:
  struct Node {
    FileType type = FileType::kRegular;
    std::string bytes;
    std::int64_t mtime_ns = 0;
    std::int64_t change_ns = 0;
    std::uint64_t number = 0;
    bool is_private = false;
  };

  class OpenFile final : public ReadableFile {
   public:
    OpenFile(MemoryFileSystem& files, std::shared_ptr<Node> node, std::string relative_path)
        : files_(files), node_(std::move(node)), relative_path_(std::move(relative_path)) {}
    std::size_t read(char* into, std::size_t capacity) override {
      if (files_.on_read) files_.on_read(relative_path_);
      const std::size_t left = at_ < node_->bytes.size() ? node_->bytes.size() - at_ : 0;
      const std::size_t count = std::min(left, capacity);
      std::copy_n(node_->bytes.data() + at_, count, into);
      at_ += count;
      return count;
    }
    void seek(std::int64_t offset_bytes) override { at_ = static_cast<std::size_t>(offset_bytes); }
    [[nodiscard]] FileStat stat() const override { return files_.stat_of(*node_); }

   private:
    MemoryFileSystem& files_;
    std::shared_ptr<Node> node_;  // stays readable when the name goes, as on a real disk
    std::string relative_path_;
    std::size_t at_ = 0;
  };

  class Staged final : public StagedFile {
   public:
    Staged(MemoryFileSystem& files, std::filesystem::path path, FileMode mode)
        : files_(files), path_(std::move(path)), mode_(mode) {}
    void write(std::string_view bytes) override { bytes_ += bytes; }
    void commit() override {
      files_.nodes_.erase(path_.string());  // renamed into place: another file, not a rewrite
      files_.write(path_, bytes_, mode_);
    }

   private:
    MemoryFileSystem& files_;
    std::filesystem::path path_;
    FileMode mode_;
    std::string bytes_;
  };

  class Lock final : public FileLock {
   public:
    Lock(std::shared_ptr<std::set<std::string>> locked, std::string path)
        : locked_(std::move(locked)), path_(std::move(path)) {}
    ~Lock() override { locked_->erase(path_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    std::shared_ptr<std::set<std::string>> locked_;
    std::string path_;
  };

  void refuse_forbidden(const char* operation, const std::filesystem::path& path) const {
    if (protected_.empty() || !path.string().starts_with(protected_)) return;
    throw Error(error_code::kFileSystemFailed, operation, path.string(), "permission denied");
  }

  std::shared_ptr<Node> new_node(FileType type) {
    auto node = std::make_shared<Node>();
    node->type = type;
    node->number = ++last_number_;
    node->mtime_ns = node->change_ns = tick();
    return node;
  }

  [[nodiscard]] FileStat stat_of(const Node& node) const {
    return {node.type, node.bytes.size(), node.mtime_ns,
            std::to_string(device_) + ":" + std::to_string(node.number),
            keeps_change_time ? node.change_ns : 0};
  }
  [[nodiscard]] FileStat folder_stat(const std::filesystem::path& path) const {
    FileStat out;
    out.type = FileType::kFolder;
    out.file_id = std::to_string(device_) + ":" + path.string();
    return out;
  }
  /// The folder in which a walk stops, when `name` lies below it.
  static std::optional<std::string> too_deep_folder(const std::string& name) {
    std::size_t slash = name.find('/');
    for (int depth = 0; slash != std::string::npos && depth < 64; ++depth) {
      slash = name.find('/', slash + 1);
    }
    if (slash == std::string::npos) return std::nullopt;
    return name.substr(0, slash);
  }

  /// The clock's time, a little later with each change, so that two changes differ.
  std::int64_t tick() { return clock_.now_ms() * 1'000'000 + ++ticks_; }

  [[nodiscard]] bool is_folder(const std::filesystem::path& path) const {
    return folders_.contains(path.string()) && !is_away(path);
  }
  [[nodiscard]] bool is_away(const std::filesystem::path& path) const {
    const std::string text = path.string();
    return std::any_of(away_.begin(), away_.end(), [&](const std::string& folder) {
      return text == folder || text.starts_with(folder + "/");
    });
  }
  [[nodiscard]] bool is_below_forbidden(const std::string& path, const std::string& prefix) const {
    return std::any_of(forbidden_.begin(), forbidden_.end(), [&](const std::string& folder) {
      return folder.starts_with(prefix) && path.starts_with(folder + "/");
    });
  }

  const Clock& clock_;
  std::map<std::string, std::shared_ptr<Node>> nodes_;  ///< files and links by absolute path
  std::set<std::string> folders_;
  std::set<std::string> forbidden_;
  std::set<std::string> away_;
  std::optional<std::filesystem::path> other_volume_;
  std::string protected_;
  std::shared_ptr<std::set<std::string>> locked_ = std::make_shared<std::set<std::string>>();
  std::uint64_t last_number_ = 0;
  int device_ = 1;
  std::map<int, std::map<std::string, std::shared_ptr<Node>>> unmounted_;  ///< by device
  std::int64_t ticks_ = 0;
  std::size_t open_count_ = 0;
};

}  // namespace waybill
