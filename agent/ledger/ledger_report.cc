#include "agent/ledger/ledger_report.h"

#include <algorithm>

#include "agent/ledger/database.h"
#include "agent/ledger/facts.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "agent/ledger/whole_file.h"

namespace waybill {

// The newest version of a name tells how the name stands. Trouble that is over is not shown: a
// newer version exists, or the file is gone and some days have passed. Of a file in parts one part
// speaks, and not one that was refused only because another was.
#define WAYBILL_TROUBLED_FILES                                                                    \
  "WHERE f.error_code <> '' "                                                                     \
  "AND NOT EXISTS (SELECT 1 FROM job_file AS newer WHERE newer.relative_path = f.relative_path "  \
  "                   AND newer.part_number = 1 AND newer.file_number > f.file_number) "          \
  "AND (f.part_count = 1 OR NOT EXISTS ( "                                                        \
  "  SELECT 1 FROM job_file AS other WHERE other.relative_path = f.relative_path "                \
  "     AND other.original_sha256 = f.original_sha256 AND other.export_number = f.export_number " \
  "     AND other.error_code <> '' AND (other.error_code = 'WB-2114', other.part_number) "        \
  "                                    < (f.error_code = 'WB-2114', f.part_number))) "            \
  "AND (f.updated_at_ms >= :since_ms "                                                            \
  "     OR EXISTS (SELECT 1 FROM path AS p WHERE p.relative_path = f.relative_path)) "

namespace sql {

constexpr const char* kRemarkedFiles = R"sql(
  SELECT f.relative_path, p.finding_count, p.quarantined_count, f.discovered_at_ms
    FROM preflight AS p JOIN job_file AS f ON f.file_number = p.file_number
   WHERE p.finding_count > 0 AND f.discovered_at_ms >= :since_ms
     AND f.state NOT IN ('ready', 'queued', 'refused', 'superseded', 'vanished')
   ORDER BY p.file_number DESC LIMIT :limit
)sql";
constexpr const char* kOnePreflight = WAYBILL_SELECT_PREFLIGHT "WHERE file_number = :file_number";

constexpr const char* kCountFileStates =
    "SELECT state, count(*) FROM job_file WHERE part_count = 1 GROUP BY state ORDER BY state";
constexpr const char* kListSetStates =
    "SELECT group_concat(DISTINCT state) FROM job_file WHERE part_count > 1 "
    "GROUP BY relative_path, original_sha256, export_number";
constexpr const char* kCountPathStates =
    "SELECT state, count(*) FROM path GROUP BY state ORDER BY state";

constexpr const char* kNewestJobs = WAYBILL_SELECT_JOB "ORDER BY job_number DESC LIMIT :limit";
constexpr const char* kOneJob = WAYBILL_SELECT_JOB "WHERE job_number = :job_number";
constexpr const char* kCountJobStates =
    "SELECT state, count(*) FROM job_file WHERE job_number = :job_number AND part_count = 1 "
    "GROUP BY state ORDER BY state";
constexpr const char* kListJobSetStates =
    "SELECT group_concat(DISTINCT state) FROM job_file WHERE job_number = :job_number "
    "AND part_count > 1 GROUP BY relative_path, original_sha256, export_number";

constexpr const char* kTroubledFiles =
    WAYBILL_SELECT_JOB_FILE WAYBILL_TROUBLED_FILES "ORDER BY f.updated_at_ms DESC LIMIT :limit";
constexpr const char* kCountTroubledFiles =
    "SELECT count(*) FROM job_file AS f " WAYBILL_TROUBLED_FILES;

constexpr const char* kNewestFiles = WAYBILL_SELECT_JOB_FILE
    "WHERE f.part_number = 1 "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS newer WHERE newer.relative_path = f.relative_path "
    "                   AND newer.part_number = 1 AND newer.file_number > f.file_number) "
    "ORDER BY f.updated_at_ms DESC, f.file_number DESC LIMIT :limit";
constexpr const char* kPartsOfFile = WAYBILL_SELECT_JOB_FILE
    "WHERE f.relative_path = :relative_path AND f.original_sha256 = :original_sha256 "
    "AND f.export_number = :export_number ORDER BY f.part_number";
constexpr const char* kCountNames = "SELECT count(DISTINCT relative_path) FROM job_file";

constexpr const char* kUnrecordedPaths =
    WAYBILL_SELECT_PATH "WHERE state <> 'recorded' ORDER BY relative_path LIMIT :limit";

constexpr const char* kTroubledPaths = WAYBILL_SELECT_PATH
    "WHERE error_code <> '' ORDER BY first_seen_at_ms DESC, relative_path LIMIT :limit";
constexpr const char* kCountTroubledPaths = "SELECT count(*) FROM path WHERE error_code <> ''";

constexpr const char* kOnePath = WAYBILL_SELECT_PATH "WHERE relative_path = :relative_path";
constexpr const char* kVersions =
    WAYBILL_SELECT_JOB_FILE "WHERE f.relative_path = :relative_path ORDER BY f.file_number";

constexpr const char* kEvents = WAYBILL_SELECT_EVENT
    "WHERE relative_path = :relative_path AND file_number IS :file_number ORDER BY seq";

constexpr const char* kOldestUnsent = R"sql(
  SELECT min(at_ms) FROM (
    SELECT min(discovered_at_ms) AS at_ms FROM job_file
     WHERE state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled')
    UNION ALL
    SELECT min(first_seen_at_ms) FROM path WHERE state IN ('settling', 'due'))
)sql";

}  // namespace sql

namespace {

/// Adds a file in parts, told as "archived,queued", to the counts of whole files.
void add_set(std::vector<StateCount>& counts, const std::string& part_states) {
  std::vector<FileState> states;
  std::size_t from = 0;
  while (from <= part_states.size()) {
    const std::size_t comma = std::min(part_states.find(',', from), part_states.size());
    if (const auto state = parse_file_state(part_states.substr(from, comma - from))) {
      states.push_back(*state);
    }
    from = comma + 1;
  }
  if (states.empty()) return;
  const std::string_view name = to_string(whole_state(states));
  const auto place = std::find_if(counts.begin(), counts.end(),
                                  [&](const StateCount& entry) { return entry.state >= name; });
  if (place != counts.end() && place->state == name) {
    ++place->count;
  } else {
    counts.insert(place, {std::string(name), 1});
  }
}

}  // namespace

std::unique_ptr<LedgerReport> LedgerReport::open(const std::filesystem::path& state_folder) {
  const std::filesystem::path file = state_folder / kLedgerFileName;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return nullptr;
  return std::unique_ptr<LedgerReport>(new LedgerReport(LedgerDatabase::open_for_reading(file)));
}

LedgerReport::LedgerReport(std::unique_ptr<LedgerDatabase> database)
    : database_(std::move(database)) {}

LedgerReport::~LedgerReport() = default;

std::vector<wire::Specs::Entry> LedgerReport::specs() { return read_specs(*database_); }
std::optional<Identity> LedgerReport::identity() { return read_identity(*database_); }

std::string LedgerReport::meta(const char* name) { return read_meta(*database_, name); }

std::int64_t LedgerReport::meta_number(const char* name) { return to_number(meta(name)); }

std::vector<StateCount> LedgerReport::counts(const char* statement) {
  return database_->guarded("count", "states", [&] {
    std::vector<StateCount> out;
    Prepared list = database_->prepared(statement);
    while (auto* row = list.next()) {
      out.push_back({row->getColumn(0).getString(), row->getColumn(1).getInt64()});
    }
    return out;
  });
}

std::vector<StateCount> LedgerReport::file_states() {
  std::vector<StateCount> out = counts(sql::kCountFileStates);
  database_->guarded("count", "states", [&] {
    Prepared list = database_->prepared(sql::kListSetStates);
    while (auto* row = list.next()) add_set(out, row->getColumn(0).getString());
  });
  return out;
}

std::int64_t LedgerReport::oldest_unsent_at_ms() {
  return database_->guarded("find", "oldest file", [&] {
    Prepared find = database_->prepared(sql::kOldestUnsent);
    auto* row = find.next();
    return row->getColumn(0).isNull() ? std::int64_t{0} : row->getColumn(0).getInt64();
  });
}

std::vector<StateCount> LedgerReport::path_states() { return counts(sql::kCountPathStates); }

std::vector<DeliveryReport> LedgerReport::deliveries(std::size_t limit) {
  return database_->guarded("list", "deliveries", [&] {
    std::vector<DeliveryReport> out;
    Prepared list = database_->prepared(sql::kNewestJobs);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back({read_job(*row), {}});
    for (DeliveryReport& delivery : out) {
      Prepared count = database_->prepared(sql::kCountJobStates);
      count->bind(":job_number", delivery.job.job_number);
      while (auto* row = count.next()) {
        delivery.states.push_back({row->getColumn(0).getString(), row->getColumn(1).getInt64()});
      }
      Prepared list_sets = database_->prepared(sql::kListJobSetStates);
      list_sets->bind(":job_number", delivery.job.job_number);
      while (auto* row = list_sets.next()) {
        add_set(delivery.states, row->getColumn(0).getString());
      }
    }
    return out;
  });
}

std::optional<Job> LedgerReport::job(std::int64_t job_number) {
  return database_->guarded("find", "job", [&]() -> std::optional<Job> {
    Prepared find = database_->prepared(sql::kOneJob);
    find->bind(":job_number", job_number);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_job(*row);
  });
}

std::vector<RemarkedFile> LedgerReport::remarked_files(std::int64_t since_ms, std::size_t limit) {
  return database_->guarded("list", "preflight", [&] {
    std::vector<RemarkedFile> out;
    Prepared list = database_->prepared(sql::kRemarkedFiles);
    list->bind(":since_ms", since_ms);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) {
      out.push_back({.relative_path = row->getColumn(0).getString(),
                     .finding_count = row->getColumn(1).getInt64(),
                     .quarantined_count = row->getColumn(2).getInt64(),
                     .discovered_at_ms = row->getColumn(3).getInt64()});
    }
    return out;
  });
}

std::optional<PreflightRecord> LedgerReport::preflight(FileId file) {
  return database_->guarded("find", "preflight", [&]() -> std::optional<PreflightRecord> {
    Prepared find = database_->prepared(sql::kOnePreflight);
    find->bind(":file_number", file.value);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_preflight(*row);
  });
}

std::vector<JobFile> LedgerReport::newest_files(std::size_t limit) {
  return database_->guarded("list", "files", [&] {
    std::vector<JobFile> out;
    Prepared list = database_->prepared(sql::kNewestFiles);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    for (JobFile& file : out) {
      if (file.part_count > 1) file = whole_of(parts_of(file));
    }
    return out;
  });
}

std::vector<JobFile> LedgerReport::parts_of(const JobFile& file) {
  std::vector<JobFile> out;
  Prepared list = database_->prepared(sql::kPartsOfFile);
  list->bind(":relative_path", file.relative_path);
  list->bind(":original_sha256", file.original_sha256);
  list->bind(":export_number", file.export_number);
  while (auto* row = list.next()) out.push_back(read_job_file(*row));
  return out;
}

std::int64_t LedgerReport::count_names() {
  return database_->guarded("count", "names", [&] {
    Prepared count = database_->prepared(sql::kCountNames);
    return count.next()->getColumn(0).getInt64();
  });
}

std::vector<JobFile> LedgerReport::troubled_files(std::int64_t since_ms, std::size_t limit) {
  return database_->guarded("list", "troubled files", [&] {
    std::vector<JobFile> out;
    Prepared list = database_->prepared(sql::kTroubledFiles);
    list->bind(":since_ms", since_ms);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    return out;
  });
}

std::int64_t LedgerReport::count_troubled_files(std::int64_t since_ms) {
  return database_->guarded("count", "troubled files", [&] {
    Prepared count = database_->prepared(sql::kCountTroubledFiles);
    count->bind(":since_ms", since_ms);
    return count.next()->getColumn(0).getInt64();
  });
}

std::vector<PathRecord> LedgerReport::list_paths(const char* statement, std::size_t limit) {
  return database_->guarded("list", "paths", [&] {
    std::vector<PathRecord> out;
    Prepared list = database_->prepared(statement);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_path(*row));
    return out;
  });
}

std::vector<PathRecord> LedgerReport::troubled_paths(std::size_t limit) {
  return list_paths(sql::kTroubledPaths, limit);
}

std::vector<PathRecord> LedgerReport::unrecorded_paths(std::size_t limit) {
  return list_paths(sql::kUnrecordedPaths, limit);
}

std::int64_t LedgerReport::count_troubled_paths() {
  return database_->guarded("count", "troubled paths", [&] {
    Prepared count = database_->prepared(sql::kCountTroubledPaths);
    return count.next()->getColumn(0).getInt64();
  });
}

std::optional<PathRecord> LedgerReport::path(const std::string& relative_path) {
  return database_->guarded("find path", relative_path, [&]() -> std::optional<PathRecord> {
    Prepared find = database_->prepared(sql::kOnePath);
    find->bind(":relative_path", relative_path);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_path(*row);
  });
}

std::vector<JobFile> LedgerReport::versions(const std::string& relative_path) {
  return database_->guarded("list versions of", relative_path, [&] {
    std::vector<JobFile> out;
    Prepared list = database_->prepared(sql::kVersions);
    list->bind(":relative_path", relative_path);
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    return out;
  });
}

std::vector<LedgerEvent> LedgerReport::events(const std::string& relative_path,
                                              std::optional<FileId> file) {
  return database_->guarded("list events of", relative_path, [&] {
    std::vector<LedgerEvent> out;
    Prepared list = database_->prepared(sql::kEvents);
    list->bind(":relative_path", relative_path);
    if (file) list->bind(":file_number", file->value);
    while (auto* row = list.next()) out.push_back(read_event(*row));
    return out;
  });
}

}  // namespace waybill
