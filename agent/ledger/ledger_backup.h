// LedgerBackup: copies of the ledger made while the agent runs, so many, so often.
//
// Place:    agent/ledger; run.cc starts it. A thread and a read-only connection of its own:
// SQLite's
//           online backup reads one moment of the ledger, and the engine never waits for it.
// Rule:     the copy is written beside, checked, closed, and then renamed to
//           `backups/ledger-<utc>.sqlite3`; the oldest beyond the number to keep are removed. When
//           the next one is due is told by the newest file there, so a restart changes nothing.
// Errors:   a backup that fails is told by take_result(), and is tried again an hour later.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/file_system.h"

namespace waybill {

struct BackupSettings {
  std::int64_t interval_ms = 24 * 3'600'000;  ///< 0: none are made
  std::size_t kept = 3;
  std::uint64_t reserve_bytes = 0;  ///< stays free on the disk
};

inline constexpr const char* kBackupFolderName = "backups";

/// The finished backups, oldest first.
[[nodiscard]] std::vector<std::filesystem::path> ledger_backups(
    FileSystem& files, const std::filesystem::path& state_folder);

/// When it was made, as its name says; 0 when it is no backup's.
[[nodiscard]] std::int64_t backup_time_ms(const std::filesystem::path& backup);

/// Makes one now and removes those beyond `settings.kept`. Ends early, without a backup, when
/// `stop` turns true. Returns its path; throws WB-1104 when it cannot be written, WB-1102 when the
/// copy is not sound.
std::optional<std::filesystem::path> back_up_ledger(FileSystem& files,
                                                    const std::filesystem::path& state_folder,
                                                    const BackupSettings& settings,
                                                    std::int64_t utc_ms,
                                                    const std::atomic<bool>& stop);

class BackupSchedule {
 public:
  BackupSchedule(FileSystem& files, const Clock& clock, std::filesystem::path state_folder,
                 BackupSettings settings);
  ~BackupSchedule();  ///< a copy under way is dropped

  /// What came of the last try, once: its problem, or nothing when it is good.
  struct Result {
    std::optional<Error> problem;
  };
  [[nodiscard]] std::optional<Result> take_result();

 private:
  void run();
  void back_up();
  [[nodiscard]] std::int64_t due_in_ms();

  FileSystem& files_;
  const Clock& clock_;
  std::filesystem::path state_folder_;
  BackupSettings settings_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable stopping_;
  std::optional<Result> result_;  // guarded by mutex_
  bool has_failed_ = false;       // the thread's
  std::thread thread_;
};

}  // namespace waybill
