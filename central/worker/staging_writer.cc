#include "central/worker/staging_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/file_spec.h"

namespace waybill {

namespace {

constexpr std::string_view kColumnNames =
    "(tenant_id, job_id, job_file_id, source_row, natural_key, payload)";
constexpr std::string_view kLoadedTable = "pg_temp.waybill_loaded_rows";

std::string table_of(pg::Connection& database, const std::string& entity) {
  const auto& known = entity_names();
  if (std::find(known.begin(), known.end(), entity) == known.end()) {
    throw Error(error_code::kInternal, "stage", entity, "there is no such entity");
  }
  return "staging." + database.quote_identifier(entity);
}

// {0} the staging table, {1} its columns; $1 tenant, $2 the file.
constexpr const char* kStageUnknownRows = R"sql(
  INSERT INTO {0} {1}
  SELECT n.tenant_id, n.job_id, n.job_file_id, n.source_row, n.natural_key, n.payload
    FROM pg_temp.waybill_loaded_rows AS n
    LEFT JOIN LATERAL (
      SELECT r.payload
        FROM {0} AS r
        JOIN ingest.job_file AS f ON f.job_file_id = r.job_file_id
       WHERE r.tenant_id = $1::uuid AND r.natural_key = n.natural_key
         AND f.delivery_date <= (SELECT own.delivery_date FROM ingest.job_file AS own
                                  WHERE own.job_file_id = $2::uuid)
       ORDER BY f.delivery_date DESC, f.staged_at DESC, r.source_row DESC
       LIMIT 1) AS known ON true
   WHERE known.payload IS DISTINCT FROM n.payload
)sql";

}  // namespace

StagingWriter::StagingWriter(pg::Connection& database, const Claim& claim)
    : database_(database),
      claim_(claim),
      tenant_id_(pg::parse_uuid(claim.tenant_id)),
      job_id_(pg::parse_uuid(claim.job_id)),
      job_file_id_(pg::parse_uuid(claim.job_file_id)),
      table_(table_of(database, claim.entity)) {
  std::string_view into = table_;
  if (claim.skip_known_rows) {
    database.exec(
        fmt::format("CREATE TEMPORARY TABLE waybill_loaded_rows (LIKE {}) ON COMMIT DROP", table_));
    into = kLoadedTable;
  }
  copy_.emplace(database, fmt::format("COPY {} {} FROM STDIN (FORMAT binary)", into, kColumnNames));
}

std::int64_t StagingWriter::stage_unknown_rows() {
  return database_
      .exec(fmt::format(kStageUnknownRows, table_, kColumnNames),
            {claim_.tenant_id, claim_.job_file_id})
      .affected();
}

StagedCount StagingWriter::finish() {
  const std::int64_t loaded = copy_->finish();
  if (!claim_.skip_known_rows) return {loaded, 0};
  database_.exec(fmt::format("ANALYZE {}", kLoadedTable));
  const std::int64_t rows = stage_unknown_rows();
  return {rows, loaded - rows};
}

}  // namespace waybill
