#include <array>

#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "core/error_code.h"

namespace waybill {

namespace sql {

// Central is done with every part, or with the same part of another file that came before; and the
// name still stands for this version.
constexpr const char* kFilesToTidy = WAYBILL_SELECT_JOB_FILE
    "JOIN path AS p ON p.relative_path = f.relative_path "
    "WHERE p.state = 'recorded' AND p.mtime_ns = f.mtime_ns AND f.part_number = 1 "
    "AND (p.error_code = '' OR :with_failed) "
    "AND f.state IN ('processed', 'archived', 'duplicate') "
    "AND substr(f.relative_path, 1, 17) <> 'waybill-backfill-' "  // history is never touched
    "AND NOT EXISTS (SELECT 1 FROM job_file AS newer "
    "                 WHERE newer.relative_path = f.relative_path AND newer.part_number = 1 "
    "                   AND newer.file_number > f.file_number) "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS part "
    "                 WHERE part.relative_path = f.relative_path "
    "                   AND part.original_sha256 = f.original_sha256 "
    "                   AND part.export_number = f.export_number "
    "                   AND (part.updated_at_ms > :done_before_ms "
    "                        OR part.state NOT IN ('processed', 'archived', 'duplicate') "
    "                        OR part.state = 'duplicate' AND NOT EXISTS ( "
    "                           SELECT 1 FROM job_file AS first "
    "                            WHERE first.file_tag = part.file_tag "
    "                              AND first.original_sha256 = part.original_sha256 "
    "                              AND first.part_number = part.part_number "
    "                              AND first.state IN ('processed', 'archived')))) "
    "ORDER BY f.file_number LIMIT :limit";

constexpr const char* kDropTidiedPath = "DELETE FROM path WHERE relative_path = :relative_path";

constexpr const char* kMarkStays =
    "UPDATE path SET error_code = :error_code WHERE relative_path = :relative_path";

}  // namespace sql

std::vector<JobFile> Ledger::files_to_tidy(std::int64_t done_before_ms, bool with_failed,
                                           std::size_t limit) {
  return database_->guarded("list", "files to tidy up", [&] {
    std::vector<JobFile> out;
    Prepared list = database_->prepared(sql::kFilesToTidy);
    list->bind(":done_before_ms", done_before_ms);
    list->bind(":with_failed", with_failed ? 1 : 0);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    return out;
  });
}

void Ledger::append_local_event(const JobFile& file, const char* kind, nlohmann::json detail) {
  append_event({.kind = kind,
                .relative_path = file.relative_path,
                .content_sha256 = file.content_sha256,
                .file_number = file.file_number,
                .detail = std::move(detail)});
}

void Ledger::note_leaving(const JobFile& file, const std::string& to) {
  const std::optional<PathRecord> path = find_path(file.relative_path);
  if (path && !path->error_code.empty()) return;  // told already, and it did not work
  database_->transact("record leaving", file.relative_path, [&] {
    append_local_event(file, "local_leaves",
                       {{"original_sha256", file.original_sha256}, {"to", to}});
  });
}

void Ledger::note_left(const JobFile& file, const char* kind, const std::string& to) {
  database_->transact("record", file.relative_path, [&] {
    append_local_event(file, kind, {{"original_sha256", file.original_sha256}, {"to", to}});
    Prepared drop = database_->prepared(sql::kDropTidiedPath);
    drop->bind(":relative_path", file.relative_path);
    drop->exec();
  });
}

void Ledger::note_stays(const JobFile& file, const std::string& why) {
  const std::optional<PathRecord> path = find_path(file.relative_path);
  if (!path || !path->error_code.empty()) return;
  database_->transact("record", file.relative_path, [&] {
    Prepared mark = database_->prepared(sql::kMarkStays);
    mark->bind(":error_code", std::string(error_code::kLocalFileNotMoved.id));
    mark->bind(":relative_path", file.relative_path);
    mark->exec();
    append_local_event(
        file, "local_stays",
        {{"problem", {{"code", error_code::kLocalFileNotMoved.id}, {"message", why}}}});
  });
}

}  // namespace waybill
