#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/facts.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace sql {

constexpr const char* kIsAdopted = "SELECT 1 FROM job_file WHERE job_file_id = :job_file_id";

constexpr const char* kFindJobByKey = "SELECT job_number FROM job WHERE job_key = :job_key";

constexpr const char* kAdoptJob = R"sql(
  INSERT INTO job (job_key, delivery_date, delivery_name, central_job_id, state, made_at_ms,
                   last_activity_at_ms, closed_at_ms)
  VALUES (:job_key, :delivery_date, :delivery_name, :central_job_id, :state, :opened_at_ms,
          :opened_at_ms, :closed_at_ms)
)sql";

constexpr const char* kOpenJobs = WAYBILL_SELECT_JOB "WHERE state = 'open' ORDER BY job_number";

// The parts of a file that came in one job are one export of it; another job is another export.
// "+": found by the name. By its job, each of a night's files would look at all the others.
constexpr const char* kExportOf = R"sql(
  SELECT coalesce(
    (SELECT f.export_number FROM job_file AS f
      WHERE f.relative_path = :relative_path AND f.original_sha256 = :original_sha256
        AND +f.job_number = :job_number AND f.part_count = :part_count
        AND NOT EXISTS (SELECT 1 FROM job_file AS same
                         WHERE same.relative_path = f.relative_path
                           AND same.original_sha256 = f.original_sha256
                           AND same.export_number = f.export_number
                           AND same.part_number = :part_number)
      LIMIT 1),
    (SELECT max(export_number) + 1 FROM job_file
      WHERE relative_path = :relative_path AND original_sha256 = :original_sha256),
    1)
)sql";

constexpr const char* kAdoptFile = R"sql(
  INSERT INTO job_file (relative_path, content_sha256, original_sha256, part_number, part_count,
                        first_source_row, end_byte, export_number, file_tag, spec_version,
                        delivery_date, delivery_name, chunk_number, chunk_count, size_bytes,
                        mtime_ns, state, job_number, job_file_id, entity, rows_staged, duplicate_of,
                        error_code, error, central_seq, discovered_at_ms, updated_at_ms,
                        withdrawn_at_ms, is_recovered)
  VALUES (:relative_path, :content_sha256, :original_sha256, :part_number, :part_count,
          :first_source_row, :size_bytes, :export_number, :file_tag, :spec_version,
          :delivery_date, :delivery_name, :chunk_number, :chunk_count, :size_bytes,
          :mtime_ns, :state, :job_number, :job_file_id, :entity, :rows_staged, :duplicate_of,
          :error_code, :error, :central_seq, :opened_at_ms, :now_ms,
          :withdrawn_at_ms, 1)
)sql";

// A name with nothing known of it: the next scan reads the file, or finds it gone and gives it up.
constexpr const char* kExpectPath = R"sql(
  INSERT INTO path (relative_path, state, size_bytes, mtime_ns, file_id, first_seen_at_ms)
  VALUES (:relative_path, 'settling', 0, 0, '', :now_ms)
  ON CONFLICT DO NOTHING
)sql";

constexpr const char* kLearnPlace = R"sql(
  UPDATE job_file
     SET mtime_ns = :mtime_ns, head_bytes = :head_bytes, begin_byte = :begin_byte,
         end_byte = :end_byte, is_recovered = 0
   WHERE file_number = :file_number
)sql";

}  // namespace sql

namespace {

bool is_withdrawn(const wire::HeldFile& file) {
  return file.error && file.error->code == error_code::kFileWithdrawn.id;
}

/// What central's state means here. What was withdrawn is sent when it is there again, like any
/// file that was gone before it was sent.
std::optional<FileState> state_of(const wire::HeldFile& file) {
  if (file.state == "awaiting_upload") return FileState::kUnsettled;  // was it sent? ask
  if (file.state == "refused" && is_withdrawn(file)) return FileState::kVanished;
  const std::optional<FileState> state = parse_file_state(file.state);
  const bool is_centrals =
      state && (is_taken_by_central(*state) || *state == FileState::kDuplicate ||
                *state == FileState::kRefused);
  return is_centrals ? state : std::nullopt;
}

}  // namespace

void Ledger::want_rebuild() {
  if (!wants_rebuild()) set_meta({{meta::kRebuildAfter, "0"}});
}

bool Ledger::wants_rebuild() { return !meta(meta::kRebuildAfter).empty(); }

void Ledger::adopt(const wire::InventoryAnswer& page, const std::string& project_url) {
  database_->transact("adopt", "inventory", [&] {
    const bool is_first = meta(meta::kRebuildAfter) == "0";
    if (is_first) put_meta(meta::kSyncCursor, std::to_string(page.cursor));
    if (is_first && page.agent) {
      store_identity({.agent_id = page.agent->agent_id,
                      .tenant_id = page.agent->tenant.tenant_id,
                      .tenant_slug = page.agent->tenant.slug,
                      .tenant_name = page.agent->tenant.display_name,
                      .time_zone = page.agent->tenant.time_zone,
                      .agent_name = page.agent_name,
                      .project_url = project_url});
      put_meta(meta::kSettings, page.agent->settings.dump());
      store_specs(page.agent->file_specs);
    }
    for (const wire::HeldFile& file : page.files) adopt_file(file);
    put_meta(meta::kRebuildAfter, std::to_string(page.after));
  });
}

void Ledger::finish_rebuild() {
  database_->transact("finish", "rebuild", [&] {
    put_meta(meta::kRebuildAfter, "");
    append_event({.kind = "ledger_rebuilt"});
  });
}

std::vector<Job> Ledger::open_jobs() {
  return database_->guarded("list", "open jobs", [&] {
    std::vector<Job> out;
    Prepared list = database_->prepared(sql::kOpenJobs);
    while (auto* row = list.next()) out.push_back(read_job(*row));
    return out;
  });
}

bool Ledger::adopt_file(const wire::HeldFile& file) {
  const std::optional<FileState> state = state_of(file);
  if (!state) return false;
  {
    Prepared find = database_->prepared(sql::kIsAdopted);
    find->bind(":job_file_id", file.job_file_id.value);
    if (find.next() != nullptr) return false;
  }
  const std::int64_t job_number = adopt_job_of(file);
  std::int64_t export_number = 1;
  {
    Prepared find = database_->prepared(sql::kExportOf);
    find->bind(":relative_path", file.relative_path);
    find->bind(":original_sha256", file.original_sha256);
    find->bind(":job_number", job_number);
    find->bind(":part_count", file.part_count);
    find->bind(":part_number", file.part_number);
    export_number = find.next()->getColumn(0).getInt64();
  }
  Prepared add = database_->prepared(sql::kAdoptFile);
  add->bind(":relative_path", file.relative_path);
  add->bind(":content_sha256", file.content_sha256);
  add->bind(":original_sha256", file.original_sha256);
  add->bind(":part_number", file.part_number);
  add->bind(":part_count", file.part_count);
  add->bind(":first_source_row", file.first_source_row);
  add->bind(":export_number", export_number);
  add->bind(":file_tag", file.file_tag.value);
  add->bind(":spec_version", file.spec_version);
  add->bind(":delivery_date", file.delivery_date);
  add->bind(":delivery_name", file.delivery_name);
  add->bind(":chunk_number", file.chunk_number);
  add->bind(":chunk_count", file.chunk_count);
  add->bind(":size_bytes", file.size_bytes);
  add->bind(":mtime_ns", file.modified_at_ms * 1'000'000);
  add->bind(":state", std::string(to_string(*state)));
  add->bind(":job_number", job_number);
  add->bind(":job_file_id", file.job_file_id.value);
  add->bind(":entity", file.entity);
  add->bind(":rows_staged", file.rows_staged);
  add->bind(":duplicate_of", file.duplicate_of.empty() ? "" : file.duplicate_of.dump());
  add->bind(":error_code", file.error ? file.error->code : "");
  add->bind(":error", to_text(file.error));
  add->bind(":central_seq", file.seq);
  add->bind(":opened_at_ms", file.opened_at_ms);
  add->bind(":now_ms", clock_.now_ms());
  add->bind(":withdrawn_at_ms", *state == FileState::kVanished ? clock_.now_ms() : 0);
  add->exec();
  append_event({.kind = "recovered",
                .relative_path = file.relative_path,
                .content_sha256 = file.content_sha256,
                .file_number = FileId{database_->last_rowid()},
                .to_state = to_string(*state),
                .detail = {{"job_file_id", file.job_file_id.value},
                           {"job_key", file.job_key.value},
                           {"file_tag", file.file_tag.value},
                           {"size_bytes", file.size_bytes},
                           {"central_seq", file.seq}}});
  if (*state == FileState::kUnsettled) expect_path(file.relative_path);
  return true;
}

void Ledger::expect_path(const std::string& relative_path) {
  Prepared expect = database_->prepared(sql::kExpectPath);
  expect->bind(":relative_path", relative_path);
  expect->bind(":now_ms", clock_.now_ms());
  expect->exec();
}

std::int64_t Ledger::adopt_job_of(const wire::HeldFile& file) {
  {
    Prepared find = database_->prepared(sql::kFindJobByKey);
    find->bind(":job_key", file.job_key.value);
    if (auto* row = find.next()) return row->getColumn(0).getInt64();
  }
  Prepared add = database_->prepared(sql::kAdoptJob);
  add->bind(":job_key", file.job_key.value);
  add->bind(":delivery_date", file.delivery_date);
  add->bind(":delivery_name", file.delivery_name);
  add->bind(":central_job_id", file.job_id.value);
  add->bind(":state", file.is_job_open ? "open" : "closed");
  add->bind(":opened_at_ms", file.opened_at_ms);
  add->bind(":closed_at_ms", file.is_job_open ? 0 : clock_.now_ms());
  add->exec();
  return database_->last_rowid();
}

/// The file is there and has been read: what central could not tell of its parts is known now.
void Ledger::learn_place(const HashedFile& file, const std::vector<JobFile>& parts) {
  for (const JobFile& part : parts) {
    const auto place = static_cast<std::size_t>(part.part.number - 1);
    if (!part.is_recovered || place >= file.plan.parts.size()) continue;
    const FilePart& seen = file.plan.parts[place];
    if (seen.content_sha256 != part.content_sha256) continue;  // it was cut by another spec
    Prepared learn = database_->prepared(sql::kLearnPlace);
    learn->bind(":mtime_ns", file.mtime_ns);
    learn->bind(":head_bytes", seen.head_bytes);
    learn->bind(":begin_byte", seen.begin_byte);
    learn->bind(":end_byte", seen.end_byte);
    learn->bind(":file_number", part.file_number.value);
    learn->exec();
  }
}

}  // namespace waybill
