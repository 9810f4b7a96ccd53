#include "central/cli/load_diff.h"

#include <fmt/format.h>

#include "central/pg/connection.h"
#include "core/error.h"

namespace waybill::cli {

namespace {

// $1 slug, $2 tag, $3 the file. Its set: all parts of the same original in the same job.
constexpr const char* kFindSet = R"sql(
  SELECT f.entity, min(s.relative_path), min(s.delivery_date)::text,
         string_agg(s.job_file_id::text, ',' ORDER BY s.part_number)
    FROM ingest.job_file AS f
    JOIN ingest.tenant AS t ON t.tenant_id = f.tenant_id
    JOIN ingest.job_file AS s
      ON s.tenant_id = f.tenant_id AND s.job_id = f.job_id AND s.file_tag = f.file_tag
     AND s.original_sha256 = f.original_sha256
   WHERE t.slug = $1 AND f.file_tag = $2 AND f.job_file_id = $3::uuid
   GROUP BY f.entity
)sql";

// The rows of one set ($1), one line a key: a row without a key is a line of its own.
constexpr const char* kLoad = R"sql(
  CREATE TEMPORARY TABLE {0} ON COMMIT DROP AS
  SELECT r.natural_key, min(r.source_row) AS source_row, count(*) AS copies,
         jsonb_agg(r.payload ORDER BY r.payload) AS payloads
    FROM staging.{1} AS r
   WHERE r.job_file_id = ANY (string_to_array('{2}', ',')::uuid[])
   GROUP BY r.natural_key,
            CASE WHEN r.natural_key IS NULL THEN r.payload END
)sql";

// PostgreSQL joins in full only on what it can hash or merge: keys and keyless rows apart.
constexpr const char* kCompare = R"sql(
  CREATE TEMPORARY TABLE waybill_compared ON COMMIT DROP AS
  SELECT CASE WHEN b.copies IS NULL THEN 'added' WHEN a.copies IS NULL THEN 'removed'
              WHEN b.payloads = a.payloads THEN 'alike' ELSE 'changed' END AS what,
         coalesce(a.natural_key, b.natural_key) AS natural_key,
         b.source_row AS row_before, a.source_row AS row_after,
         b.payloads AS before, a.payloads AS after
    FROM (SELECT * FROM waybill_before WHERE natural_key IS NOT NULL) AS b
    FULL JOIN (SELECT * FROM waybill_after WHERE natural_key IS NOT NULL) AS a
      ON a.natural_key = b.natural_key
   UNION ALL
  SELECT CASE WHEN b.copies IS NULL THEN 'added' WHEN a.copies IS NULL THEN 'removed'
              ELSE 'alike' END,
         NULL, b.source_row, a.source_row, b.payloads, a.payloads
    FROM (SELECT * FROM waybill_before WHERE natural_key IS NULL) AS b
    FULL JOIN (SELECT * FROM waybill_after WHERE natural_key IS NULL) AS a
      ON a.payloads = b.payloads
)sql";

// Columns in which the first rows of a changed key differ.
constexpr const char* kChangedColumns = R"sql(
  SELECT c.key, count(*)
    FROM waybill_compared AS d
    CROSS JOIN LATERAL (
      SELECT k.key FROM jsonb_object_keys((d.before -> 0) || (d.after -> 0)) AS k (key)
       WHERE d.before -> 0 -> k.key IS DISTINCT FROM d.after -> 0 -> k.key) AS c
   WHERE d.what = 'changed'
   GROUP BY c.key ORDER BY count(*) DESC, c.key
)sql";

// $1 how many.
constexpr const char* kDifferences = R"sql(
  SELECT d.what, d.row_before, d.row_after,
         coalesce((SELECT jsonb_agg(k.key ORDER BY k.key)
                     FROM jsonb_object_keys((d.before -> 0) || (d.after -> 0)) AS k (key)
                    WHERE d.before -> 0 -> k.key IS DISTINCT FROM d.after -> 0 -> k.key), '[]'),
         d.natural_key, d.before, d.after
    FROM waybill_compared AS d
   WHERE d.what <> 'alike'
   ORDER BY coalesce(d.row_after, d.row_before), d.what LIMIT $1
)sql";

struct LoadedSet {
  std::string entity;
  nlohmann::ordered_json facts;
};

LoadedSet load(pg::Connection& database, const DiffRequest& request, const std::string& file,
               const char* table) {
  const pg::Result set = database.exec(kFindSet, {request.agency, request.file_tag, file});
  if (set.empty()) {
    throw Error(error_code::kJobFileNotFound, "compare loads", file,
                fmt::format("{} has no file {} with this id", request.agency, request.file_tag));
  }
  LoadedSet out{set.string(0, 0),
                {{"job_file_id", file},
                 {"relative_path", set.string(0, 1)},
                 {"delivery_date", set.string(0, 2)}}};
  const std::string entity = database.quote_identifier(out.entity);
  database.exec(fmt::format(kLoad, table, entity, set.string(0, 3)));
  out.facts["rows"] =
      database.exec(fmt::format("SELECT coalesce(sum(copies), 0)::bigint FROM {}", table))
          .integer(0, 0);
  return out;
}

nlohmann::ordered_json read_difference(const pg::Result& rows, int row, bool with_values) {
  nlohmann::ordered_json out{{"what", rows.string(row, 0)}};
  if (!rows.is_null(row, 1)) out["row_before"] = rows.integer(row, 1);
  if (!rows.is_null(row, 2)) out["row_after"] = rows.integer(row, 2);
  if (out["what"] == "changed") out["columns"] = nlohmann::json::parse(rows.text(row, 3));
  if (!with_values) return out;
  if (!rows.is_null(row, 4)) out["natural_key"] = rows.string(row, 4);
  if (!rows.is_null(row, 5)) out["before"] = nlohmann::json::parse(rows.text(row, 5));
  if (!rows.is_null(row, 6)) out["after"] = nlohmann::json::parse(rows.text(row, 6));
  return out;
}

}  // namespace

nlohmann::ordered_json diff_loads(const std::string& database_url, const DiffRequest& request) {
  pg::Connection database(database_url, "waybill-diff");
  database.exec("SET ROLE service_role");
  pg::Transaction transaction(database);
  const LoadedSet before = load(database, request, request.before, "waybill_before");
  const LoadedSet after = load(database, request, request.after, "waybill_after");
  database.exec(kCompare);

  nlohmann::ordered_json out{{"before", before.facts}, {"after", after.facts}};
  for (const char* what : {"alike", "added", "removed", "changed"}) {
    out[what] = database.exec("SELECT count(*) FROM waybill_compared WHERE what = $1", {what})
                    .integer(0, 0);
  }
  out["columns"] = nlohmann::ordered_json::object();
  const pg::Result columns = database.exec(kChangedColumns);
  for (int row = 0; row < columns.rows(); ++row) {
    out["columns"][columns.string(row, 0)] = columns.integer(row, 1);
  }
  out["differences"] = nlohmann::ordered_json::array();
  const pg::Result differences = database.exec(kDifferences, {std::to_string(request.limit)});
  for (int row = 0; row < differences.rows(); ++row) {
    out["differences"].push_back(read_difference(differences, row, request.with_values));
  }
  transaction.rollback();
  return out;
}

}  // namespace waybill::cli
