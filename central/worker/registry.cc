#include "central/worker/registry.h"

#include "core/error.h"

namespace waybill {

namespace {

constexpr std::string_view kNoteArrivals = "SELECT ingest.note_arrivals()";
constexpr std::string_view kClaimNext = "SELECT ingest.claim_next($1::text, $2::int)";
constexpr std::string_view kHeartbeat = "SELECT ingest.heartbeat($1::uuid, $2::bigint, $3::int)";
constexpr std::string_view kFinishVerify =
    "SELECT ingest.finish_verify($1::uuid, $2::bigint, $3::uuid, $4::text, $5::bigint)";
constexpr std::string_view kFinishStage =
    "SELECT ingest.finish_stage($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::text, $6::jsonb, "
    "$7::jsonb)";
constexpr std::string_view kRefuseFile =
    "SELECT ingest.refuse_file($1::uuid, $2::bigint, $3::uuid, $4::jsonb, $5::jsonb, $6::jsonb)";
constexpr std::string_view kUsualRowCount = "SELECT ingest.usual_row_count($1::uuid)";
constexpr std::string_view kKnownKeys = "SELECT ingest.known_keys($1::uuid)";
constexpr std::string_view kRepeatedKeys = "SELECT ingest.repeated_keys($1::uuid, $2::bigint)";
constexpr std::string_view kUnknownReferences =
    "SELECT ingest.unknown_references($1::uuid, $2::text, ARRAY(SELECT "
    "jsonb_array_elements_text($3::jsonb)))";
constexpr std::string_view kFinishMove =
    "SELECT ingest.finish_move($1::uuid, $2::bigint, $3::uuid, $4::text)";
constexpr std::string_view kFinishSplit =
    "SELECT ingest.finish_split($1::uuid, $2::bigint, $3::uuid, $4::jsonb)";
constexpr std::string_view kPartPath = "SELECT ingest.part_path($1::text, $2::int)";
constexpr std::string_view kSweep = "SELECT ingest.sweep()";
constexpr std::string_view kReleaseStep =
    "SELECT ingest.release_step($1::uuid, $2::bigint, $3::uuid)";
constexpr std::string_view kNextAlerts = "SELECT ingest.next_alerts($1::text, $2::int)";
constexpr std::string_view kFinishAlert =
    "SELECT ingest.finish_alert($1::bigint, $2::boolean, $3::text)";
constexpr std::string_view kFindOrphans = "SELECT ingest.find_orphans($1::int)";
constexpr std::string_view kNextOrphans = "SELECT ingest.next_orphans($1::int)";
constexpr std::string_view kFinishOrphan = "SELECT ingest.finish_orphan($1::bigint, $2::text)";
constexpr std::string_view kFailStep =
    "SELECT ingest.fail_step($1::uuid, $2::bigint, $3::uuid, $4::jsonb, $5::boolean)";

/// A worker host that vanishes must not leave rows half-staged and locked for hours: the server is
/// to notice within half a minute, and whoever takes over waits for its lock no longer than that.
constexpr std::string_view kSessionSettings[] = {
    "SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3", "SET lock_timeout = '30s'",
    "SET idle_in_transaction_session_timeout = '5min'"};

/// Our SQL refuses with SQLSTATE PGRST and a JSON message, the form PostgREST turns into an answer.
constexpr std::string_view kRefusalSqlstate = "PGRST";

Error to_error(const pg::PgError& refusal) {
  const nlohmann::json body = nlohmann::json::parse(refusal.message(), nullptr, false);
  if (body.is_object()) {
    const ErrorCode* code = find_error_code(body.value("code", ""));
    if (code != nullptr) return {*code, "call registry", "", body.value("message", "")};
  }
  return {error_code::kDatabaseRefused, "call registry", "", "a refusal without a known code"};
}

Step parse_step(const std::string& name) {
  if (name == "verify") return Step::kVerify;
  if (name == "split") return Step::kSplit;
  if (name == "stage") return Step::kStage;
  if (name == "rename") return Step::kRename;
  if (name == "archive") return Step::kArchive;
  throw Error(error_code::kInternal, "claim", "step", "the registry names an unknown step");
}

std::string text_or_empty(const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

Claim parse_claim(std::string_view text) {
  try {
    const nlohmann::json from = nlohmann::json::parse(text);
    Claim claim;
    claim.tenant_id = from.at("tenant_id").get<std::string>();
    claim.tenant = from.at("tenant").get<std::string>();
    claim.fence = from.at("fence").get<std::int64_t>();
    claim.step = parse_step(from.at("step").get<std::string>());
    claim.job_id = from.at("job_id").get<std::string>();
    claim.job_file_id = from.at("job_file_id").get<std::string>();
    claim.relative_path = from.at("relative_path").get<std::string>();
    claim.bucket = from.at("bucket").get<std::string>();
    claim.object_path = from.at("object_path").get<std::string>();
    claim.target_path = text_or_empty(from, "target_path");
    claim.content_sha256 = from.at("content_sha256").get<std::string>();
    claim.size_bytes = from.at("size_bytes").get<std::int64_t>();
    claim.entity = from.at("entity").get<std::string>();
    claim.first_source_row = from.at("first_source_row").get<std::int64_t>();
    claim.part_count = from.value("part_count", std::int32_t{1});
    claim.spec = from.value("spec", nlohmann::json());
    claim.skip_known_rows = from.value("skip_known_rows", false);
    claim.attempt = from.value("attempt", std::int64_t{0});
    return claim;
  } catch (const nlohmann::json::exception& error) {
    throw Error(error_code::kInternal, "claim", "step",
                std::string("the registry's answer is not as agreed: ") + error.what());
  }
}

pg::Params claim_params(const Claim& claim) {
  return {claim.tenant_id, std::to_string(claim.fence), claim.job_file_id};
}

std::optional<std::string> or_null(const nlohmann::json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.dump());
}

/// What a check of the registry answers; nothing when it answers null.
std::optional<nlohmann::json> found_json(const pg::Result& result) {
  if (result.empty() || result.is_null(0, 0)) return std::nullopt;
  return nlohmann::json::parse(result.text(0, 0));
}

Error not_as_agreed(std::string_view operation, const nlohmann::json::exception& error) {
  return {error_code::kInternal, operation, "",
          std::string("the registry's answer is not as agreed: ") + error.what()};
}

}  // namespace

std::string_view to_string(Step step) {
  switch (step) {
    case Step::kVerify:
      return "verify";
    case Step::kSplit:
      return "split";
    case Step::kStage:
      return "stage";
    case Step::kRename:
      return "rename";
    case Step::kArchive:
      return "archive";
  }
  return "unknown";
}

pg::Result Registry::call(std::string_view sql, const pg::Params& params) {
  try {
    return database_.exec_prepared(sql, params);
  } catch (const pg::PgError& refusal) {
    if (refusal.sqlstate() == kRefusalSqlstate) throw to_error(refusal);
    throw;
  }
}

void Registry::become_service_role() {
  database_.exec("SET ROLE service_role");
  for (const std::string_view setting : kSessionSettings) database_.exec(setting);
}

std::int64_t Registry::note_arrivals() { return call(kNoteArrivals, {}).integer(0, 0); }

std::optional<Claim> Registry::claim_next(const std::string& worker, std::int64_t lease_s) {
  const pg::Result result = call(kClaimNext, {worker, std::to_string(lease_s)});
  if (result.empty() || result.is_null(0, 0)) return std::nullopt;
  return parse_claim(result.text(0, 0));
}

bool Registry::heartbeat(const std::string& tenant_id, std::int64_t fence, std::int64_t lease_s) {
  return call(kHeartbeat, {tenant_id, std::to_string(fence), std::to_string(lease_s)})
      .boolean(0, 0);
}

std::string Registry::finish_verify(const Claim& claim, const std::string& sha256,
                                    std::int64_t size_bytes) {
  pg::Params params = claim_params(claim);
  params.insert(params.end(), {sha256, std::to_string(size_bytes)});
  return call(kFinishVerify, params).string(0, 0);
}

std::string Registry::finish_stage(const Claim& claim, std::int64_t rows, const std::string& sha256,
                                   const nlohmann::json& report, const nlohmann::json& rejected) {
  pg::Params params = claim_params(claim);
  params.insert(params.end(), {std::to_string(rows), sha256, report.dump(), or_null(rejected)});
  return call(kFinishStage, params).string(0, 0);
}

std::string Registry::refuse_file(const Claim& claim, const nlohmann::json& error,
                                  const nlohmann::json& report, const nlohmann::json& rejected) {
  pg::Params params = claim_params(claim);
  params.insert(params.end(), {error.dump(), or_null(report), or_null(rejected)});
  return call(kRefuseFile, params).string(0, 0);
}

std::string Registry::finish_move(const Claim& claim) {
  pg::Params params = claim_params(claim);
  params.emplace_back(claim.target_path);
  return call(kFinishMove, params).string(0, 0);
}

std::string Registry::finish_split(const Claim& claim, const nlohmann::json& parts) {
  pg::Params params = claim_params(claim);
  params.emplace_back(parts.dump());
  return call(kFinishSplit, params).string(0, 0);
}

std::string Registry::part_path(const Claim& claim, std::int32_t part_number) {
  return call(kPartPath, {claim.object_path, std::to_string(part_number)}).string(0, 0);
}

void Registry::release(const Claim& claim) { call(kReleaseStep, claim_params(claim)); }

std::int64_t Registry::sweep() { return call(kSweep, {}).integer(0, 0); }

nlohmann::json Registry::next_alerts(const std::string& holder, std::int64_t limit) {
  const pg::Result result = call(kNextAlerts, {holder, std::to_string(limit)});
  auto alerts = nlohmann::json::parse(result.text(0, 0), nullptr, false);
  return alerts.is_array() ? alerts : nlohmann::json::array();
}

void Registry::finish_alert(std::int64_t alert_id, const std::string& problem) {
  call(kFinishAlert, {std::to_string(alert_id), problem.empty() ? "true" : "false",
                      problem.empty() ? std::nullopt : std::optional(problem)});
}

std::int64_t Registry::find_orphans(std::int64_t limit) {
  return call(kFindOrphans, {std::to_string(limit)}).integer(0, 0);
}

std::vector<Orphan> Registry::next_orphans(std::int64_t limit) {
  const pg::Result result = call(kNextOrphans, {std::to_string(limit)});
  std::vector<Orphan> orphans;
  try {
    for (const nlohmann::json& from : nlohmann::json::parse(result.text(0, 0))) {
      orphans.push_back({.id = from.at("orphan_id").get<std::int64_t>(),
                         .tenant = from.at("tenant").get<std::string>(),
                         .bucket = from.at("bucket").get<std::string>(),
                         .object_path = from.at("object_path").get<std::string>(),
                         .reason = from.at("reason").get<std::string>()});
    }
  } catch (const nlohmann::json::exception& error) {
    throw not_as_agreed("ask for orphans", error);
  }
  return orphans;
}

bool Registry::finish_orphan(std::int64_t orphan_id, const std::string& problem) {
  return call(kFinishOrphan,
              {std::to_string(orphan_id), problem.empty() ? std::nullopt : std::optional(problem)})
      .boolean(0, 0);
}

std::optional<UsualRowCount> Registry::usual_row_count(const Claim& claim) {
  try {
    const auto found = found_json(call(kUsualRowCount, {claim.job_file_id}));
    if (!found) return std::nullopt;
    UsualRowCount usual;
    usual.files = found->at("files").get<std::int64_t>();
    if (usual.files > 0) usual.median = found->at("median").get<std::int64_t>();
    usual.other_rows = found->at("other_rows").get<std::int64_t>();
    return usual;
  } catch (const nlohmann::json::exception& error) {
    throw not_as_agreed("ask for the usual row count", error);
  }
}

std::optional<RowsFound> Registry::find_rows(std::string_view sql, const pg::Params& params) {
  try {
    const auto found = found_json(call(sql, params));
    if (!found) return std::nullopt;
    return RowsFound{.rows = found->at("rows").get<std::int64_t>(),
                     .keys = found->value("keys", std::int64_t{0}),
                     .first_rows = found->at("first_rows").get<std::vector<std::int64_t>>()};
  } catch (const nlohmann::json::exception& error) {
    throw not_as_agreed("ask staging for rows", error);
  }
}

std::optional<RowsFound> Registry::known_keys(const Claim& claim) {
  return find_rows(kKnownKeys, {claim.job_file_id});
}

std::optional<RowsFound> Registry::repeated_keys(const Claim& claim, std::int64_t unchecked_from) {
  return find_rows(kRepeatedKeys, {claim.job_file_id, std::to_string(unchecked_from)});
}

std::optional<RowsFound> Registry::unknown_references(const Claim& claim, const std::string& entity,
                                                      const std::vector<std::string>& keys) {
  return find_rows(kUnknownReferences, {claim.job_file_id, entity, nlohmann::json(keys).dump()});
}

std::string Registry::fail_step(const Claim& claim, const nlohmann::json& error,
                                bool is_transient) {
  pg::Params params = claim_params(claim);
  params.insert(params.end(), {error.dump(), is_transient ? "true" : "false"});
  return call(kFailStep, params).string(0, 0);
}

}  // namespace waybill
