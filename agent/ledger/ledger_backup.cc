#include "agent/ledger/ledger_backup.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>

#include "agent/ledger/damage.h"
#include "agent/ledger/ledger.h"
#include "core/log.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr int kPagesPerStep = 256;  // 1 MiB
constexpr auto kBreath = std::chrono::milliseconds(2);
constexpr std::int64_t kLookMs = 60'000;
constexpr std::int64_t kTryAgainMs = 3'600'000;
constexpr std::string_view kPrefix = "ledger-";
constexpr std::string_view kEnding = ".sqlite3";
constexpr const char* kPartialName = "ledger.partial";

void remove_all_of(FileSystem& files, const fs::path& database) {
  for (const char* ending : {"", "-journal", "-wal", "-shm"}) {
    files.remove(database.string() + ending);
  }
}

void check_room(FileSystem& files, const fs::path& ledger, std::uint64_t reserve_bytes) {
  const std::optional<std::uint64_t> free_bytes = files.free_bytes(ledger.parent_path());
  const std::optional<FileStat> stat = files.stat(ledger);
  if (!free_bytes || !stat || *free_bytes >= stat->size_bytes + reserve_bytes) return;
  throw Error(error_code::kDiskLow, "back up ledger", ledger.string(),
              "there is no room for a copy beside what is to be kept free");
}

/// One moment of the ledger; false when the end was asked for first.
bool copy(const fs::path& from, const fs::path& to, const std::atomic<bool>& stop) {
  SQLite::Database source(from.string(), SQLite::OPEN_READONLY, 1'000);
  SQLite::Transaction reading(source);  // its moment stays the same while others write
  (void)source.execAndGet("SELECT count(*) FROM sqlite_schema");
  SQLite::Database target(to.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  {
    SQLite::Backup backup(target, source);
    while (backup.executeStep(kPagesPerStep) != SQLITE_DONE) {
      if (stop) return false;
      std::this_thread::sleep_for(kBreath);
    }
  }
  target.exec("PRAGMA journal_mode = DELETE");  // one file, whole by itself
  const std::string verdict = target.execAndGet("PRAGMA quick_check(1)").getString();
  if (verdict == "ok") return true;
  throw Error(error_code::kLedgerCorrupt, "check backup", to.string(), verdict);
}

}  // namespace

std::int64_t backup_time_ms(const fs::path& backup) {
  // ledger-20261121T093046123Z.sqlite3
  const std::string name = backup.filename().string();
  if (!name.starts_with(kPrefix) || !name.ends_with(kEnding)) return 0;
  const std::string stamp =
      name.substr(kPrefix.size(), name.size() - kPrefix.size() - kEnding.size());
  if (stamp.size() != 19 || stamp[8] != 'T') return 0;
  const std::string text = stamp.substr(0, 4) + "-" + stamp.substr(4, 2) + "-" +
                           stamp.substr(6, 5) + ":" + stamp.substr(11, 2) + ":" +
                           stamp.substr(13, 2) + "." + stamp.substr(15);
  return std::max<std::int64_t>(0, parse_utc(text));
}

std::vector<fs::path> ledger_backups(FileSystem& files, const fs::path& state_folder) {
  std::vector<fs::path> out;
  const fs::path folder = state_folder / kBackupFolderName;
  if (!files.stat(folder)) return out;
  files.walk(
      folder,
      [&](const WalkEntry& entry) {
        if (backup_time_ms(entry.relative_path) > 0) out.push_back(folder / entry.relative_path);
      },
      [](const std::string&) {});
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<fs::path> back_up_ledger(FileSystem& files, const fs::path& state_folder,
                                       const BackupSettings& settings, std::int64_t utc_ms,
                                       const std::atomic<bool>& stop) {
  const fs::path ledger = state_folder / kLedgerFileName;
  const fs::path folder = state_folder / kBackupFolderName;
  const fs::path partial = folder / kPartialName;
  const fs::path done = folder / (std::string(kPrefix) + file_stamp(utc_ms) + std::string(kEnding));
  check_room(files, ledger, settings.reserve_bytes);
  files.make_folders(folder);
  files.make_private(folder);
  remove_all_of(files, partial);
  try {
    write_whole_file(files, partial, "", FileMode::kPrivate);
    const bool is_whole = copy(ledger, partial, stop);
    if (!is_whole) {
      remove_all_of(files, partial);
      return std::nullopt;
    }
  } catch (const SQLite::Exception& failure) {
    remove_all_of(files, partial);
    throw Error(error_code::kLedgerWriteFailed, "back up ledger", partial.string(), failure.what());
  } catch (const Error&) {
    remove_all_of(files, partial);
    throw;
  }
  files.set_aside(partial, done);
  std::vector<fs::path> all = ledger_backups(files, state_folder);
  const std::size_t kept = std::max<std::size_t>(1, settings.kept);
  for (std::size_t i = 0; i + kept < all.size(); ++i) files.remove(all[i]);
  return done;
}

BackupSchedule::BackupSchedule(FileSystem& files, const Clock& clock, fs::path state_folder,
                               BackupSettings settings)
    : files_(files),
      clock_(clock),
      state_folder_(std::move(state_folder)),
      settings_(settings),
      thread_([this] { run(); }) {}

BackupSchedule::~BackupSchedule() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

std::optional<BackupSchedule::Result> BackupSchedule::take_result() {
  const std::lock_guard lock(mutex_);
  return std::exchange(result_, std::nullopt);
}

void BackupSchedule::run() {
  if (settings_.interval_ms <= 0) return;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const std::int64_t wait_ms = std::min(kLookMs, due_in_ms());
    if (wait_ms > 0) {
      stopping_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return stop_.load(); });
      continue;
    }
    lock.unlock();
    back_up();
    lock.lock();
    if (has_failed_) {
      stopping_.wait_for(lock, std::chrono::milliseconds(kTryAgainMs),
                         [&] { return stop_.load(); });
    }
  }
}

void BackupSchedule::back_up() {
  Result result;
  try {
    const auto made = back_up_ledger(files_, state_folder_, settings_, clock_.now_ms(), stop_);
    if (!made) return;
    log_info("backup of the ledger: " + made->string());
  } catch (const Error& error) {
    log_warning(std::string("the ledger could not be backed up: ") + error.what());
    result.problem = error;
  }
  has_failed_ = result.problem.has_value();
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
}

/// By the wall clock; a backup of the future was made before the clock was stepped back.
std::int64_t BackupSchedule::due_in_ms() {
  try {
    const std::vector<fs::path> all = ledger_backups(files_, state_folder_);
    const std::int64_t last = all.empty() ? 0 : backup_time_ms(all.back());
    const std::int64_t now = clock_.now_ms();
    return last > now ? 0 : last + settings_.interval_ms - now;
  } catch (const Error& error) {
    log_warning(std::string("the backups of the ledger cannot be listed: ") + error.what());
    return kTryAgainMs;
  }
}

}  // namespace waybill
