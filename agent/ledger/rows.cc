#include "agent/ledger/rows.h"

#include "core/error.h"

namespace waybill {

namespace {

/// Takes the columns of a row one after the other.
class Columns {
 public:
  explicit Columns(SQLite::Statement& row) : row_(row) {}
  std::string text() { return row_.getColumn(next_++).getString(); }
  std::int64_t number() { return row_.getColumn(next_++).getInt64(); }
  std::int32_t small() { return row_.getColumn(next_++).getInt(); }

 private:
  SQLite::Statement& row_;
  int next_ = 0;
};

/// The state whose name it is, by its place in the list of names.
template <class State, std::size_t kCount>
State state_of(const std::array<std::string_view, kCount>& names, const std::string& name) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<State>(i);
  }
  throw Error(error_code::kLedgerCorrupt, "read state", name, "it is not one we know");
}

template <class State>
State need(std::optional<State> state, const std::string& name) {
  if (!state) throw Error(error_code::kLedgerCorrupt, "read state", name, "it is not one we know");
  return *state;
}

}  // namespace

std::string to_text(const std::optional<wire::FileProblem>& problem) {
  if (!problem) return "";
  nlohmann::json out = problem->details.is_object() ? problem->details : nlohmann::json::object();
  out["code"] = problem->code;
  out["message"] = problem->message;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<wire::FileProblem> problem_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  wire::FileProblem out;
  out.details = nlohmann::json::parse(text);
  out.code = out.details.value("code", "");
  out.message = out.details.value("message", "");
  return out;
}

JobFile read_job_file(SQLite::Statement& row) {
  Columns next(row);
  JobFile out;
  out.file_number = FileId{next.number()};
  out.relative_path = next.text();
  out.content_sha256 = next.text();
  out.original_sha256 = next.text();
  out.part.number = next.small();
  out.part_count = next.small();
  out.part.first_source_row = next.number();
  out.part.head_bytes = next.number();
  out.part.begin_byte = next.number();
  out.part.end_byte = next.number();
  out.part.content_sha256 = out.content_sha256;
  out.export_number = next.small();
  out.file_tag = FileTag(next.text());
  out.spec_version = next.small();
  out.delivery_date = next.text();
  out.chunk_number = next.small();
  out.chunk_count = next.small();
  out.size_bytes = next.number();
  out.mtime_ns = next.number();
  const std::string state = next.text();
  out.state = need(parse_file_state(state), state);
  out.job_number = next.number();
  out.job_key = JobKey(next.text());
  out.job_file_id = JobFileId(next.text());
  out.entity = next.text();
  out.rows_staged = next.number();
  const std::string duplicate_of = next.text();
  if (!duplicate_of.empty()) out.duplicate_of = nlohmann::json::parse(duplicate_of);
  out.problem = problem_of(next.text());
  out.attempt_count = next.small();
  out.next_attempt_at_ms = next.number();
  out.central_seq = next.number();
  out.discovered_at_ms = next.number();
  out.updated_at_ms = next.number();
  out.delivery_name = next.text();
  out.backfill_number = next.number();
  out.remark = next.text();
  out.upload.url = next.text();
  out.upload.object_path = next.text();
  out.upload.offset_bytes = next.number();
  out.gave_up_at_ms = next.number();
  out.withdrawn_at_ms = next.number();
  out.is_recovered = next.number() != 0;
  return out;
}

PathRecord read_path(SQLite::Statement& row) {
  Columns next(row);
  PathRecord out;
  out.relative_path = next.text();
  const std::string state = next.text();
  out.state = need(parse_path_state(state), state);
  out.size_bytes = next.number();
  out.mtime_ns = next.number();
  out.file_id = next.text();
  out.file_tag = FileTag(next.text());
  out.error_code = next.text();
  out.first_seen_at_ms = next.number();
  out.at_rest_at_ms = next.number();
  out.change_ns = next.number();
  out.hashed_at_ms = next.number();
  return out;
}

Job read_job(SQLite::Statement& row) {
  Columns next(row);
  Job out;
  out.job_number = next.number();
  out.job_key = JobKey(next.text());
  out.delivery_date = next.text();
  out.delivery_name = next.text();
  out.central_job_id = JobId(next.text());
  out.is_open = next.text() == "open";
  out.made_at_ms = next.number();
  out.last_activity_at_ms = next.number();
  out.backfill_number = next.number();
  return out;
}

DeliveryRecord read_delivery(SQLite::Statement& row) {
  Columns next(row);
  DeliveryRecord out;
  out.date = next.text();
  out.name = next.text();
  out.state = state_of<DeliveryState>(kDeliveryStateNames, next.text());
  out.missing = nlohmann::json::parse(next.text()).get<std::vector<std::string>>();
  out.deadline_at_ms = next.number();
  out.opened_at_ms = next.number();
  out.updated_at_ms = next.number();
  return out;
}

Backfill read_backfill(SQLite::Statement& row) {
  Columns next(row);
  Backfill out;
  out.backfill_number = next.number();
  out.request_id = next.text();
  out.folder = next.text();
  out.as_of = next.text();
  out.delivery_name = next.text();
  out.is_ahead = next.number() != 0;
  out.allow_older = next.number() != 0;
  out.state = state_of<BackfillState>(kBackfillStateNames, next.text());
  out.file_count = next.number();
  out.left_alone_count = next.number();
  out.requested_at_ms = next.number();
  out.done_at_ms = next.number();
  return out;
}

FetchRecord read_fetch(SQLite::Statement& row) {
  Columns next(row);
  FetchRecord out;
  out.name = next.text();
  out.state = state_of<FetchState>(kFetchStateNames, next.text());
  out.cursor = next.text();
  out.run_cursor = next.text();
  out.file_name = next.text();
  out.started_at_ms = next.number();
  out.page_count = next.number();
  out.row_count = next.number();
  out.last_good_at_ms = next.number();
  out.last_row_count = next.number();
  out.failures = next.small();
  out.next_try_at_ms = next.number();
  out.problem = problem_of(next.text());
  return out;
}

PreflightRecord read_preflight(SQLite::Statement& row) {
  return {.is_refused = row.getColumn(0).getInt() != 0,
          .spec_version = row.getColumn(1).getInt(),
          .row_count = row.getColumn(2).getInt64(),
          .quarantined_count = row.getColumn(3).getInt64(),
          .finding_count = row.getColumn(4).getInt64(),
          .quarantine_file = row.getColumn(5).getString(),
          .report = row.getColumn(6).getString()};
}

LedgerEvent read_event(SQLite::Statement& row) {
  LedgerEvent out;
  out.seq = row.getColumn(0).getInt64();
  out.at_ms = row.getColumn(1).getInt64();
  out.kind = row.getColumn(2).getString();
  out.relative_path = row.getColumn(3).getString();
  out.content_sha256 = row.getColumn(4).getString();
  if (!row.getColumn(5).isNull()) out.file_number = FileId{row.getColumn(5).getInt64()};
  out.from_state = row.getColumn(6).getString();
  out.to_state = row.getColumn(7).getString();
  out.detail = row.getColumn(8).getString();
  out.prev_hash = row.getColumn(9).getString();
  out.hash = row.getColumn(10).getString();
  return out;
}

}  // namespace waybill
