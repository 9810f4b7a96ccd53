#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "core/crypto.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/utf8.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const ErrorCode& code, std::string_view operation,
                       const std::string& subject) {
  const int reason = errno;
  throw Error(code, operation, subject, std::strerror(reason));
}

/// Closes a descriptor once.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = other.release();
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

FileStat to_file_stat(const struct stat& raw) {
  FileStat out;
  out.type = S_ISREG(raw.st_mode)   ? FileType::kRegular
             : S_ISDIR(raw.st_mode) ? FileType::kFolder
             : S_ISLNK(raw.st_mode) ? FileType::kLink
                                    : FileType::kOther;
  out.size_bytes = static_cast<std::uint64_t>(raw.st_size);
  out.mtime_ns =
      static_cast<std::int64_t>(raw.st_mtim.tv_sec) * 1'000'000'000 + raw.st_mtim.tv_nsec;
  out.file_id = std::to_string(raw.st_dev) + ":" + std::to_string(raw.st_ino);
  out.change_ns =
      static_cast<std::int64_t>(raw.st_ctim.tv_sec) * 1'000'000'000 + raw.st_ctim.tv_nsec;
  return out;
}

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(Descriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  std::size_t read(char* into, std::size_t capacity) override {
    for (;;) {
      const ssize_t count = ::read(fd_.get(), into, capacity);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) fail(error_code::kFileUnreadable, "read", name_);
    }
  }

  void seek(std::int64_t offset_bytes) override {
    if (::lseek(fd_.get(), offset_bytes, SEEK_SET) < 0) {
      fail(error_code::kFileUnreadable, "seek in", name_);
    }
  }

  [[nodiscard]] FileStat stat() const override {
    struct stat raw {};
    if (::fstat(fd_.get(), &raw) != 0) fail(error_code::kFileUnreadable, "stat", name_);
    return to_file_stat(raw);
  }

 private:
  Descriptor fd_;
  std::string name_;
};

void sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    fail(error_code::kFileSystemFailed, "sync folder", folder.string());
  }
}

class PosixStagedFile final : public StagedFile {
 public:
  PosixStagedFile(const fs::path& path, FileMode mode)
      : path_(path),
        beside_(path.parent_path() / ("." + path.filename().string() + "." + random_uuid())),
        fd_(::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   mode == FileMode::kPrivate ? 0600 : 0644)) {
    if (!fd_.valid()) fail(error_code::kFileSystemFailed, "create", beside_.string());
  }

  ~PosixStagedFile() override {
    if (!committed_) ::unlink(beside_.c_str());
  }
  PosixStagedFile(const PosixStagedFile&) = delete;
  PosixStagedFile& operator=(const PosixStagedFile&) = delete;

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0) {
        if (errno == EINTR) continue;
        fail(error_code::kFileSystemFailed, "write", beside_.string());
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void commit() override {
    if (::fsync(fd_.get()) != 0) fail(error_code::kFileSystemFailed, "sync", beside_.string());
    fd_.close();
    if (::rename(beside_.c_str(), path_.c_str()) != 0) {
      fail(error_code::kFileSystemFailed, "rename into place", path_.string());
    }
    committed_ = true;
    sync_folder(path_.parent_path());
  }

 private:
  fs::path path_;
  fs::path beside_;
  Descriptor fd_;
  bool committed_ = false;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

/// One folder still to be read: an open descriptor and its path below the root.
struct OpenFolder {
  Descriptor fd;
  std::string relative_path;
};

class PosixFileSystem final : public FileSystem {
 public:
  void walk(const fs::path& root, const std::function<void(const WalkEntry&)>& visit,
            const std::function<void(const std::string&)>& unreadable) override {
    Descriptor top(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top.valid()) {
      const bool is_away = errno == ENOENT || errno == ENOTDIR;
      fail(is_away ? error_code::kFolderMissing : error_code::kFileUnreadable, "open folder",
           root.string());
    }
    walk_folder({std::move(top), ""}, visit, unreadable, 0);
  }

  std::optional<FileStat> stat(const fs::path& path) override {
    struct stat raw {};
    if (::lstat(path.c_str(), &raw) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      fail(error_code::kFileUnreadable, "stat", path.string());
    }
    return to_file_stat(raw);
  }

  std::unique_ptr<ReadableFile> open(const fs::path& root,
                                     const std::string& relative_path) override {
    const Descriptor folder = open_folder_of(root, relative_path);
    if (!folder.valid()) return nullptr;
    const std::string name = base_name(relative_path);
    Descriptor fd(
        ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() && (errno == ENXIO || errno == EOPNOTSUPP)) {  // a socket
      throw Error(error_code::kNotARegularFile, "open", relative_path, "it is not a regular file");
    }
    if (!fd.valid()) return not_there(relative_path);
    auto file = std::make_unique<PosixReadableFile>(std::move(fd), relative_path);
    if (file->stat().type != FileType::kRegular) {
      throw Error(error_code::kNotARegularFile, "open", relative_path, "it is not a regular file");
    }
    return file;
  }

  std::unique_ptr<StagedFile> stage(const fs::path& path, FileMode mode) override {
    make_folders(path.parent_path());
    return std::make_unique<PosixStagedFile>(path, mode);
  }

  std::unique_ptr<FileLock> try_lock(const fs::path& path) override {
    make_folders(path.parent_path());
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) fail(error_code::kFileSystemFailed, "open lock", path.string());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return nullptr;
      fail(error_code::kFileSystemFailed, "lock", path.string());
    }
    return std::make_unique<PosixFileLock>(std::move(fd));
  }

  bool is_private(const fs::path& path) override {
    struct stat raw {};
    if (::stat(path.c_str(), &raw) != 0) fail(error_code::kFileUnreadable, "stat", path.string());
    return (raw.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  }

  MoveOutcome move_out(const fs::path& root, const std::string& relative_path,
                       const FileStat& expected, const fs::path& to) override {
    make_folders(to.parent_path());
    const Descriptor folder = open_folder_of(root, relative_path);
    const std::string name = base_name(relative_path);
    if (!folder.valid() || !is_still(folder.get(), name, expected)) return MoveOutcome::kChanged;
    if (!rename_to_new(folder.get(), name, to)) {
      if (errno == EEXIST) return MoveOutcome::kExists;
      if (errno == EXDEV) return MoveOutcome::kOtherVolume;
      if (errno == ENOENT) return MoveOutcome::kChanged;
      fail(error_code::kFileSystemFailed, "move", relative_path);
    }
    sync_folder(to.parent_path());
    (void)::fsync(folder.get());
    return MoveOutcome::kMoved;
  }

  bool remove_from(const fs::path& root, const std::string& relative_path,
                   const FileStat& expected) override {
    const Descriptor folder = open_folder_of(root, relative_path);
    const std::string name = base_name(relative_path);
    if (!folder.valid() || !is_still(folder.get(), name, expected)) return false;
    if (::unlinkat(folder.get(), name.c_str(), 0) != 0) {
      if (errno == ENOENT) return false;
      fail(error_code::kFileSystemFailed, "remove", relative_path);
    }
    (void)::fsync(folder.get());
    return true;
  }

  void make_folders(const fs::path& path) override {
    std::error_code error;
    fs::create_directories(path, error);
    if (error)
      throw Error(error_code::kFileSystemFailed, "make folder", path.string(), error.message());
  }

  void remove(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      fail(error_code::kFileSystemFailed, "remove", path.string());
    }
  }

  bool set_aside(const fs::path& from, const fs::path& to) override {
    if (rename_to_new(AT_FDCWD, from.string(), to)) {
      sync_folder(to.parent_path());
      return true;
    }
    if (errno == ENOENT) return false;
    fail(error_code::kFileSystemFailed, "rename", from.string());
  }

  void make_private(const fs::path& path) override {
    struct stat raw {};
    const mode_t mode = ::lstat(path.c_str(), &raw) == 0 && S_ISDIR(raw.st_mode) ? 0700 : 0600;
    if (::chmod(path.c_str(), mode) != 0) {
      fail(error_code::kFileSystemFailed, "protect", path.string());
    }
  }

  std::optional<std::uint64_t> free_bytes(const fs::path& path) override {
    struct statvfs raw {};
    if (::statvfs(path.c_str(), &raw) != 0) return std::nullopt;
    return std::uint64_t{raw.f_bavail} * raw.f_frsize;
  }

 private:
  static constexpr int kDepthMax =
      64;  // folders below the root; deeper ones are visited, not entered

  static std::string base_name(const std::string& relative_path) {
    return relative_path.substr(relative_path.rfind('/') + 1);  // npos + 1 is 0
  }

  /// The folder that holds the file; not valid when it is not there. Each part is opened below the
  /// one before it without following links, so a folder that is swapped for a link meanwhile leads
  /// nowhere.
  static Descriptor open_folder_of(const fs::path& root, const std::string& relative_path) {
    Descriptor at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) {
      if (errno == ENOENT || errno == ENOTDIR) return at;
      fail(error_code::kFileUnreadable, "open folder", root.string());
    }
    std::size_t start = 0;
    for (std::size_t slash = relative_path.find('/'); slash != std::string::npos;
         start = slash + 1, slash = relative_path.find('/', start)) {
      const std::string part = relative_path.substr(start, slash - start);
      const int next =
          ::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (next < 0) {
        (void)not_there(relative_path);
        return Descriptor(-1);
      }
      at = Descriptor(next);
    }
    return at;
  }

  static bool is_still(int folder_fd, const std::string& name, const FileStat& expected) {
    struct stat raw {};
    return ::fstatat(folder_fd, name.c_str(), &raw, AT_SYMLINK_NOFOLLOW) == 0 &&
           to_file_stat(raw) == expected;
  }

  /// Renames without replacing. Some network file systems cannot promise that; there, a name that
  /// is free a moment before must do.
  static bool rename_to_new(int folder_fd, const std::string& name, const fs::path& to) {
    if (::renameat2(folder_fd, name.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
      return true;
    }
    if (errno != EINVAL && errno != ENOSYS) return false;
    struct stat raw {};
    if (::lstat(to.c_str(), &raw) == 0) {
      errno = EEXIST;
      return false;
    }
    return ::renameat(folder_fd, name.c_str(), AT_FDCWD, to.c_str()) == 0;
  }

  static std::unique_ptr<ReadableFile> not_there(const std::string& relative_path) {
    if (errno == ENOENT || errno == ENOTDIR) return nullptr;
    if (errno == ELOOP) {
      throw Error(error_code::kNotARegularFile, "open", relative_path, "a link is on the way");
    }
    fail(error_code::kFileUnreadable, "open", relative_path);
  }

  static void walk_folder(OpenFolder folder, const std::function<void(const WalkEntry&)>& visit,
                          const std::function<void(const std::string&)>& unreadable, int depth) {
    DIR* const stream = ::fdopendir(folder.fd.get());
    if (stream == nullptr) fail(error_code::kFileUnreadable, "read folder", folder.relative_path);
    const int folder_fd = folder.fd.release();  // closedir() closes it
    const std::unique_ptr<DIR, int (*)(DIR*)> guard(stream, &::closedir);
    const std::string prefix = folder.relative_path.empty() ? "" : folder.relative_path + "/";
    while (const dirent* entry = next_entry(stream, folder.relative_path)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string path = prefix + entry->d_name;
      struct stat raw {};
      if (::fstatat(folder_fd, entry->d_name, &raw, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) skip(path, unreadable);
        continue;
      }
      if (!S_ISDIR(raw.st_mode) || depth == kDepthMax) {
        const bool is_text = is_valid_utf8(path);
        visit({is_text ? path : replace_invalid_utf8(path), is_text, to_file_stat(raw)});
        continue;
      }
      Descriptor below(
          ::openat(folder_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below.valid()) {
        walk_below({std::move(below), path}, visit, unreadable, depth + 1);
      } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
        skip(path, unreadable);
      }
    }
  }

  /// A folder that cannot be read to its end is skipped as a whole: what was not met of it is not
  /// gone.
  static void walk_below(OpenFolder folder, const std::function<void(const WalkEntry&)>& visit,
                         const std::function<void(const std::string&)>& unreadable, int depth) {
    const std::string path = folder.relative_path;
    try {
      walk_folder(std::move(folder), visit, unreadable, depth);
    } catch (const Error& error) {
      if (error.code().id != error_code::kFileUnreadable.id || error.subject() != path) throw;
      skip(path, unreadable);
    }
  }

  static void skip(const std::string& path,
                   const std::function<void(const std::string&)>& unreadable) {
    if (unreadable) unreadable(replace_invalid_utf8(path));
  }

  /// The end of the folder and a failure (a share that went away) look alike but for errno.
  static const dirent* next_entry(DIR* stream, const std::string& folder) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr && errno != 0) fail(error_code::kFileUnreadable, "read folder", folder);
    return entry;
  }
};

}  // namespace

FileSystem& system_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace waybill
