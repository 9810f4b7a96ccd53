#include "agent/engine/backfiller.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr const char* kBackfillRequests = "backfill";

nlohmann::json to_json(const Backfill& request) {
  return {{"request_id", request.request_id}, {"folder", request.folder},
          {"as_of", request.as_of},           {"delivery_name", request.delivery_name},
          {"is_ahead", request.is_ahead},     {"allow_older", request.allow_older}};
}

Backfill read_request(const nlohmann::json& in) {
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

void request_backfill(FileSystem& files, const std::filesystem::path& state_folder,
                      const Backfill& request) {
  RequestFolder(files, state_folder, kBackfillRequests).put(request.request_id, to_json(request));
}

Backfiller::Backfiller(ExportFolders& folders, const Clock& clock, Ledger& ledger,
                       const std::filesystem::path& state_folder)
    : folders_(folders),
      clock_(clock),
      ledger_(ledger),
      requests_(folders, state_folder, kBackfillRequests) {}

bool Backfiller::step() {
  take_requests();
  const bool is_scan_wanted = show_open_ones();
  for (Backfill& backfill : ledger_.open_backfills()) advance(std::move(backfill));
  return is_scan_wanted;
}

void Backfiller::take_requests() {
  requests_.take_all([this](const nlohmann::json& in) {
    const Backfill request = read_request(in);
    if (ledger_.add_backfill(request)) log_info("backfill of " + request.folder + " begins");
  });
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
