// FileSystem: the port through which all code touches disks.
//
// Place:    core; real ones in core/platform/, the in-memory one in tests/support.
// Paths:    absolute paths are std::filesystem::path. A RelativePath is UTF-8 with '/' between
//           parts, below a root, never absolute, never with "..".
// Units:    *_bytes are octets; mtime_ns is nanoseconds since 1970 UTC.
// Errors:   what a person must hear of is thrown as Error (WB-13xx); "not there" is a value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

enum class FileType : std::uint8_t { kRegular, kFolder, kLink, kOther };

struct FileStat {
  FileType type = FileType::kOther;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string file_id;  ///< device and inode (or volume and index); a hint, reused by the system
  std::int64_t change_ns = 0;  ///< when the system last changed bytes, name or rights; no program
                               ///< sets it. A hint; 0 where the system keeps none

  bool operator==(const FileStat&) const = default;
};

/// One thing met while walking a folder.
struct WalkEntry {
  std::string relative_path;  ///< UTF-8 when `is_text`; otherwise with U+FFFD for the bad bytes
  bool is_text = true;        ///< false: the name is not valid UTF-8
  FileStat stat;
};

/// A file open for reading, from its start unless told otherwise. Other processes may rename or
/// delete it meanwhile.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// Fills up to `capacity` bytes; 0 at the end. Throws WB-1303.
  virtual std::size_t read(char* into, std::size_t capacity) = 0;
  /// The next read() begins here; behind the end it answers 0. Throws WB-1303.
  virtual void seek(std::int64_t offset_bytes) = 0;
  /// The open file's state now, so that a change while reading can be noticed.
  [[nodiscard]] virtual FileStat stat() const = 0;
};

/// A file being written beside its final place; unseen there until commit().
class StagedFile {
 public:
  virtual ~StagedFile() = default;  ///< without commit(): the bytes are removed
  virtual void write(std::string_view bytes) = 0;
  /// Bytes on disk, renamed into place, folder entry on disk: survives power loss.
  virtual void commit() = 0;
};

/// Held by one process at a time; given back on destruction and when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class MoveOutcome : std::uint8_t {
  kMoved,        ///< on disk under its new name
  kChanged,      ///< gone, or no longer the file that was expected; nothing was done
  kExists,       ///< something has the new name already; nothing was done
  kOtherVolume,  ///< the new name lies on another disk; nothing was done
};

enum class FileMode : std::uint8_t {
  kShared,   ///< as the umask allows
  kPrivate,  ///< the owner alone may read it
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Calls `visit` for everything below `root` except folders, in no order. Never follows a link:
  /// a link is reported as kLink. What vanishes meanwhile is skipped. What may not be looked at, or
  /// not to its end, is given to `unreadable` (may be empty). A folder more than 64 below the root
  /// is visited itself, as kFolder, and not entered. Throws WB-1305 when root is not there, WB-1303
  /// when it may not be read.
  virtual void walk(const std::filesystem::path& root,
                    const std::function<void(const WalkEntry&)>& visit,
                    const std::function<void(const std::string&)>& unreadable) = 0;

  /// The state of the thing itself (links are not followed), or nothing when it is not there.
  [[nodiscard]] virtual std::optional<FileStat> stat(const std::filesystem::path& path) = 0;

  /// Opens a regular file below `root` without following a link at any step. nullptr when it is
  /// not there; WB-1303 when it may not be read, WB-1306 when it is not a regular file.
  [[nodiscard]] virtual std::unique_ptr<ReadableFile> open(const std::filesystem::path& root,
                                                           const std::string& relative_path) = 0;

  /// Starts a file that will replace `path` on commit(). Missing folders are made.
  [[nodiscard]] virtual std::unique_ptr<StagedFile> stage(const std::filesystem::path& path,
                                                          FileMode mode) = 0;

  /// Takes the lock file at `path` (made when missing), or nullptr when another process holds it.
  [[nodiscard]] virtual std::unique_ptr<FileLock> try_lock(const std::filesystem::path& path) = 0;

  /// May others than the owner read the file? (0600 on POSIX, the access list on Windows.)
  [[nodiscard]] virtual bool is_private(const std::filesystem::path& path) = 0;

  /// Moves a file from below `root` to `to` while it is still `expected` (size, time, identity),
  /// without following a link at any step below root and without replacing anything. Missing
  /// folders of `to` are made. Throws WB-1310.
  [[nodiscard]] virtual MoveOutcome move_out(const std::filesystem::path& root,
                                             const std::string& relative_path,
                                             const FileStat& expected,
                                             const std::filesystem::path& to) = 0;

  /// Removes a file below `root` under the same conditions; false when it is not there any more or
  /// another than `expected`. Throws WB-1310.
  [[nodiscard]] virtual bool remove_from(const std::filesystem::path& root,
                                         const std::string& relative_path,
                                         const FileStat& expected) = 0;

  virtual void make_folders(const std::filesystem::path& path) = 0;
  virtual void remove(const std::filesystem::path& path) = 0;  ///< absent is fine

  /// Renames a file or folder of ours on its own disk; nothing is replaced. False when `from` is
  /// not there. Throws WB-1310, also when `to` exists.
  virtual bool set_aside(const std::filesystem::path& from, const std::filesystem::path& to) = 0;

  /// Nobody but the owner may read the file, or enter the folder, from now on. Throws WB-1310.
  virtual void make_private(const std::filesystem::path& path) = 0;

  /// What this account may still write on the disk of `path`; nothing when it cannot be told.
  [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes(
      const std::filesystem::path& path) = 0;
};

/// The whole file, at most `limit_bytes`; throws WB-1303 when absent, unreadable or larger.
[[nodiscard]] std::string read_whole_file(FileSystem& files, const std::filesystem::path& path,
                                          std::size_t limit_bytes);

/// Durable write of a small file in one step.
void write_whole_file(FileSystem& files, const std::filesystem::path& path, std::string_view bytes,
                      FileMode mode);

/// Is it the hidden name of a file that stage() has begun and nobody has committed (yet)? Such
/// files are ours, or left behind by a kill, and never an export.
[[nodiscard]] bool is_staged_name(std::string_view relative_path);

/// The operating system's file system; one for the process.
[[nodiscard]] FileSystem& system_file_system();

}  // namespace waybill
