#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

constexpr const char* kFindOpenJob = WAYBILL_SELECT_JOB
    "WHERE delivery_date = :delivery_date AND delivery_name = :delivery_name "
    "AND backfill_number = :backfill_number AND state = 'open' "
    "ORDER BY job_number DESC LIMIT 1";

constexpr const char* kFindJob = WAYBILL_SELECT_JOB "WHERE job_number = :job_number";

constexpr const char* kAddJob = R"sql(
  INSERT INTO job (job_key, delivery_date, delivery_name, backfill_number, state, made_at_ms,
                   last_activity_at_ms)
  VALUES (:job_key, :delivery_date, :delivery_name, :backfill_number, 'open', :now_ms, :now_ms)
)sql";

// The other parts of the file come along: a set that lies in two jobs would wait for ever.
constexpr const char* kAssignJob = R"sql(
  UPDATE job_file SET job_number = :job_number
   WHERE state = 'ready'
     AND (file_number = :file_number
          OR job_number IS NULL
         AND (relative_path, original_sha256, export_number) =
             (SELECT relative_path, original_sha256, export_number FROM job_file
               WHERE file_number = :file_number AND part_count > 1))
)sql";

constexpr const char* kTouchJob =
    "UPDATE job SET last_activity_at_ms = :now_ms WHERE job_number = :job_number";

constexpr const char* kJobOpened =
    "UPDATE job SET central_job_id = :central_job_id WHERE job_number = :job_number";

constexpr const char* kCloseJob =
    "UPDATE job SET state = 'closed', closed_at_ms = :now_ms WHERE job_number = :job_number";

constexpr const char* kFreeFilesOfJob = R"sql(
  UPDATE job_file SET job_number = NULL, job_file_id = NULL
   WHERE job_number = :job_number AND state = 'ready'
)sql";

constexpr const char* kJobsToClose = WAYBILL_SELECT_JOB
    "WHERE state = 'open' "
    "AND (backfill_number > 0 OR last_activity_at_ms <= :now_ms - :idle_ms "
    "     OR last_activity_at_ms > :now_ms) "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS f "
    "                 WHERE f.job_number = job.job_number "
    "                   AND f.state IN ('ready', 'queued', 'uploading', 'uploaded', "
    "                                   'unsettled')) "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS f "
    "                 WHERE f.backfill_number = job.backfill_number AND f.backfill_number > 0 "
    "                   AND f.delivery_date = job.delivery_date AND f.state = 'ready') "
    "ORDER BY job_number";

}  // namespace sql

std::optional<Job> Ledger::open_job(const std::string& delivery_date,
                                    const std::string& delivery_name,
                                    std::int64_t backfill_number) {
  return database_->guarded("find job of", delivery_date, [&]() -> std::optional<Job> {
    Prepared find = database_->prepared(sql::kFindOpenJob);
    find->bind(":delivery_date", delivery_date);
    find->bind(":delivery_name", delivery_name);
    find->bind(":backfill_number", backfill_number);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job(*row);
  });
}

std::optional<Job> Ledger::find_job(std::int64_t job_number) {
  return database_->guarded("find", "job", [&]() -> std::optional<Job> {
    Prepared find = database_->prepared(sql::kFindJob);
    find->bind(":job_number", job_number);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job(*row);
  });
}

Job Ledger::make_job(const JobKey& key, const std::string& delivery_date, const std::string& name,
                     std::int64_t backfill_number) {
  Job out;
  out.job_key = key;
  out.delivery_date = delivery_date;
  out.delivery_name = name;
  out.backfill_number = backfill_number;
  out.made_at_ms = clock_.now_ms();
  out.last_activity_at_ms = out.made_at_ms;
  database_->transact("make job", key.value, [&] {
    Prepared add = database_->prepared(sql::kAddJob);
    add->bind(":job_key", key.value);
    add->bind(":delivery_date", delivery_date);
    add->bind(":delivery_name", name);
    add->bind(":backfill_number", backfill_number);
    add->bind(":now_ms", out.made_at_ms);
    add->exec();
    out.job_number = database_->last_rowid();
    append_event(
        {.kind = "job_made", .detail = {{"job_key", key.value}, {"delivery_date", delivery_date}}});
  });
  return out;
}

void Ledger::assign_job(std::int64_t job_number, std::span<const JobFile> files) {
  database_->transact("assign job", std::to_string(job_number), [&] {
    for (const JobFile& file : files) {
      Prepared assign = database_->prepared(sql::kAssignJob);
      assign->bind(":job_number", job_number);
      assign->bind(":file_number", file.file_number.value);
      assign->exec();
    }
    Prepared touch = database_->prepared(sql::kTouchJob);
    touch->bind(":now_ms", clock_.now_ms());
    touch->bind(":job_number", job_number);
    touch->exec();
  });
}

void Ledger::job_opened(std::int64_t job_number, const JobId& central_job_id) {
  database_->transact("record job", central_job_id.value, [&] {
    Prepared set = database_->prepared(sql::kJobOpened);
    set->bind(":central_job_id", central_job_id.value);
    set->bind(":job_number", job_number);
    set->exec();
    append_event({.kind = "job_opened",
                  .detail = {{"job_number", job_number}, {"job_id", central_job_id.value}}});
  });
}

void Ledger::close_job(std::int64_t job_number, const std::string& reason) {
  database_->transact("close job", std::to_string(job_number), [&] {
    Prepared close = database_->prepared(sql::kCloseJob);
    close->bind(":now_ms", clock_.now_ms());
    close->bind(":job_number", job_number);
    close->exec();
    append_event(
        {.kind = "job_closed", .detail = {{"job_number", job_number}, {"reason", reason}}});
  });
}

void Ledger::job_found_closed(std::int64_t job_number) {
  database_->transact("record closed job", std::to_string(job_number), [&] {
    Prepared free = database_->prepared(sql::kFreeFilesOfJob);
    free->bind(":job_number", job_number);
    free->exec();
    Prepared close = database_->prepared(sql::kCloseJob);
    close->bind(":now_ms", clock_.now_ms());
    close->bind(":job_number", job_number);
    close->exec();
    append_event({.kind = "job_closed",
                  .detail = {{"job_number", job_number}, {"reason", "closed by central"}}});
  });
}

std::vector<Job> Ledger::jobs_to_close(std::int64_t idle_ms) {
  return database_->guarded("list", "jobs to close", [&] {
    std::vector<Job> out;
    Prepared list = database_->prepared(sql::kJobsToClose);
    list->bind(":now_ms", clock_.now_ms());
    list->bind(":idle_ms", idle_ms);
    while (auto* row = list.next()) out.push_back(read_job(*row));
    return out;
  });
}

}  // namespace waybill
