#include "agent/engine/backfiller.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kRequestBytesMax = 64 * 1024;
constexpr std::string_view kSuffix = ".json";

nlohmann::json to_json(const Backfill& request) {
  return {{"request_id", request.request_id}, {"folder", request.folder},
          {"as_of", request.as_of},           {"delivery_name", request.delivery_name},
          {"is_ahead", request.is_ahead},     {"allow_older", request.allow_older}};
}

Backfill read_request(const std::string& text) {
  const nlohmann::json in = nlohmann::json::parse(text);
  Backfill out;
  in.at("request_id").get_to(out.request_id);
  in.at("folder").get_to(out.folder);
  in.at("as_of").get_to(out.as_of);
  in.at("delivery_name").get_to(out.delivery_name);
  in.at("is_ahead").get_to(out.is_ahead);
  in.at("allow_older").get_to(out.allow_older);
  return out;
}

}  // namespace

std::filesystem::path backfill_requests_folder(const std::filesystem::path& state_folder) {
  return state_folder / "backfill-requests";
}

void request_backfill(FileSystem& files, const std::filesystem::path& state_folder,
                      const Backfill& request) {
  const std::filesystem::path folder = backfill_requests_folder(state_folder);
  files.make_folders(folder);
  write_whole_file(files, folder / (request.request_id + std::string(kSuffix)),
                   to_json(request).dump(2) + "\n", FileMode::kPrivate);
}

Backfiller::Backfiller(ExportFolders& folders, const Clock& clock, Ledger& ledger,
                       std::filesystem::path state_folder)
    : folders_(folders), clock_(clock), ledger_(ledger), state_folder_(std::move(state_folder)) {}

bool Backfiller::step() {
  take_requests();
  const bool is_scan_wanted = show_open_ones();
  for (Backfill& backfill : ledger_.open_backfills()) advance(std::move(backfill));
  return is_scan_wanted;
}

void Backfiller::take_requests() {
  const std::filesystem::path folder = backfill_requests_folder(state_folder_);
  if (!folders_.stat(folder)) return;
  std::vector<std::string> names;
  folders_.walk(folder,
                [&](const WalkEntry& entry) {
                  // A request that is still being written has a hidden name.
                  const bool is_request = entry.relative_path.ends_with(kSuffix) &&
                                          !entry.relative_path.starts_with('.');
                  if (is_request && entry.stat.type == FileType::kRegular) {
                    names.push_back(entry.relative_path);
                  }
                },
                {});
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) take_request(name);
}

/// In the ledger first, then gone from the folder: a kill between leads to the same again.
void Backfiller::take_request(const std::string& file_name) {
  const std::filesystem::path file = backfill_requests_folder(state_folder_) / file_name;
  try {
    const Backfill request = read_request(read_whole_file(folders_, file, kRequestBytesMax));
    if (ledger_.add_backfill(request)) log_info("backfill of " + request.folder + " begins");
  } catch (const nlohmann::json::exception&) {
    log_error(Error(error_code::kConfigInvalid, "read backfill request", file_name,
                    "it is not one; ask for the backfill again"));
  }
  folders_.remove(file);
}

bool Backfiller::show_open_ones() {
  bool is_new = false;
  for (const Backfill& backfill : ledger_.open_backfills()) {
    if (!shown_.insert(backfill.backfill_number).second) continue;
    folders_.show(backfill.backfill_number, backfill.folder);
    is_new = true;
  }
  return is_new;
}

void Backfiller::scanned(const std::vector<std::string>& unreadable_folders) {
  for (const std::int64_t number : shown_) {
    const std::string prefix = backfill_prefix(number);
    const bool is_whole = std::none_of(
        unreadable_folders.begin(), unreadable_folders.end(), [&](const std::string& folder) {
          return folder == prefix || folder.starts_with(prefix + "/");
        });
    if (is_whole) scanned_.insert(number);
  }
}

void Backfiller::advance(Backfill backfill) {
  if (!scanned_.contains(backfill.backfill_number)) return;
  const BackfillTally tally = ledger_.tally(backfill.backfill_number);
  backfill.file_count = tally.file_count;
  backfill.left_alone_count = tally.left_alone_count;
  const bool is_read = tally.unread_count == 0 && tally.undecided_count == 0;
  if (backfill.state == BackfillState::kReading && is_read) {
    backfill.state = BackfillState::kSending;
    ledger_.put_backfill(backfill);
    log_info("backfill of " + backfill.folder + ": all files are read; " +
             std::to_string(backfill.file_count) + " to send, " +
             std::to_string(backfill.left_alone_count) + " belong to no file spec");
    return;
  }
  const bool is_sent = is_read && tally.in_our_hands_count == 0 && tally.open_job_count == 0;
  if (backfill.state != BackfillState::kSending || !is_sent) return;
  backfill.state = BackfillState::kDone;
  backfill.done_at_ms = clock_.now_ms();
  ledger_.put_backfill(backfill);
  folders_.hide(backfill.backfill_number);
  shown_.erase(backfill.backfill_number);
  scanned_.erase(backfill.backfill_number);
  log_info("backfill of " + backfill.folder + " is delivered");
}

}  // namespace waybill
