#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "core/error_code.h"

namespace waybill {

namespace sql {

constexpr const char* kMarkWithdrawn = R"sql(
  UPDATE job_file SET withdrawn_at_ms = :now_ms
   WHERE file_number = :file_number AND withdrawn_at_ms = 0
     AND state IN ('superseded', 'vanished')
)sql";

constexpr const char* kFindRefusedFellow = R"sql(
  SELECT 1 FROM job_file
   WHERE relative_path = :relative_path AND original_sha256 = :original_sha256
     AND export_number = :export_number AND part_count > 1 AND state = 'refused'
     AND error_code NOT IN (:part_of_set_refused, :withdrawn)
   LIMIT 1
)sql";

}  // namespace sql

bool Ledger::has_refused_fellow(const JobFile& file) {
  return database_->guarded("find", "refused part", [&] {
    Prepared find = database_->prepared(sql::kFindRefusedFellow);
    find->bind(":relative_path", file.relative_path);
    find->bind(":original_sha256", file.original_sha256);
    find->bind(":export_number", file.export_number);
    find->bind(":part_of_set_refused", std::string(error_code::kPartOfSetRefused.id));
    find->bind(":withdrawn", std::string(error_code::kFileWithdrawn.id));
    return find.next() != nullptr;
  });
}

void Ledger::note_withdrawn(FileId file, Told told) {
  database_->transact("record withdrawal", "job_file " + std::to_string(file.value),
                      [&] { withdraw(file, told); });
}

void Ledger::withdraw(FileId number, Told told) {
  const std::optional<JobFile> file = find(number);
  if (!file || file->state == FileState::kReady) return;  // it is offered again anyhow
  const bool is_given_up =
      file->state == FileState::kSuperseded || file->state == FileState::kVanished;
  if (!is_given_up) {
    if (told == Told::kInChange && is_in_our_hands(file->state)) return;  // older than our offer
    const FileEvent fate = fate_of(*file);
    if (!next_state(file->state, fate)) return;
    Move move{.file = number, .from = file->state, .event = fate};
    move.next_attempt_at_ms = 0;
    move_one(move);
  }
  Prepared mark = database_->prepared(sql::kMarkWithdrawn);
  mark->bind(":now_ms", clock_.now_ms());
  mark->bind(":file_number", number.value);
  if (mark->exec() == 0) return;
  append_event({.kind = "withdrawn",
                .relative_path = file->relative_path,
                .content_sha256 = file->content_sha256,
                .file_number = number,
                .detail = {{"job_file_id", file->job_file_id.value}}});
}

/// Of a part whose set was let go: what does the folder say? In doubt the file is given up; it is
/// read again then, and comes back if the bytes are the same.
FileEvent Ledger::fate_of(const JobFile& file) {
  const std::optional<PathRecord> path = find_path(file.relative_path);
  if (!path) return FileEvent::kRemoved;
  const bool is_as_hashed =
      path->state == PathState::kRecorded && stands_for(file.relative_path, file.original_sha256);
  return is_as_hashed ? FileEvent::kTakenBack : FileEvent::kChanged;
}

}  // namespace waybill
