#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

// The offset kept is the farthest at this path: an upload that begins anew and breaks off at the
// same place again and again makes no progress.
constexpr const char* kRecordUpload = R"sql(
  UPDATE job_file
     SET attempt_count = CASE
           WHEN :offset_bytes > iif(upload_path = :path, upload_offset_bytes, 0) THEN 0
           ELSE attempt_count END,
         upload_offset_bytes =
           max(:offset_bytes, iif(upload_path = :path, upload_offset_bytes, 0)),
         upload_url = :url,
         upload_path = :path
   WHERE file_number = :file_number AND state = 'uploading'
)sql";

constexpr const char* kListToRetry = WAYBILL_SELECT_JOB_FILE
    "WHERE f.state IN ('ready', 'queued', 'uploaded', 'unsettled') "
    "AND CASE WHEN :relative_path = '' THEN f.gave_up_at_ms <> 0 "
    "         ELSE f.relative_path = :relative_path END ORDER BY f.file_number";

constexpr const char* kRetry = R"sql(
  UPDATE job_file SET gave_up_at_ms = 0, attempt_count = 0, next_attempt_at_ms = 0
   WHERE file_number = :file_number
)sql";

}  // namespace sql

void Ledger::record_uploads(std::span<const UploadProgress> uploads) {
  if (uploads.empty()) return;
  database_->transact("record upload", "job_file " + std::to_string(uploads.front().file.value),
                      [&] {
                        for (const UploadProgress& upload : uploads) {
                          Prepared set = database_->prepared(sql::kRecordUpload);
                          set->bind(":offset_bytes", upload.session.offset_bytes);
                          set->bind(":path", upload.session.object_path);
                          set->bind(":url", upload.session.url);
                          set->bind(":file_number", upload.file.value);
                          set->exec();
                        }
                      });
}

std::size_t Ledger::retry(const std::string& relative_path) {
  std::vector<JobFile> files;
  database_->transact("retry", relative_path, [&] {
    {
      Prepared list = database_->prepared(sql::kListToRetry);
      list->bind(":relative_path", relative_path);
      while (auto* row = list.next()) files.push_back(read_job_file(*row));
    }
    for (const JobFile& file : files) {
      Prepared set = database_->prepared(sql::kRetry);
      set->bind(":file_number", file.file_number.value);
      set->exec();
      append_event({.kind = "retry_asked",
                    .relative_path = file.relative_path,
                    .content_sha256 = file.content_sha256,
                    .file_number = file.file_number,
                    .from_state = to_string(file.state),
                    .to_state = to_string(file.state)});
    }
  });
  return files.size();
}

}  // namespace waybill
