#include "agent/ledger/database.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

// A due time farther away than any pause of ours was written before the wall clock was stepped
// back; it counts as due.
#define WAYBILL_IS_DUE \
  "(f.next_attempt_at_ms <= :now_ms OR f.next_attempt_at_ms > :now_ms + :pause_max_ms) "

namespace sql {

constexpr const char* kFindPreflight = WAYBILL_SELECT_PREFLIGHT "WHERE file_number = :file_number";

constexpr const char* kFindByCentralId =
    WAYBILL_SELECT_JOB_FILE "WHERE f.job_file_id = :job_file_id";

// "+": found by the name, not among all files of the job.
constexpr const char* kFindInJob = WAYBILL_SELECT_JOB_FILE
    "WHERE +j.job_key = :job_key AND f.relative_path = :relative_path "
    "AND f.content_sha256 = :content_sha256 AND f.part_number = :part_number ORDER BY "
    "f.export_number DESC LIMIT 1";

constexpr const char* kFilesToRegister = WAYBILL_SELECT_JOB_FILE
    "WHERE f.state = 'ready' AND f.delivery_name <> '' AND " WAYBILL_IS_DUE
    "AND CASE WHEN f.backfill_number = 0 "
    "         THEN NOT EXISTS (SELECT 1 FROM backfill AS b WHERE b.is_ahead = 1 "
    "                                                        AND b.state <> 'done') "
    "         ELSE EXISTS (SELECT 1 FROM backfill AS b "
    "                       WHERE b.backfill_number = f.backfill_number "
    "                         AND b.state = 'sending') "
    "              AND NOT EXISTS (SELECT 1 FROM job_file AS older "
    "                               WHERE older.backfill_number = f.backfill_number "
    "                                 AND older.backfill_number > 0 "
    "                                 AND older.delivery_date < f.delivery_date "
    "                                 AND older.state IN ('ready', 'queued', 'uploading', "
    "                                                     'uploaded', 'unsettled')) END "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS first "
    "                 WHERE first.file_tag = f.file_tag "
    "                   AND first.original_sha256 = f.original_sha256 "
    "                   AND first.part_number = f.part_number "
    "                   AND first.file_number < f.file_number "
    "                   AND NOT (first.state = 'ready' "
    "                            AND first.backfill_number <> f.backfill_number) "
    "                   AND first.gave_up_at_ms = 0 "
    "                   AND first.state IN ('ready', 'queued', 'uploading', 'uploaded', "
    "                                       'unsettled', 'received')) "
    "ORDER BY f.backfill_number, f.delivery_date, f.file_number LIMIT :limit";

constexpr const char* kFilesToUpload = WAYBILL_SELECT_JOB_FILE
    "WHERE f.state = 'queued' AND f.gave_up_at_ms = 0 "
    "AND f.is_recovered = 0 AND " WAYBILL_IS_DUE "ORDER BY f.file_number LIMIT :limit";

constexpr const char* kFilesToConfirm =
    WAYBILL_SELECT_JOB_FILE "WHERE f.state IN ('uploaded', 'unsettled') AND " WAYBILL_IS_DUE
                            "ORDER BY f.file_number LIMIT :limit";

constexpr const char* kFilesToWithdraw = WAYBILL_SELECT_JOB_FILE
    "WHERE f.state IN ('superseded', 'vanished') AND f.job_file_id IS NOT NULL "
    "AND f.withdrawn_at_ms = 0 AND " WAYBILL_IS_DUE "ORDER BY f.file_number LIMIT :limit";

// The list is the index's own condition: without it every row of the ledger is looked at.
constexpr const char* kCountState =
    "SELECT count(*) FROM job_file WHERE state = :state "
    "AND state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled')";

constexpr const char* kNextDue = R"sql(
  SELECT min(next_attempt_at_ms) FROM job_file
   WHERE state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled')
     AND next_attempt_at_ms > :now_ms AND gave_up_at_ms = 0
)sql";

}  // namespace sql

namespace {

std::vector<JobFile> list_due(LedgerDatabase& database, const char* statement, std::int64_t now_ms,
                              std::size_t limit) {
  return database.guarded("list", "due files", [&] {
    std::vector<JobFile> out;
    Prepared list = database.prepared(statement);
    list->bind(":now_ms", now_ms);
    list->bind(":pause_max_ms", kRetryPauseMaxMs);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    return out;
  });
}

}  // namespace

std::vector<JobFile> Ledger::files_to_register(std::size_t limit) {
  return list_due(*database_, sql::kFilesToRegister, clock_.now_ms(), limit);
}

std::vector<JobFile> Ledger::files_to_upload(std::size_t limit) {
  return list_due(*database_, sql::kFilesToUpload, clock_.now_ms(), limit);
}

std::vector<JobFile> Ledger::files_to_confirm(std::size_t limit) {
  return list_due(*database_, sql::kFilesToConfirm, clock_.now_ms(), limit);
}

std::vector<JobFile> Ledger::files_to_withdraw(std::size_t limit) {
  return list_due(*database_, sql::kFilesToWithdraw, clock_.now_ms(), limit);
}

std::optional<JobFile> Ledger::find(const JobFileId& job_file_id) {
  return database_->guarded("find", "job_file", [&]() -> std::optional<JobFile> {
    Prepared find = database_->prepared(sql::kFindByCentralId);
    find->bind(":job_file_id", job_file_id.value);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job_file(*row);
  });
}

std::optional<PreflightRecord> Ledger::preflight(FileId file) {
  return database_->guarded("find", "preflight", [&]() -> std::optional<PreflightRecord> {
    Prepared find = database_->prepared(sql::kFindPreflight);
    find->bind(":file_number", file.value);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_preflight(*row);
  });
}

std::optional<JobFile> Ledger::find_in_job(const JobKey& job_key, const std::string& relative_path,
                                           const Sha256Hex& content_sha256,
                                           std::int32_t part_number) {
  return database_->guarded("find", "job_file", [&]() -> std::optional<JobFile> {
    Prepared find = database_->prepared(sql::kFindInJob);
    find->bind(":job_key", job_key.value);
    find->bind(":relative_path", relative_path);
    find->bind(":content_sha256", content_sha256);
    find->bind(":part_number", part_number);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job_file(*row);
  });
}

std::int64_t Ledger::count(FileState state) {
  return database_->guarded("count", "files", [&] {
    Prepared count = database_->prepared(sql::kCountState);
    count->bind(":state", std::string(to_string(state)));
    return count.next()->getColumn(0).getInt64();
  });
}

std::optional<std::int64_t> Ledger::next_due_at_ms() {
  return database_->guarded("find", "next due file", [&]() -> std::optional<std::int64_t> {
    Prepared find = database_->prepared(sql::kNextDue);
    find->bind(":now_ms", clock_.now_ms());
    auto* row = find.next();
    if (row->getColumn(0).isNull()) return std::nullopt;
    return row->getColumn(0).getInt64();
  });
}

}  // namespace waybill
