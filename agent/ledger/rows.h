// Rows into values: the column lists of path, job_file and job, and how they are read.
//
// Place:    agent/ledger, internal. The writing ledger and the report read rows with this alone.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "agent/ledger/delivery_record.h"
#include "agent/ledger/event_chain.h"
#include "agent/ledger/fetch_record.h"
#include "agent/ledger/job_file.h"
#include "agent/ledger/path_record.h"

// A SELECT of job files starts with this; macros, because statements are put together from
// literals so that each stays one constant text.
#define WAYBILL_SELECT_JOB_FILE                                                                 \
  "SELECT f.file_number, f.relative_path, f.content_sha256, f.original_sha256, f.part_number, " \
  "f.part_count, f.first_source_row, f.head_bytes, f.begin_byte, f.end_byte, "                  \
  "f.export_number, f.file_tag, f.spec_version, f.delivery_date, f.chunk_number, "              \
  "f.chunk_count, f.size_bytes, f.mtime_ns, f.state, coalesce(f.job_number, 0), "               \
  "coalesce(j.job_key, ''), coalesce(f.job_file_id, ''), f.entity, f.rows_staged, "             \
  "f.duplicate_of, f.error, f.attempt_count, f.next_attempt_at_ms, f.central_seq, "             \
  "f.discovered_at_ms, f.updated_at_ms, f.delivery_name, f.backfill_number, f.remark, "         \
  "f.upload_url, f.upload_path, f.upload_offset_bytes, f.gave_up_at_ms, f.withdrawn_at_ms, "    \
  "f.is_recovered "                                                                             \
  "FROM job_file AS f LEFT JOIN job AS j ON j.job_number = f.job_number "

#define WAYBILL_SELECT_PATH                                                            \
  "SELECT relative_path, state, size_bytes, mtime_ns, file_id, file_tag, error_code, " \
  "first_seen_at_ms, at_rest_at_ms, change_ns, hashed_at_ms FROM path "

#define WAYBILL_SELECT_JOB                                                                        \
  "SELECT job_number, job_key, delivery_date, delivery_name, central_job_id, state, made_at_ms, " \
  "last_activity_at_ms, backfill_number FROM job "

#define WAYBILL_SELECT_DELIVERY                                                         \
  "SELECT delivery_date, delivery_name, state, missing, deadline_at_ms, opened_at_ms, " \
  "updated_at_ms FROM delivery "

#define WAYBILL_SELECT_BACKFILL                                                               \
  "SELECT backfill_number, request_id, folder, as_of, delivery_name, is_ahead, allow_older, " \
  "state, file_count, left_alone_count, requested_at_ms, done_at_ms FROM backfill "

#define WAYBILL_SELECT_FETCH                                                                  \
  "SELECT name, state, cursor, run_cursor, file_name, started_at_ms, page_count, row_count, " \
  "last_good_at_ms, last_row_count, failures, next_try_at_ms, error FROM fetch "

#define WAYBILL_SELECT_PREFLIGHT                                                   \
  "SELECT is_refused, spec_version, row_count, quarantined_count, finding_count, " \
  "quarantine_file, report FROM preflight "

#define WAYBILL_SELECT_EVENT                                                                    \
  "SELECT seq, at_ms, kind, relative_path, content_sha256, file_number, from_state, to_state, " \
  "detail, prev_hash, hash FROM event "

namespace waybill {

[[nodiscard]] JobFile read_job_file(SQLite::Statement& row);
[[nodiscard]] PathRecord read_path(SQLite::Statement& row);
[[nodiscard]] Job read_job(SQLite::Statement& row);
[[nodiscard]] DeliveryRecord read_delivery(SQLite::Statement& row);
[[nodiscard]] Backfill read_backfill(SQLite::Statement& row);
[[nodiscard]] FetchRecord read_fetch(SQLite::Statement& row);
[[nodiscard]] PreflightRecord read_preflight(SQLite::Statement& row);
[[nodiscard]] LedgerEvent read_event(SQLite::Statement& row);

/// A problem as stored in the column error; "" for none.
[[nodiscard]] std::string to_text(const std::optional<wire::FileProblem>& problem);
[[nodiscard]] std::optional<wire::FileProblem> problem_of(const std::string& text);

}  // namespace waybill
