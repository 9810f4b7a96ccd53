#include "agent/engine/tidier.h"

#include <array>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBytesPerStep = std::size_t{64} << 20;
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
constexpr std::size_t kFilesPerLook = 100;
constexpr std::int64_t kLookEveryMs = 60'000;
constexpr std::int64_t kRetryEveryMs = 3'600'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr int kSameNameMax = 99;  // files of one name on one day

/// "menu.csv" and 2: "menu-2.csv"
fs::path numbered(const fs::path& path, int number) {
  if (number == 1) return path;
  fs::path name = path.stem();
  name += "-" + std::to_string(number);
  name += path.extension();
  return path.parent_path() / name;
}

}  // namespace

struct Tidier::Checking {
  JobFile file;
  FileStat stat;  ///< of the open file, which is the one of the ledger
  std::unique_ptr<ReadableFile> open;
  Sha256 hash{};
};

Tidier::Tidier(Ports ports, Ledger& ledger, Scanner& scanner, fs::path root, TidySettings settings)
    : ports_(ports),
      ledger_(ledger),
      scanner_(scanner),
      root_(std::move(root)),
      settings_(std::move(settings)) {}

Tidier::~Tidier() = default;

bool Tidier::step() {
  if (settings_.action == AfterProcessed::kKeep) return false;
  if (!checking_ && waiting_.empty()) look_for_work();
  if (!checking_ && waiting_.empty()) return false;
  const JobFile file = checking_ ? checking_->file : waiting_.front();
  try {
    if (!checking_) {
      waiting_.pop_front();
      begin(file);
    }
    if (checking_) read_on();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt ||
        error.code().id == error_code::kLedgerWriteFailed.id) {
      throw;
    }
    checking_.reset();
    give_up(file, error.cause());
  }
  return true;
}

void Tidier::look_for_work() {
  const std::int64_t now = ports_.clock.steady_ms();
  if (now < next_look_steady_ms_) return;
  const bool with_failed = now >= next_retry_steady_ms_;
  if (with_failed) next_retry_steady_ms_ = now + kRetryEveryMs;
  const std::int64_t done_before = ports_.clock.now_ms() - settings_.after_days * kDayMs;
  for (JobFile& file : ledger_.files_to_tidy(done_before, with_failed, kFilesPerLook)) {
    waiting_.push_back(std::move(file));
  }
  const bool may_be_more = waiting_.size() == kFilesPerLook;
  next_look_steady_ms_ = may_be_more && !with_failed ? now : now + kLookEveryMs;
}

void Tidier::begin(const JobFile& file) {
  const std::optional<PathRecord> path = ledger_.find_path(file.relative_path);
  std::unique_ptr<ReadableFile> open = ports_.files.open(root_, file.relative_path);
  if (!path || path->state != PathState::kRecorded || !open) return;  // the scanner will tell
  const FileStat stat = open->stat();
  if (!path->is_as_seen(stat)) {
    look_again(file.relative_path);
    return;
  }
  buffer_.resize(kBufferBytes);
  checking_ = std::make_unique<Checking>(Checking{file, stat, std::move(open)});
}

void Tidier::read_on() {
  std::size_t left = kBytesPerStep;
  while (left > 0) {
    const std::size_t count = checking_->open->read(buffer_.data(), std::min(buffer_.size(), left));
    if (count == 0) {
      const std::unique_ptr<Checking> checked = std::move(checking_);
      if (checked->hash.finish() == checked->file.original_sha256) {
        act(*checked);
      } else {
        look_again(checked->file.relative_path);
      }
      return;
    }
    checking_->hash.update({buffer_.data(), count});
    left -= count;
  }
}

void Tidier::act(const Checking& checked) {
  const JobFile& file = checked.file;
  bool is_done = false;
  if (settings_.action == AfterProcessed::kMove) {
    is_done = move_away(checked);
  } else {
    ledger_.note_leaving(file, "");
    is_done = ports_.files.remove_from(root_, file.relative_path, checked.stat);
    if (is_done) {
      ledger_.note_left(file, "local_deleted", "");
      log_info(file.relative_path + ": deleted here; central is done with it");
    }
  }
  if (!is_done) look_again(file.relative_path);
}

bool Tidier::move_away(const Checking& checked) {
  const JobFile& file = checked.file;
  for (int number = 1; number <= kSameNameMax; ++number) {
    const fs::path to = destination(file, number);
    if (ports_.files.stat(to)) continue;
    ledger_.note_leaving(file, to.string());
    MoveOutcome outcome = ports_.files.move_out(root_, file.relative_path, checked.stat, to);
    if (outcome == MoveOutcome::kExists) continue;
    if (outcome == MoveOutcome::kOtherVolume && copy_away(checked, to)) {
      outcome = MoveOutcome::kMoved;
    }
    if (outcome != MoveOutcome::kMoved) return false;
    ledger_.note_left(file, "local_moved", to.string());
    log_info(file.relative_path + ": moved to " + to.string() + "; central is done with it");
    return true;
  }
  throw Error(error_code::kLocalFileNotMoved, "move", file.relative_path,
              "the folder holds too many files of this name already");
}

/// Another disk: a durable copy of the same bytes first, then the file goes.
bool Tidier::copy_away(const Checking& checked, const fs::path& to) {
  const std::unique_ptr<StagedFile> copy = ports_.files.stage(to, FileMode::kShared);
  Sha256 hash;
  checked.open->seek(0);
  while (const std::size_t count = checked.open->read(buffer_.data(), buffer_.size())) {
    hash.update({buffer_.data(), count});
    copy->write({buffer_.data(), count});
  }
  if (hash.finish() != checked.file.original_sha256) return false;
  copy->commit();
  return ports_.files.remove_from(root_, checked.file.relative_path, checked.stat);
}

fs::path Tidier::destination(const JobFile& file, int number) {
  const std::optional<Job> job = ledger_.find_job(file.job_number);
  const std::string date = job ? job->delivery_date : file.delivery_date;
  return numbered(settings_.folder / date / fs::path(file.relative_path), number);
}

void Tidier::give_up(const JobFile& file, const std::string& why) {
  log_error(Error(error_code::kLocalFileNotMoved, "tidy up", file.relative_path, why));
  ledger_.note_stays(file, why);
}

/// The file is not as delivered any more: it waits until it rests, and is read as a new one.
void Tidier::look_again(const std::string& relative_path) {
  const std::optional<PathRecord> path = ledger_.find_path(relative_path);
  if (!path) return;
  log_info(relative_path + ": is not as it was delivered; stays here");
  scanner_.unsettle(*path);
}

}  // namespace waybill
