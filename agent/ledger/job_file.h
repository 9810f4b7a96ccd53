// JobFile, Job, Move: what the ledger tells of a file version and a delivery, and how they change.
//
// Place:    agent/ledger; values only, no SQL.
// Source:   rows of the ledger's tables job_file and job; field names are column names.
// Units:    *_ms are UTC milliseconds since 1970; *_bytes are octets.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/ledger/preflight_record.h"
#include "core/crypto.h"
#include "core/file_state.h"
#include "core/ids.h"
#include "core/split/part_planner.h"
#include "core/wire.h"
#include "sync/uploader.h"

namespace waybill {

/// No retry is ever put off for longer. A due time farther away than this comes from a wall clock
/// that was stepped back, and counts as due.
inline constexpr std::int64_t kRetryPauseMaxMs = 15 * 60 * 1000;

/// One literal file the agency exported, or one part of it, and how far it has travelled.
struct JobFile {
  FileId file_number;
  std::string relative_path;
  Sha256Hex content_sha256;   ///< of the bytes that travel
  Sha256Hex original_sha256;  ///< of the partner's whole file; the same unless this is a part
  FilePart part;              ///< which bytes of the file travel; its rows are not kept
  std::int32_t part_count = 1;
  std::int32_t export_number = 1;
  FileTag file_tag;
  std::int32_t spec_version = 0;  ///< of the spec when it was hashed; 0: unknown
  std::string delivery_date;      ///< "YYYY-MM-DD" as its name says; "": by the day it came
  std::int32_t chunk_number = 1;  ///< of the files the partner makes as one set
  std::int32_t chunk_count = 1;
  std::int64_t size_bytes = 0;  ///< of the bytes that travel
  std::int64_t mtime_ns = 0;
  FileState state = FileState::kReady;
  std::int64_t job_number = 0;  ///< 0: not in a delivery yet
  JobKey job_key;
  JobFileId job_file_id;  ///< central's; empty until registered
  std::string entity;
  std::int64_t rows_staged = -1;
  nlohmann::json duplicate_of;                 ///< null, or the first copy as central named it
  std::optional<wire::FileProblem> problem{};  ///< why it is refused, or why it waits
  std::int32_t attempt_count = 0;
  std::int64_t next_attempt_at_ms = 0;
  std::int64_t central_seq = 0;
  std::int64_t discovered_at_ms = 0;
  std::int64_t updated_at_ms = 0;
  std::string delivery_name;         ///< "" until its delivery is decided
  std::int64_t backfill_number = 0;  ///< 0: a nightly file
  std::string remark;                ///< what is odd about it in its delivery; "" for nothing
  UploadSession upload;  ///< in chunks, to go on with; url "" when there is none. The offset is the
                         ///< farthest that storage ever had at that path
  std::int64_t gave_up_at_ms = 0;    ///< 0: still tried
  std::int64_t withdrawn_at_ms = 0;  ///< 0: central was not told that the bytes will not come
  bool is_recovered = false;         ///< told by central; its exact time and range not seen yet
};

struct Job {
  std::int64_t job_number = 0;
  JobKey job_key;
  std::string delivery_date;  ///< "YYYY-MM-DD" at the agency
  std::string delivery_name;
  JobId central_job_id;  ///< empty until central has answered
  bool is_open = true;
  std::int64_t made_at_ms = 0;
  std::int64_t last_activity_at_ms = 0;
  std::int64_t backfill_number = 0;  ///< 0: a nightly one
};

/// One move of one file, and what it brings along. `problem` replaces the one before, also when
/// there is none; what else is nothing stays as it was.
struct Move {
  FileId file;
  FileState from = FileState::kReady;
  FileEvent event = FileEvent::kRegistered;
  std::optional<wire::FileProblem> problem{};
  std::optional<JobFileId> job_file_id{};
  std::optional<nlohmann::json> duplicate_of{};
  std::optional<std::int64_t> next_attempt_at_ms{};
  std::optional<std::string> entity{};
  std::optional<std::int64_t> rows_staged{};
  std::optional<std::int64_t> central_seq{};
  std::int64_t gave_up_at_ms = 0;  ///< not 0: it is tried no more until somebody asks for it
  bool ends_session = false;       ///< what storage has of it in chunks is of no use any more
  bool was_no_try = false;         ///< the session that was opened sent nothing: it does not count
};

/// How far an upload in chunks is; session.url "" when storage has no session any more.
struct UploadProgress {
  FileId file;
  UploadSession session;
};

/// A file the hasher has read from first to last byte, unchanged meanwhile.
struct HashedFile {
  std::string relative_path;
  FileTag file_tag;
  PartPlan plan;                  ///< what the file is made of; one part when it travels whole
  std::int32_t spec_version = 0;  ///< of the spec by which it was cut
  std::int64_t mtime_ns = 0;
  std::string file_id;
  std::string delivery_date{};  ///< as its name says, or ""
  std::int32_t chunk_number = 1;
  std::int32_t chunk_count = 1;
  std::int64_t change_ns = 0;
  bool is_reread = false;  ///< nothing but its turn made us read it; no news when it is the same
  std::optional<PreflightRecord> preflight{};  ///< nothing when only central can read it
};

/// What a hash meant to the ledger.
enum class Discovery : std::uint8_t {
  kNew,            ///< a version never seen: it will be sent
  kSame,           ///< the version we are busy with already
  kRediscovered,   ///< given up before because its bytes were gone; they are back
  kExportedAgain,  ///< delivered before, written again: central will be told of a duplicate
  kStaysRefused,   ///< refused before, and the bytes are the same
  kSpecRenewed,    ///< refused before; a newer file spec will judge the same bytes
};

}  // namespace waybill
