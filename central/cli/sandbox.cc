#include "central/cli/sandbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <tuple>

#include "central/channels/channel.h"
#include "central/pg/copy_in.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/name_fields.h"
#include "core/named_file.h"
#include "core/split/part_planner.h"

namespace waybill::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;
constexpr std::int16_t kColumns = 6;

// Same names, same rules, another schema: pg_temp is the session's own.
constexpr const char* kMakeTable =
    "CREATE TEMPORARY TABLE {0} (LIKE staging.{0} INCLUDING ALL) ON COMMIT DROP";
constexpr const char* kCopy =
    "COPY pg_temp.{} (tenant_id, job_id, job_file_id, source_row, natural_key, payload)"
    " FROM STDIN (FORMAT binary)";

// $1 the file.
constexpr const char* kCountDuplicates = R"sql(
  SELECT count(*) FROM (SELECT FROM pg_temp.{0} AS r WHERE r.job_file_id = $1::uuid
                           AND r.natural_key IS NOT NULL
                         GROUP BY r.natural_key HAVING count(*) > 1) AS d
)sql";

// $1 the file, $2 the agency's slug: what its newest staged rows say of the file's keys.
constexpr const char* kCompareWithStaging = R"sql(
  SELECT count(*) FILTER (WHERE k.payload IS NULL),
         count(*) FILTER (WHERE k.payload IS NOT NULL AND k.payload <> n.payload),
         count(*) FILTER (WHERE k.payload = n.payload)
    FROM pg_temp.{0} AS n
    LEFT JOIN LATERAL (
      SELECT r.payload FROM staging.{0} AS r
        JOIN ingest.job_file AS f ON f.job_file_id = r.job_file_id
       WHERE r.tenant_id = (SELECT t.tenant_id FROM ingest.tenant AS t WHERE t.slug = $2)
         AND r.natural_key = n.natural_key
       ORDER BY f.delivery_date DESC, f.staged_at DESC, r.source_row DESC LIMIT 1) AS k ON true
   WHERE n.job_file_id = $1::uuid AND n.natural_key IS NOT NULL
)sql";

/// One file on its way through the sandbox.
struct Trial {
  fs::path path;
  const FileSpec* spec = nullptr;  ///< the one that its name belongs to, when there is exactly one
  NameFields name;
  std::string problem;  ///< why it is not read at all
  std::int32_t rank = std::numeric_limits<std::int32_t>::max();
};

Trial judge_name(const AgencyFolder& agency, const fs::path& path) {
  Trial trial;
  trial.path = path;
  const std::string base_name = path.filename().string();
  const auto specs = agency.matching(base_name);
  if (specs.size() != 1) {
    trial.problem = specs.empty() ? "no file spec matches its name (WB-1304)"
                                  : "more than one file spec matches its name (WB-1308)";
    return trial;
  }
  trial.spec = &specs.front()->spec;
  if (!trial.spec->name_fields.empty()) {
    const auto fields = read_name_fields(trial.spec->name_fields, base_name);
    if (!fields) {
      trial.problem = "its name does not fit the spec's name_fields";
      return trial;
    }
    trial.name = *fields;
  }
  if (agency.plan) {
    const ExpectedFile* expected = agency.plan->find(trial.spec->file_tag);
    if (expected != nullptr) trial.rank = expected->rank;
  }
  return trial;
}

/// The temporary tables of one run, and the statements on them.
class Scratch {
 public:
  Scratch(pg::Connection& database, const std::string& slug) : database_(database), slug_(slug) {
    for (const std::string& entity : entity_names()) {
      database_.exec(fmt::format(kMakeTable, quoted(entity)));
    }
    is_known_ = !database_.exec("SELECT FROM ingest.tenant WHERE slug = $1", {slug}).empty();
  }

  [[nodiscard]] std::string quoted(const std::string& entity) const {
    return database_.quote_identifier(entity);
  }
  pg::Connection& database() { return database_; }

  [[nodiscard]] nlohmann::ordered_json key_counts(const std::string& entity,
                                                  const std::string& file) {
    nlohmann::ordered_json out;
    out["keys_given_twice"] =
        database_.exec(fmt::format(kCountDuplicates, quoted(entity)), {file}).integer(0, 0);
    if (!is_known_) return out;
    const pg::Result counts =
        database_.exec(fmt::format(kCompareWithStaging, quoted(entity)), {file, slug_});
    out["rows_new"] = counts.integer(0, 0);
    out["rows_changed"] = counts.integer(0, 1);
    out["rows_as_staged"] = counts.integer(0, 2);
    return out;
  }

 private:
  pg::Connection& database_;
  const std::string slug_;
  bool is_known_ = false;
};

struct ReadOutcome {
  nlohmann::json report;
  std::int64_t size_bytes = 0;
  Sha256Hex sha256;
  std::size_t parts = 1;
  bool is_good = false;
};

/// The file's rows into the temporary table; undone again when something is wrong with it.
ReadOutcome read_into(Scratch& scratch, const Trial& trial, const std::string& file) {
  const fs::path whole = fs::absolute(trial.path);
  const auto open = open_named_file(system_file_system(), whole);
  const pg::UuidBytes id = pg::parse_uuid(file);
  std::optional<pg::CopyIn> copy(std::in_place, scratch.database(),
                                 fmt::format(kCopy, scratch.quoted(trial.spec->entity)));
  const auto channel = open_channel(
      *trial.spec,
      [&](const StagingRow& row) {
        copy->begin_row(kColumns);
        for (int i = 0; i < 3; ++i) copy->put_uuid(id);  // tenant, job, file: of this run alone
        copy->put_int64(row.source_row);
        row.natural_key ? copy->put_text(*row.natural_key) : copy->put_null();
        copy->put_jsonb(row.payload_json);
      },
      /*first_source_row=*/1, {.file_bytes = static_cast<std::int64_t>(open->stat().size_bytes)});
  ReadOutcome out;
  PartPlanner planner(*trial.spec);
  std::vector<char> block(kBlockBytes);
  while (const std::size_t count = open->read(block.data(), block.size())) {
    channel->feed({block.data(), count});
    planner.feed({block.data(), count});
  }
  channel->finish();
  const PartPlan plan = planner.finish();
  out.size_bytes = plan.size_bytes;
  out.sha256 = plan.original_sha256;
  out.parts = plan.parts.size();
  out.report = validation_report(*trial.spec, *channel);
  out.is_good = channel->summary().is_accepted();
  if (out.is_good) {
    (void)copy->finish();
  } else {
    copy->abort("the file is refused");
  }
  return out;
}

nlohmann::ordered_json try_file(Scratch& scratch, const Trial& trial) {
  nlohmann::ordered_json out{{"file", trial.path.string()}};
  if (trial.spec != nullptr) out["file_tag"] = trial.spec->file_tag.value;
  if (!trial.problem.empty()) {
    out["outcome"] = "left alone";
    out["problem"] = trial.problem;
    return out;
  }
  if (!trial.name.date.empty()) out["delivery_date"] = trial.name.date;
  if (trial.name.chunk_count > 1) {
    out["chunk"] = fmt::format("{} of {}", trial.name.chunk_number, trial.name.chunk_count);
  }
  const std::string file = random_uuid();
  scratch.database().exec("SAVEPOINT one_file");
  try {
    const ReadOutcome read = read_into(scratch, trial, file);
    out["outcome"] = read.is_good ? "passed" : "refused";
    out["rows"] = read.report["rows"];
    out["size_bytes"] = read.size_bytes;
    out["content_sha256"] = read.sha256;
    if (read.parts > 1) out["parts"] = read.parts;
    if (read.is_good) {
      out.update(scratch.key_counts(trial.spec->entity, file));
    } else {
      scratch.database().exec("ROLLBACK TO SAVEPOINT one_file");
    }
    out["report"] = read.report;
  } catch (const pg::PgError& refusal) {
    // What no check of ours foresaw: a rule of the table. Its words may quote a value.
    scratch.database().exec("ROLLBACK TO SAVEPOINT one_file");
    out["outcome"] = "refused";
    out["problem"] = fmt::format("staging refuses a row with SQLSTATE {} {}", refusal.sqlstate(),
                                 refusal.constraint());
  }
  return out;
}

nlohmann::json missing_tags(const AgencyFolder& agency, const std::vector<Trial>& trials) {
  nlohmann::json out = nlohmann::json::array();
  if (!agency.plan) return out;
  for (const ExpectedFile& file : agency.plan->files) {
    const bool is_there = std::any_of(trials.begin(), trials.end(), [&file](const Trial& trial) {
      return trial.spec != nullptr && trial.spec->file_tag == file.file_tag;
    });
    if (file.required && !is_there) out.push_back(file.file_tag.value);
  }
  return out;
}

}  // namespace

nlohmann::ordered_json run_sandbox(const std::string& database_url, const AgencyFolder& agency,
                                   const std::vector<fs::path>& files) {
  std::vector<Trial> trials;
  trials.reserve(files.size());
  for (const fs::path& path : files) trials.push_back(judge_name(agency, path));
  const auto place = [](const Trial& trial) {
    return std::tuple(trial.name.date, trial.rank, trial.name.chunk_number, trial.path);
  };
  std::stable_sort(trials.begin(), trials.end(), [&place](const Trial& left, const Trial& right) {
    return place(left) < place(right);
  });

  pg::Connection database(database_url, "waybill-sandbox");
  database.exec("SET ROLE service_role");
  nlohmann::ordered_json report{{"agency", agency.slug}};
  pg::Transaction transaction(database);
  Scratch scratch(database, agency.slug);
  report["files"] = nlohmann::ordered_json::array();
  for (const Trial& trial : trials) report["files"].push_back(try_file(scratch, trial));
  transaction.rollback();
  report["missing"] = missing_tags(agency, trials);
  return report;
}

bool all_passed(const nlohmann::ordered_json& report) {
  const auto& files = report.at("files");
  return std::all_of(files.begin(), files.end(),
                     [](const auto& file) { return file.at("outcome") == "passed"; });
}

}  // namespace waybill::cli
