#include "agent/engine/sender.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/engine/backoff.h"
#include "agent/engine/central_moves.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kLookAhead = 100;      // queued files whose targets are fetched together
constexpr std::size_t kConfirmMax = 200;     // files asked about in one call
constexpr std::int64_t kConfirmGapMs = 250;  // between such calls while uploads go on
constexpr std::int64_t kStorageWorksForMs = 3'600'000;  // ... after it has taken a file
constexpr std::int64_t kChunkBytesMin = 1024;
constexpr std::int64_t kChunkBytesMax = 256 * 1024 * 1024;

const wire::FileAnswer* answer_for(const std::vector<wire::FileAnswer>& answers,
                                   const JobFileId& id) {
  const auto found = std::find_if(answers.begin(), answers.end(),
                                  [&](const auto& answer) { return answer.job_file_id == id; });
  return found == answers.end() ? nullptr : &*found;
}

}  // namespace

Sender::Sender(Ports ports, Ledger& ledger, Targets& targets, std::int64_t give_up_after)
    : ports_(ports), ledger_(ledger), targets_(targets), give_up_after_(give_up_after) {}

bool Sender::take_change_seen() { return std::exchange(change_seen_, false); }

// ---- results

bool Sender::take_results() {
  for (UploadProgress& progress : ports_.uploads.take_progress()) {
    progress_.push_back(std::move(progress));
  }
  for (SendResult& result : ports_.uploads.take_finished()) {
    under_way_ -= std::min<std::size_t>(under_way_, 1);
    finished_.push_back(std::move(result));
  }
  if (finished_.empty() && progress_.empty()) return false;
  ledger_.record_uploads(progress_);
  progress_.clear();
  std::vector<Move> moves;
  std::vector<JobFile> files;
  for (const SendResult& result : finished_) {
    const std::optional<JobFile> file = ledger_.find(result.file);
    if (!file || file->state != FileState::kUploading) continue;  // central told us more meanwhile
    moves.push_back(move_for(*file, result));
    files.push_back(*file);
  }
  apply(files, moves);
  finished_.clear();
  return true;
}

Move Sender::move_for(const JobFile& file, const SendResult& result) {
  Move move{.file = file.file_number, .from = file.state, .event = FileEvent::kInterrupted};
  move.problem = result.problem;
  move.next_attempt_at_ms = 0;
  switch (result.end) {
    case SendEnd::kAccepted:
      move.event = FileEvent::kAccepted;
      accepted_steady_ms_ = ports_.clock.steady_ms();
      break;
    case SendEnd::kExists:
      break;
    case SendEnd::kInterrupted:  // storage may have asked to be left alone; then central is, too
      if (result.retry_after_ms > 0) {
        move.next_attempt_at_ms = ports_.clock.now_ms() + result.retry_after_ms;
      }
      break;
    case SendEnd::kTargetExpired:
      move.event = FileEvent::kTargetExpired;
      if (file.attempt_count > 1) put_back(file, result.retry_after_ms, move);
      break;
    case SendEnd::kNotBegun:
      move.event = FileEvent::kTargetExpired;
      move.was_no_try = true;
      break;
    case SendEnd::kDeclined:
    case SendEnd::kUnreadable:
      move.event = FileEvent::kDeclined;
      put_back(file, result.retry_after_ms, move);
      break;
    case SendEnd::kChanged:
      move.event = FileEvent::kChanged;
      change_seen_ = true;
      break;
    case SendEnd::kRemoved:
      change_seen_ = true;
      if (!ports_.scanner.is_folder_there()) {  // a share that is away says nothing of its files
        move.event = FileEvent::kDeclined;
        move.problem = {
            std::string(error_code::kFolderMissing.id), "the export folder is away", {}};
        move.was_no_try = true;
        move.next_attempt_at_ms =
            ports_.clock.now_ms() + pause_ms(file.attempt_count, 0, ports_.chance);
        break;
      }
      move.event = FileEvent::kRemoved;
      break;
  }
  return move;
}

void Sender::put_back(const JobFile& file, std::int64_t asked_ms, Move& move) const {
  move.next_attempt_at_ms = 0;
  if (is_given_up(file, move)) {
    wire::FileProblem problem{
        std::string(error_code::kAttemptsExhausted.id),
        fmt::format("tried {} times without a byte further", file.attempt_count),
        wire::Json::object()};
    if (move.problem) {
      problem.message += "; the last time: " + move.problem->code + " " + move.problem->message;
      problem.details["last_code"] = move.problem->code;
    }
    move.problem = std::move(problem);
    move.gave_up_at_ms = ports_.clock.now_ms();
    return;
  }
  const bool got_farther = file.attempt_count == 0;
  if (got_farther && asked_ms == 0) return;
  move.next_attempt_at_ms =
      ports_.clock.now_ms() + pause_ms(file.attempt_count, asked_ms, ports_.chance);
}

bool Sender::is_given_up(const JobFile& file, const Move& move) const {
  if (file.attempt_count < give_up_after_) return false;
  const ErrorCode* code = move.problem ? find_error_code(move.problem->code) : nullptr;
  if (code != nullptr && code->kind != ErrorKind::kTransient) return true;
  // A line or a storage that is down is no fault of the file.
  return accepted_steady_ms_ &&
         ports_.clock.steady_ms() - *accepted_steady_ms_ < kStorageWorksForMs;
}

void Sender::apply(const std::vector<JobFile>& files, const std::vector<Move>& moves) {
  ledger_.move(moves);
  for (std::size_t i = 0; i < moves.size(); ++i) log_move(files[i], moves[i]);
}

// ---- starting

bool Sender::start_uploads() {
  const std::size_t room = ports_.uploads.room();
  if (room == 0) return false;
  std::vector<JobFile> due = ledger_.files_to_upload(std::max(room, kLookAhead));
  if (due.empty()) return false;
  const bool lacks_target = std::any_of(
      due.begin(), due.begin() + static_cast<std::ptrdiff_t>(std::min(room, due.size())),
      [&](const JobFile& file) { return !targets_.has_fresh(file.file_number); });
  if (lacks_target) {
    renew_targets(due);
    due = ledger_.files_to_upload(room);
  }
  std::vector<Move> moves;
  std::vector<JobFile> files;
  std::vector<SendTask> tasks;
  const std::int64_t chunk = chunk_bytes();
  for (const JobFile& file : due) {
    if (tasks.size() == room) break;
    std::optional<wire::UploadTarget> target = targets_.take(file.file_number);
    if (!target) continue;
    moves.push_back(
        {.file = file.file_number, .from = FileState::kQueued, .event = FileEvent::kSessionOpened});
    files.push_back(file);
    tasks.push_back({.file = file.file_number,
                     .relative_path = file.relative_path,
                     .part = file.part,
                     .is_part = file.part_count > 1,
                     .mtime_ns = file.mtime_ns,
                     .target = std::move(*target),
                     .session = file.upload,
                     .chunk_bytes = chunk});
  }
  ledger_.move(moves);
  for (SendTask& task : tasks) ports_.uploads.start(std::move(task));
  under_way_ += tasks.size();
  return !tasks.empty();
}

/// As central's settings say, within what memory allows.
std::int64_t Sender::chunk_bytes() {
  const wire::Json settings = wire::Json::parse(ledger_.meta(meta::kSettings), nullptr, false);
  const bool is_told = settings.is_object() && settings.contains("upload_chunk_bytes") &&
                       settings["upload_chunk_bytes"].is_number_integer();
  const auto told = is_told ? settings["upload_chunk_bytes"].get<std::int64_t>() : 0;
  return told <= 0 ? kUploadChunkBytes : std::clamp(told, kChunkBytesMin, kChunkBytesMax);
}

void Sender::renew_targets(const std::vector<JobFile>& files) {
  std::vector<JobFileId> ids;
  std::vector<JobFile> asked;
  for (const JobFile& file : files) {
    if (targets_.has_fresh(file.file_number)) continue;
    ids.push_back(file.job_file_id);
    asked.push_back(file);
  }
  const std::vector<wire::FileAnswer> answers = ports_.central.renew_uploads(ids);
  std::vector<Move> moves;
  std::vector<JobFile> moved;
  for (const JobFile& file : asked) {
    const wire::FileAnswer* answer = answer_for(answers, file.job_file_id);
    if (answer == nullptr) continue;
    if (is_withdrawn(ledger_, file, answer->state, answer->problem)) {
      ledger_.note_withdrawn(file.file_number, Told::kInAnswer);
    } else if (answer->upload) {
      targets_.put(file.file_number, *answer->upload);
    } else if (auto move = follow_central(file, answer->state, answer->problem)) {
      moves.push_back(std::move(*move));
      moved.push_back(file);
    } else {
      put_off_unknown(file, *answer);
    }
  }
  apply(moved, moves);
}

void Sender::put_off_unknown(const JobFile& file, const wire::FileAnswer& answer) {
  const wire::FileProblem problem = answer.problem.value_or(wire::FileProblem{
      std::string(error_code::kAnswerNotUnderstood.id), "central gave no place for it", {}});
  log_warning(file.relative_path + ": " + problem.code + " " + problem.message);
  ledger_.put_off(file.file_number,
                  ports_.clock.now_ms() + pause_ms(file.attempt_count + 1, 0, ports_.chance),
                  problem);
}

// ---- asking

bool Sender::confirm() {
  const bool is_too_soon = ports_.clock.steady_ms() < last_confirm_steady_ms_ + kConfirmGapMs;
  if (under_way_ > 0 && is_too_soon) return false;
  const std::vector<JobFile> files = ledger_.files_to_confirm(kConfirmMax);
  if (files.empty()) return false;
  std::vector<wire::ConfirmedFile> request;
  request.reserve(files.size());
  for (const JobFile& file : files) request.push_back({file.job_file_id, file.size_bytes});
  last_confirm_steady_ms_ = ports_.clock.steady_ms();
  const std::vector<wire::FileAnswer> answers = ports_.central.confirm_uploads(request);
  std::vector<Move> moves;
  std::vector<JobFile> moved;
  for (const JobFile& file : files) {
    const wire::FileAnswer* answer = answer_for(answers, file.job_file_id);
    if (answer == nullptr) continue;
    if (is_withdrawn(ledger_, file, answer->state, answer->problem)) {
      ledger_.note_withdrawn(file.file_number, Told::kInAnswer);
      continue;
    }
    std::optional<Move> move = follow_central(file, answer->state, answer->problem);
    if (!move && answer->state == kAwaitingUpload) {
      move = Move{.file = file.file_number, .from = file.state, .event = FileEvent::kMissing};
      // Why it did not arrive tells more than that it did not.
      move->problem = file.problem ? file.problem : answer->problem;
      // Storage had it all: what it calls a session has led to nothing.
      move->ends_session = file.state == FileState::kUploaded;
      put_back(file, 0, *move);
    }
    if (!move) {
      put_off_unknown(file, *answer);
      continue;
    }
    moves.push_back(std::move(*move));
    moved.push_back(file);
  }
  apply(moved, moves);
  return true;
}

}  // namespace waybill
