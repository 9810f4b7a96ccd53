#include "agent/engine/reconciler.h"

#include <algorithm>

#include "agent/engine/central_moves.h"
#include "core/error.h"
#include "core/file_spec.h"
#include "core/log.h"

namespace waybill {

namespace {

/// A refusal that a direct answer told already: central's steps up to it are no news. A refused
/// file that was retried ends elsewhere, or for another reason.
bool is_way_to_known_refusal(const JobFile& file, const wire::Change& last) {
  return file.state == FileState::kRefused && last.state == "refused" && last.error &&
         file.problem && last.error->code == file.problem->code;
}

}  // namespace

Reconciler::Reconciler(const Clock& clock, CentralApi& central, Ledger& ledger,
                       std::string public_key)
    : clock_(clock), central_(central), ledger_(ledger), public_key_(std::move(public_key)) {}

SyncOutcome Reconciler::sync(const nlohmann::json& health) {
  wire::SyncRequest request;
  request.cursor = ledger_.meta_number(meta::kSyncCursor);
  request.health = health;
  request.ledger = ledger_.proof();
  request.ledger.public_key = public_key_;
  request.specs_digest = ledger_.meta(meta::kSpecsDigest);
  const std::int64_t asked_ms = clock_.now_ms();
  const wire::SyncAnswer answer = central_.sync(request);
  // Central looked at its clock somewhere between our question and its answer.
  const std::int64_t ahead_ms = (asked_ms + clock_.now_ms()) / 2 - answer.server_time_ms;
  if (answer.ledger_problem) {
    throw Error(error_code::kLedgerDiverged, "sync", "ledger " + request.ledger.ledger_id,
                answer.ledger_problem->message);
  }

  // A central restored from a backup tells everything again, with numbers we have seen before.
  const bool is_retold = answer.cursor < request.cursor;
  SyncResult result;
  WorkingCopies files;
  std::map<JobFileId, const wire::Change*> last;
  for (const wire::Change& change : answer.changes) last[change.job_file_id] = &change;
  std::vector<std::pair<JobFile, Move>> told;
  for (const wire::Change& change : answer.changes) {
    JobFile* file = find(change, files);
    if (file == nullptr || (!is_retold && change.seq <= file->central_seq)) continue;
    std::optional<Move> move;
    if (is_let_go(*file, change, files)) {
      if (last.at(change.job_file_id) == &change) result.withdrawn.push_back(file->file_number);
    } else if (!is_way_to_known_refusal(*file, *last.at(change.job_file_id))) {
      move = move_for(*file, change);
    }
    if (move) {
      told.emplace_back(*file, *move);
      file->state = *next_state(move->from, move->event);
      result.moves.push_back(std::move(*move));
    } else {
      result.seen.push_back({file->file_number, change.job_file_id, change.seq});
    }
    file->central_seq = change.seq;
  }
  std::erase_if(result.seen, [&](const SyncResult::Seen& seen) {
    return files.at(seen.file).central_seq != seen.central_seq;  // a later change says more
  });
  result.cursor = answer.cursor;
  result.settings = answer.settings;
  result.deliveries = answer.deliveries;
  result.tenant_state = answer.tenant_state;
  result.tenant_reason = answer.tenant_state_reason;
  if (answer.file_specs) result.specs = readable_specs(*answer.file_specs);
  ledger_.apply_sync(result);
  for (const auto& [file, move] : told) log_move(file, move);
  return {answer.more, answer.file_specs.has_value(), result.moves.size(), ahead_ms};
}

/// Withdrawn, and not so far that only a person at central can have taken it back. Of a refused
/// set, the part that was refused for itself is told first, perhaps in this very answer.
bool Reconciler::is_let_go(const JobFile& file, const wire::Change& change,
                           const WorkingCopies& files) {
  const bool may_be_let_go = file.state != FileState::kProcessed &&
                             file.state != FileState::kArchived &&
                             file.state != FileState::kDuplicate;
  const bool has_refused_fellow = std::any_of(files.begin(), files.end(), [&](const auto& entry) {
    const JobFile& other = entry.second;
    return other.state == FileState::kRefused && other.file_number != file.file_number &&
           other.relative_path == file.relative_path &&
           other.original_sha256 == file.original_sha256 &&
           other.export_number == file.export_number;  // another export's fate is its own
  });
  return may_be_let_go && !has_refused_fellow &&
         is_withdrawn(ledger_, file, change.state, change.error);
}

JobFile* Reconciler::find(const wire::Change& change, WorkingCopies& files) {
  std::optional<JobFile> file = ledger_.find(change.job_file_id);
  // Its registration's answer was lost: the job key and the version name it as well.
  if (!file) {
    file = ledger_.find_in_job(change.job_key, change.relative_path, change.content_sha256,
                               change.part_number);
    if (file && !file->job_file_id.empty()) file.reset();  // that is another entry's file
  }
  if (!file) return nullptr;
  return &files.try_emplace(file->file_number, *file).first->second;
}

std::optional<Move> Reconciler::move_for(const JobFile& file, const wire::Change& change) const {
  std::optional<Move> move;
  if (change.state == kAwaitingUpload) {
    // The first such change only tells that the file was registered; later ones send it back.
    const bool may_be_sent_back =
        file.state == FileState::kReceived || file.state == FileState::kRefused;
    if (file.central_seq == 0 || !may_be_sent_back) return std::nullopt;
    move = Move{.file = file.file_number, .from = file.state, .event = FileEvent::kSentBack};
    move->problem = change.error;
  } else {
    move = follow_central(file, change.state, change.error);
  }
  if (!move) return std::nullopt;
  move->job_file_id = change.job_file_id;
  move->central_seq = change.seq;
  if (!change.entity.empty()) move->entity = change.entity;
  if (change.rows_staged >= 0) move->rows_staged = change.rows_staged;
  return move;
}

/// Specs this program cannot read are replaced by the last good ones of the same tag, if any.
wire::Specs Reconciler::readable_specs(const wire::Specs& incoming) {
  wire::Specs out;
  out.digest = incoming.digest;
  const std::vector<wire::Specs::Entry> last_good = ledger_.specs();
  for (const wire::Specs::Entry& entry : incoming.specs) {
    try {
      (void)parse_file_spec(entry.spec);
      out.specs.push_back(entry);
    } catch (const Error& error) {
      log_error(error);
      const auto old = std::find_if(last_good.begin(), last_good.end(), [&](const auto& candidate) {
        return candidate.file_tag == entry.file_tag;
      });
      if (old != last_good.end()) out.specs.push_back(*old);
    }
  }
  out.delivery_plan = readable_plan(incoming.delivery_plan);
  log_info("file specs received: " + std::to_string(out.specs.size()));
  return out;
}

/// A plan this program cannot read is replaced by the last good one, if any.
wire::Json Reconciler::readable_plan(const wire::Json& incoming) {
  if (!incoming.is_object()) return nullptr;
  try {
    return to_json(parse_delivery_plan(incoming));
  } catch (const Error& error) {
    log_error(error);
    const std::optional<DeliveryPlan> last_good = ledger_.delivery_plan();
    return last_good ? to_json(*last_good) : wire::Json(nullptr);
  }
}

}  // namespace waybill
