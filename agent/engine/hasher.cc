#include "agent/engine/hasher.h"

#include <array>

#include "agent/engine/edge_check.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kBytesPerStep = std::size_t{64} << 20;
constexpr std::size_t kFilesPerStep = 256;
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

std::string describe(Discovery discovery) {
  switch (discovery) {
    case Discovery::kNew:
      return "is new and complete";
    case Discovery::kSame:
      return "was touched, its bytes are the same";
    case Discovery::kRediscovered:
      return "is back with the bytes it had";
    case Discovery::kExportedAgain:
      return "was exported again with the same bytes";
    case Discovery::kSpecRenewed:
      return "was refused and will be judged again, by a newer file spec";
    case Discovery::kStaysRefused:
      return "has the same bytes as when it was refused; it stays refused";
  }
  return "";
}

}  // namespace

struct Hasher::Reading {
  Reading(PathRecord of_path, std::unique_ptr<ReadableFile> open_file, const SpecBook& specs)
      : path(std::move(of_path)),
        file(std::move(open_file)),
        match(specs.find(path.file_tag, path.relative_path)),
        planner(match && may_need_parts(*match->spec, path.size_bytes) ? *match->spec
                                                                       : FileSpec()) {}

  PathRecord path;
  std::unique_ptr<ReadableFile> file;
  std::optional<SpecMatch> match;  ///< its spec is not looked at after a step
  PartPlanner planner;             ///< of a spec without limits, where the file's are out of reach
  std::optional<EdgeCheck> check;  ///< nothing when only central can read the file by its spec

  void feed(std::string_view bytes) {
    planner.feed(bytes);
    if (check) check->feed(bytes);
  }
};

namespace {

/// A file that its spec refuses is told to central as it is; nobody needs its parts.
void make_whole(PartPlan& plan) {
  FilePart whole;
  whole.end_byte = plan.size_bytes;
  whole.content_sha256 = plan.original_sha256;
  plan.parts = {std::move(whole)};
}

}  // namespace

Hasher::Hasher(FileSystem& files, Ledger& ledger, Scanner& scanner, const SpecBook& specs,
               std::filesystem::path root, QuarantineSettings quarantine)
    : files_(files),
      ledger_(ledger),
      scanner_(scanner),
      specs_(specs),
      root_(std::move(root)),
      quarantine_(std::move(quarantine)),
      buffer_(kBufferBytes, '\0') {}

Hasher::~Hasher() = default;

bool Hasher::step() {
  std::size_t budget_bytes = kBytesPerStep;
  const bool was_reading = new_ || again_;
  if (new_) {
    if (!read_on(new_, budget_bytes)) return true;
    commit();  // before due paths are listed, or this one would be read again
  }
  const std::vector<PathRecord> due = ledger_.paths_in(PathState::kDue, kFilesPerStep);
  if (read_new(due, budget_bytes)) read_again(due, budget_bytes);
  commit();
  return was_reading || !due.empty();
}

/// True when all of them that were never read are; they come first in the list.
bool Hasher::read_new(const std::vector<PathRecord>& due, std::size_t& budget_bytes) {
  for (const PathRecord& path : due) {
    if (path.hashed_at_ms != 0) return true;
    if (budget_bytes == 0) return false;
    if (begin(new_, path) && !read_on(new_, budget_bytes)) return false;
  }
  return due.size() < kFilesPerStep;
}

bool Hasher::read_again(const std::vector<PathRecord>& due, std::size_t& budget_bytes) {
  std::string half_read;
  if (again_) {
    half_read = again_->path.relative_path;
    if (!read_on(again_, budget_bytes)) return false;
  }
  for (const PathRecord& path : due) {
    if (path.hashed_at_ms == 0 || path.relative_path == half_read) continue;
    if (budget_bytes == 0) return false;
    if (begin(again_, path) && !read_on(again_, budget_bytes)) return false;
  }
  return true;
}

void Hasher::reread(const PathRecord& path) {
  std::size_t budget_bytes = kBytesPerStep;
  if (begin(again_, path)) read_on(again_, budget_bytes);
  commit();
}

bool Hasher::begin(Slot& slot, const PathRecord& path) {
  try {
    std::unique_ptr<ReadableFile> file = files_.open(root_, path.relative_path);
    if (!file && !scanner_.is_folder_there()) {
      throw Error(error_code::kFolderMissing, "read", root_.string(), "it is not there");
    }
    if (!file) {
      const std::array gone = {path.relative_path};
      ledger_.forget_paths(gone);
      return false;
    }
    if (!path.is_as_seen(file->stat())) {
      give_back(path, "changed since it was found at rest");
      return false;
    }
    slot = std::make_unique<Reading>(path, std::move(file), specs_);
    if (is_preflight_wanted_ && slot->match && can_preflight(*slot->match->spec)) {
      slot->check.emplace(files_, quarantine_, path, *slot->match);
    }
    return true;
  } catch (const Error& error) {
    if (error.code().id == error_code::kFolderMissing.id) throw;
    PathRecord unreadable = path;
    const bool is_regular = error.code().id != error_code::kNotARegularFile.id;
    unreadable.state = is_regular ? PathState::kUnreadable : PathState::kNotRegular;
    unreadable.error_code = error.code().id;
    if (unreadable.error_code != path.error_code) log_error(error);
    const std::array one = {std::move(unreadable)};
    ledger_.record_paths(one);
    return false;
  }
}

/// True when the file was read to its end (or given back); false when the budget is used up.
bool Hasher::read_on(Slot& slot, std::size_t& budget_bytes) {
  try {
    while (budget_bytes > 0) {
      const std::size_t count =
          slot->file->read(buffer_.data(), std::min(buffer_.size(), budget_bytes));
      if (count == 0) {
        finish(slot);
        return true;
      }
      slot->feed({buffer_.data(), count});
      budget_bytes -= count;
    }
    return false;
  } catch (const Error& error) {
    if (error.code().id != error_code::kFileUnreadable.id) throw;
    log_error(error);
    give_back(slot->path, "could not be read to its end");
    slot.reset();
    return true;
  }
}

void Hasher::finish(Slot& slot) {
  const std::unique_ptr<Reading> reading = std::move(slot);
  const PathRecord& path = reading->path;
  const FileStat after = reading->file->stat();
  PartPlan plan = reading->planner.finish();
  if (!path.is_as_seen(after) || plan.size_bytes != path.size_bytes) {
    give_back(path, "changed while it was read");
    return;
  }
  const SpecMatch match = reading->match.value_or(SpecMatch{});
  std::optional<PreflightRecord> preflight;
  if (reading->check && plan.size_bytes > 0) {
    preflight = reading->check->finish(plan.original_sha256);
  }
  if (preflight && preflight->is_refused && is_preflight_stopping_) make_whole(plan);
  done_.push_back({.relative_path = path.relative_path,
                   .file_tag = path.file_tag,
                   .plan = std::move(plan),
                   .spec_version = match.version,
                   .mtime_ns = path.mtime_ns,
                   .file_id = path.file_id,
                   .delivery_date = match.fields.date,
                   .chunk_number = match.fields.chunk_number,
                   .chunk_count = match.fields.chunk_count,
                   .change_ns = after.change_ns,
                   .is_reread = path.state == PathState::kRecorded,
                   .preflight = std::move(preflight)});
}

void Hasher::give_back(const PathRecord& path, const std::string& why) {
  log_info(path.relative_path + ": " + why + "; waits until it rests");
  scanner_.unsettle(path);
}

void Hasher::commit() {
  const std::vector<HashedFile> done = std::move(done_);
  done_.clear();
  const std::vector<Discovery> discoveries = ledger_.record_hashes(done);
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i].is_reread && discoveries[i] == Discovery::kSame) continue;
    const PartPlan& plan = done[i].plan;
    const std::string parts =
        plan.is_cut() ? ", in " + std::to_string(plan.parts.size()) + " parts" : "";
    log_info(done[i].relative_path + ": " + describe(discoveries[i]) + " (" +
             std::to_string(plan.size_bytes) + " bytes, " + done[i].file_tag.value + ", SHA-256 " +
             plan.original_sha256.substr(0, 12) + parts + ")");
    const std::optional<PreflightRecord>& preflight = done[i].preflight;
    const bool is_told_already =
        discoveries[i] == Discovery::kSame || discoveries[i] == Discovery::kStaysRefused;
    if (!preflight || preflight->finding_count == 0 || is_told_already) continue;
    log_warning(done[i].relative_path + ": " + preflight_sentence(*preflight) +
                "; see waybill trace");
  }
}

}  // namespace waybill
