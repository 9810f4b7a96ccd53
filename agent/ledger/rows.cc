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
  return out;
}

}  // namespace waybill
