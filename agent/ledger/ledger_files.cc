#include <algorithm>

#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "core/error.h"

namespace waybill {

namespace sql {

constexpr const char* kListVersions =
    WAYBILL_SELECT_JOB_FILE "WHERE f.relative_path = :relative_path ORDER BY f.file_number";

constexpr const char* kListLastExport = WAYBILL_SELECT_JOB_FILE
    "WHERE f.relative_path = :relative_path AND f.original_sha256 = :original_sha256 "
    "AND f.export_number = (SELECT max(last.export_number) FROM job_file AS last "
    "                        WHERE last.relative_path = :relative_path "
    "                          AND last.original_sha256 = :original_sha256) "
    "ORDER BY f.part_number";

constexpr const char* kLastContent =
    "SELECT content_sha256 FROM path WHERE relative_path = :relative_path";

constexpr const char* kNewestVersion = R"sql(
  SELECT original_sha256 FROM job_file
   WHERE relative_path = :relative_path AND state NOT IN ('superseded', 'vanished')
   ORDER BY file_number DESC LIMIT 1
)sql";

// What we know of the name is not enough: its bytes are read again once it rests.
constexpr const char* kDoubtPath = R"sql(
  UPDATE path SET state = 'settling' WHERE relative_path = :relative_path AND state = 'recorded'
)sql";

constexpr const char* kFindFile = WAYBILL_SELECT_JOB_FILE "WHERE f.file_number = :file_number";

constexpr const char* kAddPart = R"sql(
  INSERT INTO job_file (relative_path, content_sha256, original_sha256, part_number, part_count,
                        first_source_row, head_bytes, begin_byte, end_byte, export_number, file_tag,
                        spec_version, delivery_date, chunk_number, chunk_count, size_bytes,
                        mtime_ns, state, discovered_at_ms, updated_at_ms)
  VALUES (:relative_path, :content_sha256, :original_sha256, :part_number, :part_count,
          :first_source_row, :head_bytes, :begin_byte, :end_byte, :export_number, :file_tag,
          :spec_version, :delivery_date, :chunk_number, :chunk_count, :size_bytes,
          :mtime_ns, 'ready', :now_ms, :now_ms)
)sql";

constexpr const char* kAddPreflight = R"sql(
  INSERT INTO preflight (file_number, is_refused, spec_version, row_count, quarantined_count,
                         finding_count, quarantine_file, report)
  VALUES (:file_number, :is_refused, :spec_version, :row_count, :quarantined_count,
          :finding_count, :quarantine_file, :report)
)sql";

constexpr const char* kRecordPathHash = R"sql(
  UPDATE path
     SET state = 'recorded', size_bytes = :size_bytes, mtime_ns = :mtime_ns, file_id = :file_id,
         error_code = '', change_ns = :change_ns, hashed_at_ms = :now_ms,
         content_sha256 = :content_sha256
   WHERE relative_path = :relative_path
)sql";

constexpr const char* kSeeAgain = R"sql(
  UPDATE job_file SET mtime_ns = :mtime_ns WHERE file_number = :file_number
)sql";

// Compare-and-set: touches no row when the file has left :from. A bound null keeps the column.
constexpr const char* kMoveFile = R"sql(
  UPDATE job_file
     SET state = :to,
         error_code = :error_code,
         error = :error,
         job_file_id = coalesce(:job_file_id, job_file_id),
         duplicate_of = coalesce(:duplicate_of, duplicate_of),
         next_attempt_at_ms = coalesce(:next_attempt_at_ms, next_attempt_at_ms),
         entity = coalesce(:entity, entity),
         rows_staged = coalesce(:rows_staged, rows_staged),
         central_seq = coalesce(:central_seq, central_seq),
         attempt_count = max(0, attempt_count + :attempts),
         gave_up_at_ms = :gave_up_at_ms,
         upload_url = CASE WHEN :ends_session THEN '' ELSE upload_url END,
         updated_at_ms = :now_ms
   WHERE file_number = :file_number AND state = :from
)sql";

// A file that starts anew looks for a delivery of the day and forgets its old tries.
constexpr const char* kStartAnew = R"sql(
  UPDATE job_file
     SET attempt_count = 0, next_attempt_at_ms = 0, mtime_ns = :mtime_ns, withdrawn_at_ms = 0
   WHERE file_number = :file_number
)sql";

constexpr const char* kPutOff = R"sql(
  UPDATE job_file
     SET next_attempt_at_ms = :next_attempt_at_ms, error_code = :error_code, error = :error
   WHERE file_number = :file_number
)sql";

constexpr const char* kMarkSeen = R"sql(
  UPDATE job_file
     SET central_seq = :central_seq, job_file_id = coalesce(job_file_id, :job_file_id)
   WHERE file_number = :file_number
)sql";

constexpr const char* kTouchJob = R"sql(
  UPDATE job SET last_activity_at_ms = :now_ms
   WHERE job_number = (SELECT job_number FROM job_file WHERE file_number = :file_number)
)sql";

constexpr const char* kListUploading =
    "SELECT file_number FROM job_file WHERE state = 'uploading' ORDER BY file_number";

}  // namespace sql

namespace {

wire::FileProblem problem_of_unsent(FileEvent event) {
  if (event == FileEvent::kRemoved) {
    return {std::string(error_code::kFileVanished.id), "it was removed before it was sent", {}};
  }
  return {std::string(error_code::kFileChanged.id), "its bytes changed before they were sent", {}};
}

bool is_ours(const JobFile& part) { return is_in_our_hands(part.state); }

bool is_refused(const JobFile& part) { return part.state == FileState::kRefused; }

/// Staged once, and taken out again by central's operators: they may want it anew.
bool is_retired(const JobFile& part) { return is_refused(part) && part.rows_staged >= 0; }

/// Nothing of it is ours or central's to do any more: it was gone before it was sent.
bool is_given_up(const JobFile& part) {
  return part.state == FileState::kSuperseded || part.state == FileState::kVanished;
}

/// Central keeps milliseconds.
bool has_time_of(const JobFile& part, const HashedFile& file) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  return part.is_recovered ? part.mtime_ns / kNsPerMs == file.mtime_ns / kNsPerMs
                           : part.mtime_ns == file.mtime_ns;
}

/// Central has proved its bytes. One that is only received may still be asked for again.
bool is_delivered(const JobFile& part) {
  return (is_taken_by_central(part.state) && part.state != FileState::kReceived) ||
         part.state == FileState::kDuplicate;
}

/// A lost ledger knew of it, and central waits for it, or holds it and has not been asked yet.
bool is_awaited_anew(const JobFile& part) {
  return part.is_recovered &&
         (part.state == FileState::kQueued || part.state == FileState::kUnsettled);
}

/// Central waits for it cut in another way than the spec of today cuts it.
bool is_cut_otherwise(const JobFile& part, const PartPlan& plan) {
  if (!is_awaited_anew(part)) return false;
  const auto place = static_cast<std::size_t>(part.part.number - 1);
  return static_cast<std::size_t>(part.part_count) != plan.parts.size() ||
         plan.parts[place].content_sha256 != part.content_sha256;
}

}  // namespace

// ---- discovery

std::vector<Discovery> Ledger::record_hashes(std::span<const HashedFile> files) {
  std::vector<Discovery> out;
  if (files.empty()) return out;
  database_->transact("record hashes", files.front().relative_path, [&] {
    for (const HashedFile& file : files) out.push_back(record_hash(file));
  });
  return out;
}

Discovery Ledger::record_hash(const HashedFile& file) {
  const bool had_these_bytes = stands_for(file.relative_path, file.plan.original_sha256);
  Prepared mark = database_->prepared(sql::kRecordPathHash);
  mark->bind(":size_bytes", file.plan.size_bytes);
  mark->bind(":mtime_ns", file.mtime_ns);
  mark->bind(":file_id", file.file_id);
  mark->bind(":change_ns", file.change_ns);
  mark->bind(":now_ms", clock_.now_ms());
  mark->bind(":content_sha256", file.plan.original_sha256);
  mark->bind(":relative_path", file.relative_path);
  mark->exec();
  give_up_unsent(file.relative_path, file.plan.original_sha256, FileEvent::kChanged);

  const std::vector<JobFile> parts = last_export(file);
  if (parts.empty()) {
    add_version(file, 1);
    return Discovery::kNew;
  }
  const std::int32_t next_export = parts.front().export_number + 1;
  if (give_up_other_cut(file, parts)) {
    add_version(file, next_export);
    return Discovery::kRediscovered;
  }
  if (std::all_of(parts.begin(), parts.end(), is_delivered)) {
    const bool is_as_delivered =
        has_time_of(parts.front(), file) && (had_these_bytes || parts.front().is_recovered);
    if (is_as_delivered) {  // a remount, new rights, its turn, or a ledger that was rebuilt
      learn_place(file, parts);
      return Discovery::kSame;
    }
    add_version(file, next_export);
    return Discovery::kExportedAgain;
  }
  if (std::any_of(parts.begin(), parts.end(), is_refused)) {
    const bool is_cut_short = std::any_of(parts.begin(), parts.end(), is_given_up);
    const bool is_judged_anew = parts.front().spec_version < file.spec_version &&
                                std::none_of(parts.begin(), parts.end(), is_ours);
    const bool was_retired = std::all_of(parts.begin(), parts.end(), is_retired);
    if (was_retired && !has_time_of(parts.front(), file)) {
      add_version(file, next_export);
      return Discovery::kExportedAgain;
    }
    if (is_cut_short || is_judged_anew) {
      add_version(file, next_export);
      return is_judged_anew ? Discovery::kSpecRenewed : Discovery::kRediscovered;
    }
  }
  return see_again(file, parts);
}

/// Did the name hold these bytes when it was last read? A name that was not there, or not known to
/// an older agent, is taken to stand for the newest version that was not given up.
bool Ledger::stands_for(const std::string& relative_path, const Sha256Hex& original_sha256) {
  {
    Prepared find = database_->prepared(sql::kLastContent);
    find->bind(":relative_path", relative_path);
    auto* row = find.next();
    const std::string last = row == nullptr ? "" : row->getColumn(0).getString();
    if (!last.empty()) return last == original_sha256;
  }
  Prepared find = database_->prepared(sql::kNewestVersion);
  find->bind(":relative_path", relative_path);
  auto* row = find.next();
  return row == nullptr || row->getColumn(0).getString() == original_sha256;
}

std::vector<JobFile> Ledger::last_export(const HashedFile& file) {
  std::vector<JobFile> out;
  Prepared list = database_->prepared(sql::kListLastExport);
  list->bind(":relative_path", file.relative_path);
  list->bind(":original_sha256", file.plan.original_sha256);
  while (auto* row = list.next()) out.push_back(read_job_file(*row));
  return out;
}

/// The bytes are those of a version that is not delivered; its given-up parts start anew.
Discovery Ledger::see_again(const HashedFile& file, const std::vector<JobFile>& parts) {
  bool is_back = false;
  learn_place(file, parts);
  for (const JobFile& part : parts) {
    Prepared again = database_->prepared(sql::kSeeAgain);
    again->bind(":mtime_ns", file.mtime_ns);
    again->bind(":file_number", part.file_number.value);
    again->exec();
    if (!is_given_up(part)) continue;
    is_back = true;
    move_one({.file = part.file_number, .from = part.state, .event = FileEvent::kRediscovered});
    Prepared anew = database_->prepared(sql::kStartAnew);
    anew->bind(":mtime_ns", file.mtime_ns);
    anew->bind(":file_number", part.file_number.value);
    anew->exec();
  }
  if (is_back) return Discovery::kRediscovered;
  if (!file.is_reread)
    append_event({.kind = "seen_again",
                  .relative_path = file.relative_path,
                  .content_sha256 = parts.front().content_sha256,
                  .file_number = parts.front().file_number});
  const bool stays_refused = std::any_of(parts.begin(), parts.end(), is_refused);
  return stays_refused ? Discovery::kStaysRefused : Discovery::kSame;
}

/// Of a ledger that was rebuilt: nobody can make the old parts any more. True when there were some.
bool Ledger::give_up_other_cut(const HashedFile& file, const std::vector<JobFile>& parts) {
  bool was_there = false;
  for (const JobFile& part : parts) {
    if (!is_cut_otherwise(part, file.plan)) continue;
    was_there = true;
    move_one({.file = part.file_number,
              .from = part.state,
              .event = FileEvent::kChanged,
              .problem = problem_of_unsent(FileEvent::kChanged)});
  }
  return was_there;
}

void Ledger::add_version(const HashedFile& file, std::int32_t export_number) {
  for (const FilePart& part : file.plan.parts) add_part(file, part, export_number);
}

void Ledger::add_part(const HashedFile& file, const FilePart& part, std::int32_t export_number) {
  const std::size_t part_count = file.plan.parts.size();
  Prepared add = database_->prepared(sql::kAddPart);
  add->bind(":relative_path", file.relative_path);
  add->bind(":content_sha256", part.content_sha256);
  add->bind(":original_sha256", file.plan.original_sha256);
  add->bind(":part_number", part.number);
  add->bind(":part_count", static_cast<std::int64_t>(part_count));
  add->bind(":first_source_row", part.first_source_row);
  add->bind(":head_bytes", part.head_bytes);
  add->bind(":begin_byte", part.begin_byte);
  add->bind(":end_byte", part.end_byte);
  add->bind(":export_number", export_number);
  add->bind(":file_tag", file.file_tag.value);
  add->bind(":spec_version", file.spec_version);
  add->bind(":delivery_date", file.delivery_date);
  add->bind(":chunk_number", file.chunk_number);
  add->bind(":chunk_count", file.chunk_count);
  add->bind(":size_bytes", part.size_bytes());
  add->bind(":mtime_ns", file.mtime_ns);
  add->bind(":now_ms", clock_.now_ms());
  add->exec();
  nlohmann::json detail = {{"file_tag", file.file_tag.value},
                           {"size_bytes", part.size_bytes()},
                           {"export_number", export_number}};
  if (part_count > 1) {
    detail["part_number"] = part.number;
    detail["part_count"] = part_count;
    detail["first_source_row"] = part.first_source_row;
    detail["original_sha256"] = file.plan.original_sha256;
  }
  const FileId file_number{database_->last_rowid()};
  if (file.preflight && part.number == 1) {
    add_preflight(file_number, *file.preflight);
    detail["preflight"] = {{"outcome", file.preflight->is_refused ? "refused" : "accepted"},
                           {"rows", file.preflight->row_count},
                           {"report_sha256", sha256_hex(file.preflight->report)}};
  }
  append_event({.kind = "discovered",
                .relative_path = file.relative_path,
                .content_sha256 = part.content_sha256,
                .file_number = file_number,
                .to_state = to_string(FileState::kReady),
                .detail = std::move(detail)});
}

void Ledger::add_preflight(FileId file_number, const PreflightRecord& record) {
  Prepared add = database_->prepared(sql::kAddPreflight);
  add->bind(":file_number", file_number.value);
  add->bind(":is_refused", record.is_refused ? 1 : 0);
  add->bind(":spec_version", record.spec_version);
  add->bind(":row_count", record.row_count);
  add->bind(":quarantined_count", record.quarantined_count);
  add->bind(":finding_count", record.finding_count);
  add->bind(":quarantine_file", record.quarantine_file);
  add->bind(":report", record.report);
  add->exec();
}

void Ledger::give_up_unsent(const std::string& relative_path, const Sha256Hex& except,
                            FileEvent event) {
  std::vector<JobFile> versions;
  {
    Prepared list = database_->prepared(sql::kListVersions);
    list->bind(":relative_path", relative_path);
    while (auto* row = list.next()) versions.push_back(read_job_file(*row));
  }
  for (const JobFile& version : versions) {
    // A running upload finds out by itself; what was sent already is settled with central.
    const bool is_unsent = version.state == FileState::kReady ||
                           version.state == FileState::kQueued || is_awaited_anew(version);
    if (!is_unsent || version.original_sha256 == except) continue;
    move_one({.file = version.file_number,
              .from = version.state,
              .event = event,
              .problem = problem_of_unsent(event),
              .next_attempt_at_ms = 0});  // central is told at once
  }
}

// ---- moves

void Ledger::move(std::span<const Move> moves) {
  if (moves.empty()) return;
  database_->transact("move", "job_file " + std::to_string(moves.front().file.value), [&] {
    for (const Move& one : moves) move_one(one);
  });
}

void Ledger::move_one(const Move& move) {
  const std::string subject = "job_file " + std::to_string(move.file.value);
  const std::optional<FileState> to = next_state(move.from, move.event);
  if (!to) {
    throw Error(
        error_code::kMoveIllegal, "move", subject,
        std::string(to_string(move.event)) + " cannot follow " + std::string(to_string(move.from)));
  }
  {
    Prepared set = database_->prepared(sql::kMoveFile);
    set->bind(":to", std::string(to_string(*to)));
    set->bind(":from", std::string(to_string(move.from)));
    set->bind(":error_code", move.problem ? move.problem->code : "");
    set->bind(":error", to_text(move.problem));
    if (move.job_file_id) set->bind(":job_file_id", move.job_file_id->value);
    if (move.duplicate_of) set->bind(":duplicate_of", move.duplicate_of->dump());
    if (move.next_attempt_at_ms) set->bind(":next_attempt_at_ms", *move.next_attempt_at_ms);
    if (move.entity) set->bind(":entity", *move.entity);
    if (move.rows_staged) set->bind(":rows_staged", *move.rows_staged);
    if (move.central_seq) set->bind(":central_seq", *move.central_seq);
    const int opened = move.event == FileEvent::kSessionOpened ? 1 : 0;
    set->bind(":attempts", opened - (move.was_no_try ? 1 : 0));
    set->bind(":gave_up_at_ms", move.gave_up_at_ms);
    set->bind(":ends_session", move.ends_session || !is_in_our_hands(*to) ? 1 : 0);
    set->bind(":now_ms", clock_.now_ms());
    set->bind(":file_number", move.file.value);
    if (set->exec() != 1) {
      throw Error(error_code::kMoveIllegal, "move", subject,
                  "it has left " + std::string(to_string(move.from)));
    }
  }
  touch_job_of(move.file);

  const std::optional<JobFile> file = find(move.file);
  const bool is_given_up = move.event == FileEvent::kChanged || move.event == FileEvent::kRemoved;
  if (is_given_up && move.from == FileState::kUploading) doubt_path(file->relative_path);
  if (*to == FileState::kQueued && file->is_recovered) {
    // Wanted once more, perhaps long after it was gone: it is sent, or given up, when it was looked
    // at.
    expect_path(file->relative_path);
    doubt_path(file->relative_path);
  }
  nlohmann::json detail = nlohmann::json::object();
  if (move.problem) detail["problem"] = nlohmann::json::parse(to_text(move.problem));
  if (move.job_file_id) detail["job_file_id"] = move.job_file_id->value;
  if (move.duplicate_of) detail["duplicate_of"] = *move.duplicate_of;
  if (move.rows_staged && *move.rows_staged >= 0) detail["rows_staged"] = *move.rows_staged;
  if (move.entity && !move.entity->empty()) detail["entity"] = *move.entity;
  if (move.central_seq) detail["central_seq"] = *move.central_seq;
  append_event({.kind = to_string(move.event),
                .relative_path = file->relative_path,
                .content_sha256 = file->content_sha256,
                .file_number = move.file,
                .from_state = to_string(move.from),
                .to_state = to_string(*to),
                .detail = std::move(detail)});
}

/// A file that was not as hashed while it was sent may have been hashed again before we heard: only
/// touched, or renamed away and back. Then nothing but this has it read once more.
void Ledger::doubt_path(const std::string& relative_path) {
  Prepared doubt = database_->prepared(sql::kDoubtPath);
  doubt->bind(":relative_path", relative_path);
  doubt->exec();
}

std::size_t Ledger::interrupt_running_uploads() {
  std::vector<Move> moves;
  database_->guarded("list", "running uploads", [&] {
    Prepared list = database_->prepared(sql::kListUploading);
    while (auto* row = list.next()) {
      moves.push_back({.file = FileId{row->getColumn(0).getInt64()},
                       .from = FileState::kUploading,
                       .event = FileEvent::kInterrupted});
    }
  });
  move(moves);
  return moves.size();
}

void Ledger::put_off(FileId file, std::int64_t next_attempt_at_ms,
                     const wire::FileProblem& problem) {
  database_->transact("put off", "job_file " + std::to_string(file.value), [&] {
    Prepared set = database_->prepared(sql::kPutOff);
    set->bind(":next_attempt_at_ms", next_attempt_at_ms);
    set->bind(":error_code", problem.code);
    set->bind(":error", to_text(problem));
    set->bind(":file_number", file.value);
    set->exec();
  });
}

void Ledger::mark_seen(const SyncResult::Seen& seen) {
  Prepared mark = database_->prepared(sql::kMarkSeen);
  mark->bind(":central_seq", seen.central_seq);
  mark->bind(":job_file_id", seen.job_file_id.value);
  mark->bind(":file_number", seen.file.value);
  mark->exec();
}

void Ledger::touch_job_of(FileId file) {
  Prepared touch = database_->prepared(sql::kTouchJob);
  touch->bind(":now_ms", clock_.now_ms());
  touch->bind(":file_number", file.value);
  touch->exec();
}

std::optional<JobFile> Ledger::find(FileId file) {
  return database_->guarded("find", "job_file", [&]() -> std::optional<JobFile> {
    Prepared find = database_->prepared(sql::kFindFile);
    find->bind(":file_number", file.value);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job_file(*row);
  });
}

}  // namespace waybill
