#include "central/cli/operators.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/file_spec.h"
#include "core/file_system.h"

namespace waybill::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSpecMaxBytes = std::size_t{1024} * 1024;
constexpr const char* kAgencyFile = "_agency.json";

[[noreturn]] void refuse_agency(const fs::path& path, const std::string& cause) {
  throw Error(error_code::kCentralConfigInvalid, "read the agency", path.string(), cause);
}

nlohmann::json read_agency_file(const fs::path& folder) {
  const fs::path path = folder / kAgencyFile;
  FileSystem& files = system_file_system();
  if (!files.stat(path)) refuse_agency(path, "it is not there; a folder of specs needs it");
  auto agency = nlohmann::json::parse(read_whole_file(files, path, kSpecMaxBytes), nullptr, false);
  if (!agency.is_object()) refuse_agency(path, "it is not a JSON object");
  for (const char* key : {"slug", "display_name", "time_zone"}) {
    if (!agency.contains(key) || !agency[key].is_string()) {
      refuse_agency(path, std::string("\"") + key + "\" must be there and be text");
    }
  }
  for (const auto& [key, value] : agency.items()) {
    if (key != "slug" && key != "display_name" && key != "time_zone") {
      refuse_agency(path, "the key \"" + key + "\" is unknown; slug, display_name and time_zone " +
                              "are allowed");
    }
  }
  return agency;
}

/// The folder's specs as JSON, checked, in the order of their file names.
std::vector<nlohmann::json> read_specs(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".json" && path.filename() != kAgencyFile) paths.push_back(path);
  }
  if (failure) refuse_agency(folder, failure.message());
  std::sort(paths.begin(), paths.end());

  std::vector<nlohmann::json> out;
  for (const fs::path& path : paths) {
    const std::string text = read_whole_file(system_file_system(), path, kSpecMaxBytes);
    try {
      const FileSpec spec = parse_file_spec_text(text);
      if (spec.file_tag.value != path.stem().string()) {
        throw Error(error_code::kSpecInvalid, "read", "file_tag",
                    "it must be the file's own name without .json");
      }
    } catch (const Error& error) {
      throw Error(error.code(), "read the file spec", path.string(),
                  error.subject() + ": " + error.cause());
    }
    out.push_back(nlohmann::json::parse(text));
  }
  return out;
}

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

Operators::Agency Operators::put_agency(const fs::path& folder) {
  const nlohmann::json facts = read_agency_file(folder);
  const std::vector<nlohmann::json> specs = read_specs(folder);

  Agency out{.slug = facts["slug"], .specs = {}};
  pg::Transaction transaction(connection_);
  call("register the agency", "SELECT ingest.create_tenant($1, $2, $3)",
       {out.slug, facts["display_name"].get<std::string>(), facts["time_zone"].get<std::string>()});
  for (const nlohmann::json& spec : specs) {
    const pg::Result version = call("put the file spec", "SELECT ingest.put_file_spec($1, $2, $3)",
                                    {out.slug, spec.dump(), actor_});
    out.specs.push_back({spec["file_tag"], version.integer(0, 0)});
  }
  transaction.commit();
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

nlohmann::ordered_json Operators::lineage(const std::string& job_file_id, std::int64_t source_row) {
  const pg::Result row = call("find the row", "SELECT to_json(l) FROM staging.lineage($1, $2) AS l",
                              {job_file_id, std::to_string(source_row)});
  if (row.empty()) return nullptr;
  return nlohmann::ordered_json::parse(row.text(0, 0));
}

}  // namespace waybill::cli
