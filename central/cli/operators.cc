#include "central/cli/operators.h"

#include <optional>
#include <utility>

#include "core/delivery_plan.h"

namespace waybill::cli {

namespace {

constexpr const char* kTagsInForce = R"sql(
  SELECT s.file_tag
    FROM (SELECT DISTINCT ON (v.file_tag) v.file_tag, v.is_withdrawn
            FROM ingest.file_spec AS v
            JOIN ingest.tenant AS t ON t.tenant_id = v.tenant_id
           WHERE t.slug = $1
           ORDER BY v.file_tag, v.version DESC) AS s
   WHERE NOT s.is_withdrawn
   ORDER BY s.file_tag
)sql";

// Those that wait first, then the newest of those that went out. $1 an agency's slug or null.
constexpr const char* kListAlerts = R"sql(
  SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.sent_at IS NOT NULL, a.created_at DESC), '[]')
    FROM (SELECT l.alert_id, t.slug AS tenant, l.kind, l.code, l.message, l.created_at, l.sent_at,
                 l.attempts, l.next_attempt_at, l.last_problem
            FROM ingest.alert AS l
            JOIN ingest.tenant AS t ON t.tenant_id = l.tenant_id
           WHERE $1::text IS NULL OR t.slug = $1
           ORDER BY l.sent_at IS NOT NULL, l.created_at DESC
           LIMIT $2) AS a
)sql";

// $1 an agency's slug.
constexpr const char* kListAgents = R"sql(
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'agent_id', a.agent_id, 'agent_name', a.agent_name,
           'state', CASE WHEN a.revoked_at IS NOT NULL THEN 'revoked'
                         WHEN a.ledger_refused_at IS NOT NULL THEN 'ledger refused'
                         ELSE 'active' END,
           'reason', coalesce(a.revoked_reason, a.ledger_refused_reason),
           'enrolled_at', a.enrolled_at, 'last_seen_at', a.last_seen_at,
           'ledger_id', a.ledger_id, 'ledger_seq', a.ledger_seq,
           'has_key', a.public_key IS NOT NULL) ORDER BY a.enrolled_at)
             FILTER (WHERE a.agent_id IS NOT NULL), '[]')
    FROM ingest.tenant AS t LEFT JOIN ingest.agent AS a ON a.tenant_id = t.tenant_id
   WHERE t.slug = $1 GROUP BY t.tenant_id
)sql";

/// SQLSTATE PGRST with our body as JSON is how ingest.refuse() speaks.
[[noreturn]] void rethrow(std::string_view operation, const pg::PgError& error) {
  const auto body = nlohmann::json::parse(error.message(), nullptr, false);
  const ErrorCode* code =
      body.is_object() ? find_error_code(body.value("code", std::string())) : nullptr;
  if (error.sqlstate() != "PGRST" || code == nullptr) {
    throw Error(error.code(), operation, "", error.cause());
  }
  const auto hint = body.find("hint");
  throw OperatorRefusal(*code, operation, body.value("message", std::string()),
                        hint != body.end() && hint->is_string() ? hint->get<std::string>()
                                                                : std::string(code->way_out));
}

}  // namespace

Operators::Operators(const std::string& database_url, std::string actor)
    : connection_(database_url), actor_(std::move(actor)) {
  call("take the role service_role", "SET ROLE service_role", {});
}

pg::Result Operators::call(std::string_view operation, std::string_view sql,
                           const pg::Params& params) {
  try {
    return connection_.exec(sql, params);
  } catch (const pg::PgError& error) {
    rethrow(operation, error);
  }
}

Operators::Agency Operators::put_agency(const AgencyFolder& folder) {
  Agency out;
  out.slug = folder.slug;
  pg::Transaction transaction(connection_);
  call("register the agency", "SELECT ingest.create_tenant($1, $2, $3)",
       {folder.slug, folder.display_name, folder.time_zone});
  std::vector<std::string> to_withdraw = tags_in_force(folder.slug);
  for (const AgencyFolder::Spec& spec : folder.specs) {
    const pg::Result version = call("put the file spec", "SELECT ingest.put_file_spec($1, $2, $3)",
                                    {folder.slug, spec.text.dump(), actor_});
    out.specs.push_back({spec.spec.file_tag.value, version.integer(0, 0)});
    std::erase(to_withdraw, spec.spec.file_tag.value);
  }
  for (const std::string& file_tag : to_withdraw) {
    call("withdraw the file spec", "SELECT ingest.withdraw_file_spec($1, $2, $3)",
         {folder.slug, file_tag, actor_});
  }
  out.withdrawn = std::move(to_withdraw);
  const pg::Result version =
      call("put the delivery plan", "SELECT ingest.put_delivery_plan($1, $2::jsonb, $3)",
           {folder.slug, folder.plan ? std::optional(to_json(*folder.plan).dump()) : std::nullopt,
            actor_});
  out.has_plan = folder.plan.has_value();
  if (!version.empty() && !version.is_null(0, 0)) out.plan_version = version.integer(0, 0);
  transaction.commit();
  return out;
}

std::vector<std::string> Operators::tags_in_force(const std::string& slug) {
  const pg::Result tags = call("list the file specs", kTagsInForce, {slug});
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(tags.rows()));
  for (int row = 0; row < tags.rows(); ++row) out.push_back(tags.string(row, 0));
  return out;
}

std::string Operators::create_enrolment_code(const std::string& slug, std::int64_t ttl_s) {
  return call("create an enrolment code", "SELECT ingest.create_enrolment_code($1, $2, $3)",
              {slug, std::to_string(ttl_s), actor_})
      .string(0, 0);
}

void Operators::revoke_agent(const std::string& agent_id, const std::string& reason) {
  call("revoke the agent", "SELECT ingest.revoke_agent($1, $2, $3)", {agent_id, reason, actor_});
}

void Operators::accept_ledger(const std::string& agent_id, const std::string& reason) {
  call("accept the agent's ledger", "SELECT ingest.accept_ledger($1, $2, $3)",
       {agent_id, reason, actor_});
}

std::string Operators::agent_key(const std::string& agent_id) {
  const pg::Result key =
      call("find the agent's key",
           "SELECT a.public_key FROM ingest.agent AS a WHERE a.agent_id = $1", {agent_id});
  if (key.empty()) {
    throw Error(error_code::kAgentUnknown, "find the agent's key", agent_id,
                "no agent has this id");
  }
  return key.is_null(0, 0) ? "" : key.string(0, 0);
}

nlohmann::json Operators::agents(const std::string& slug) {
  const pg::Result agents = call("list the agents", kListAgents, {slug});
  if (agents.empty()) {
    throw Error(error_code::kCentralConfigInvalid, "list the agents", slug,
                "no agency has this slug");
  }
  return nlohmann::json::parse(agents.text(0, 0));
}

void Operators::resume(const std::string& slug, const std::string& reason) {
  call("resume the agency", "SELECT ingest.resume_tenant($1, $2, $3)", {slug, reason, actor_});
}

std::string Operators::retry(const std::string& job_file_id, const std::string& reason,
                             bool allow_older) {
  const nlohmann::json options{{"allow_older", allow_older}};
  return call("retry the file", "SELECT ingest.retry_file($1, $2, $3, $4::jsonb) ->> 'state'",
              {job_file_id, reason, actor_, options.dump()})
      .string(0, 0);
}

std::string Operators::skip(const std::string& job_file_id, const std::string& reason) {
  return call("skip the file", "SELECT ingest.skip_file($1, $2, $3) ->> 'state'",
              {job_file_id, reason, actor_})
      .string(0, 0);
}

std::string Operators::close_job(const std::string& slug, const std::string& job_key,
                                 const std::string& reason) {
  return call("close the job", "SELECT ingest.close_job($1, $2, $3, $4)",
              {slug, job_key, reason, actor_})
      .string(0, 0);
}

std::int64_t Operators::retire(const std::string& job_file_id, const std::string& reason,
                               bool is_meant) {
  pg::Transaction transaction(connection_);
  const pg::Result answer =
      call("retire the file", "SELECT ingest.retire_file($1, $2, $3) -> 'rows'",
           {job_file_id, reason, actor_});
  const std::int64_t rows = answer.integer(0, 0);
  if (is_meant) transaction.commit();
  return rows;
}

nlohmann::json Operators::report(std::string_view operation, std::string_view sql,
                                 const pg::Params& params) {
  const pg::Result answer = call(operation, sql, params);
  return answer.is_null(0, 0) ? nlohmann::json::array() : nlohmann::json::parse(answer.text(0, 0));
}

nlohmann::json Operators::tenants() {
  return report("list the agencies", "SELECT ingest.tenant_report()", {});
}

nlohmann::json Operators::deliveries(const std::optional<std::string>& slug, std::int64_t days) {
  return report("list the deliveries", "SELECT ingest.delivery_report($1, $2)",
                {slug, std::to_string(days)});
}

nlohmann::json Operators::alerts(const std::optional<std::string>& slug, std::int64_t limit) {
  return report("list the alerts", kListAlerts, {slug, std::to_string(limit)});
}

nlohmann::json Operators::orphans(const std::optional<std::string>& slug, std::int64_t limit) {
  return report("list the orphans", "SELECT ingest.orphan_report($1, $2)",
                {slug, std::to_string(limit)});
}

nlohmann::ordered_json Operators::lineage(const std::string& job_file_id, std::int64_t source_row) {
  const pg::Result row = call("find the row", "SELECT to_json(l) FROM staging.lineage($1, $2) AS l",
                              {job_file_id, std::to_string(source_row)});
  if (row.empty()) return nullptr;
  return nlohmann::ordered_json::parse(row.text(0, 0));
}

}  // namespace waybill::cli
