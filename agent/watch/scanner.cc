#include "agent/watch/scanner.h"

#include <algorithm>

#include "agent/watch/export_folders.h"
#include "core/error.h"

namespace waybill {

namespace {

constexpr std::size_t kWriteBatch = 1'000;  // paths in one transaction
constexpr std::size_t kPathMax = 2'048;     // bytes; central registers no longer names

std::size_t name_hash(const std::string& relative_path) {
  return std::hash<std::string>{}(relative_path);
}

/// Why a thing of this name can never be sent, or nothing when it can.
const ErrorCode* unfit(const WalkEntry& entry) {
  if (!entry.is_text) return &error_code::kFileNameNotText;
  if (entry.relative_path.size() > kPathMax) return &error_code::kPathTooLong;
  if (entry.stat.type == FileType::kFolder) return &error_code::kPathTooLong;  // too deep to enter
  if (entry.stat.type != FileType::kRegular) return &error_code::kNotARegularFile;
  return nullptr;
}

/// Is the thing in the export folder itself, not in a folder of history shown below it?
bool is_in_folder(const std::string& relative_path) {
  return !backfill_number_of(relative_path + "/");
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace

Scanner::Scanner(FileSystem& files, const Clock& clock, Ledger& ledger, std::filesystem::path root,
                 std::int64_t quiet_ms)
    : files_(files),
      clock_(clock),
      ledger_(ledger),
      root_(std::move(root)),
      quiet_ms_(quiet_ms),
      folder_(files, ledger, root_) {}

ScanReport Scanner::scan() {
  ScanReport report;
  seen_.clear();
  changed_.clear();
  changed_count_ = 0;
  const std::string folder = folder_.identity();
  std::size_t own_count = 0;  // without history, which lies elsewhere
  files_.walk(
      root_,
      [&](const WalkEntry& entry) {
        if (is_staged_name(entry.relative_path)) return;
        ++report.file_count;
        if (is_in_folder(entry.relative_path)) ++own_count;
        report.size_bytes += static_cast<std::int64_t>(entry.stat.size_bytes);
        seen_.insert(name_hash(entry.relative_path));
        observe(entry);
      },
      [&](const std::string& unreadable) {
        report.unreadable_folders.push_back(unreadable);
        if (is_in_folder(unreadable)) ++own_count;
      });
  report.is_other_folder = folder_.accept(folder, own_count);
  flush();
  report.changed_count = changed_count_;
  forget_vanished(report);
  seen_.clear();
  return report;
}

void Scanner::observe(const WalkEntry& entry) {
  const std::optional<PathRecord> before = ledger_.find_path(entry.relative_path);
  PathRecord path = before.value_or(PathRecord{});
  path.relative_path = entry.relative_path;
  const bool is_as_recorded = before && before->is_as_seen(entry.stat);
  if (const ErrorCode* why = unfit(entry)) {
    if (!is_as_recorded) observe_unfit(std::move(path), entry, *why);
    return;
  }
  if (is_as_recorded && before->state != PathState::kSettling &&
      before->state != PathState::kUnreadable) {
    return;
  }
  const auto resting = resting_.find(entry.relative_path);
  if (resting != resting_.end() && resting->second.seen.is_as_seen(entry.stat)) return;
  path.take(entry.stat);
  path.state = PathState::kSettling;
  if (!is_as_recorded) path.error_code.clear();
  begin_rest(path);
  // A name that settles since before a restart is in the ledger already.
  if (!is_as_recorded || before->state != PathState::kSettling) note(std::move(path));
}

void Scanner::observe_unfit(PathRecord path, const WalkEntry& entry, const ErrorCode& why) {
  path.take(entry.stat);
  const bool is_regular = why.id != error_code::kNotARegularFile.id;
  path.state = is_regular ? PathState::kNotText : PathState::kNotRegular;
  path.error_code = why.id;
  note(std::move(path));
}

void Scanner::begin_rest(PathRecord path) {
  const std::int64_t due = clock_.steady_ms() + quiet_ms_;
  due_.emplace_back(due, path.relative_path);
  std::string name = path.relative_path;
  resting_[std::move(name)] = {std::move(path), due};
}

void Scanner::note(PathRecord path) {
  changed_.push_back(std::move(path));
  ++changed_count_;
  if (changed_.size() >= kWriteBatch) flush();
}

void Scanner::flush() {
  ledger_.record_paths(changed_);
  changed_.clear();
}

void Scanner::forget_vanished(ScanReport& report) {
  std::vector<std::string> vanished;
  ledger_.for_each_path([&](const std::string& path) {
    if (seen_.contains(name_hash(path))) return;
    const bool is_out_of_sight = std::any_of(
        report.unreadable_folders.begin(), report.unreadable_folders.end(),
        [&](const std::string& folder) { return is_below(path, folder) || path == folder; });
    if (!is_out_of_sight) vanished.push_back(path);
  });
  for (const std::string& path : vanished) resting_.erase(path);
  for (std::size_t i = 0; i < vanished.size(); i += kWriteBatch) {
    const std::size_t count = std::min(kWriteBatch, vanished.size() - i);
    ledger_.forget_paths(std::span(vanished).subspan(i, count));
  }
  report.vanished_count = vanished.size();
}

std::size_t Scanner::settle(const SpecBook& specs, std::size_t limit) {
  std::size_t looked_at = 0;
  std::vector<std::string> gone;
  while (!due_.empty() && due_.front().first <= clock_.steady_ms() && looked_at < limit) {
    const auto [due, name] = due_.front();
    due_.pop_front();
    const auto found = resting_.find(name);
    if (found == resting_.end() || found->second.due_steady_ms != due) continue;  // an older entry
    ++looked_at;
    PathRecord path = std::move(found->second.seen);
    resting_.erase(found);
    const std::optional<FileStat> now = files_.stat(root_ / name);
    if (!now && !folder_.is_there()) {
      begin_rest(std::move(path));  // nothing is gone while the folder is away
    } else if (!now || now->type != FileType::kRegular) {
      gone.push_back(name);  // if something else took its place, the next scan meets it as new
    } else if (path.is_as_seen(*now)) {
      path.at_rest_at_ms = clock_.now_ms();
      note(matched(std::move(path), specs));
    } else {
      path.take(*now);
      begin_rest(path);
      note(std::move(path));
    }
  }
  flush();
  ledger_.forget_paths(gone);
  return looked_at;
}

PathRecord Scanner::matched(PathRecord path, const SpecBook& specs) const {
  const auto match = specs.match(path.relative_path);
  if (const auto* found = std::get_if<SpecMatch>(&match)) {
    path.state = PathState::kDue;
    path.file_tag = found->spec->file_tag;
    return path;
  }
  const bool is_unknown = std::get<NoMatch>(match) == NoMatch::kUnknown;
  path.state = is_unknown ? PathState::kUnknown : PathState::kAmbiguous;
  path.error_code = is_unknown ? error_code::kFileUnknown.id : error_code::kFileAmbiguous.id;
  path.file_tag = FileTag();
  return path;
}

void Scanner::unsettle(PathRecord path) {
  path.state = PathState::kSettling;
  begin_rest(path);
  const std::array one = {std::move(path)};
  ledger_.record_paths(one);
}

std::optional<std::int64_t> Scanner::next_settle_at_steady_ms() const {
  if (due_.empty()) return std::nullopt;
  return due_.front().first;
}

}  // namespace waybill
