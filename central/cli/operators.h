// Operators: what the central team does by command: agencies, enrolment codes, agents, reports,
// and what puts right a file or an agency that has been stopped.
//
// Place:    central/cli, over central/pg. Each command is one or a few ingest.* functions, called
//           as service_role; the rules are theirs.
// Errors:   a refusal by the registry is OperatorRefusal with its WB code and its own way out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "central/cli/agency_folder.h"
#include "central/pg/connection.h"
#include "core/error.h"

namespace waybill::cli {

/// The registry said no; `way_out` is its advice for this very case.
class OperatorRefusal : public Error {
 public:
  OperatorRefusal(const ErrorCode& code, std::string_view operation, std::string_view cause,
                  std::string way_out)
      : Error(code, operation, "", cause), way_out_(std::move(way_out)) {}
  [[nodiscard]] const std::string& way_out() const { return way_out_; }

 private:
  std::string way_out_;
};

class Operators {
 public:
  /// `actor` is who is recorded as having done it.
  Operators(const std::string& database_url, std::string actor);

  struct SpecVersion {
    std::string file_tag;
    std::int64_t version = 0;
  };
  struct Agency {
    std::string slug;
    std::vector<SpecVersion> specs;
    std::vector<std::string> withdrawn;  ///< tags in force before whose spec the folder has not
    bool has_plan = false;
    std::int64_t plan_version = 0;  ///< 0: there never was a plan
  };
  /// Registers or finds the agency and puts the folder's specs and plan in force, all or nothing.
  /// What the folder no longer has is withdrawn.
  Agency put_agency(const AgencyFolder& folder);

  /// A code for one enrolment; shown this once.
  [[nodiscard]] std::string create_enrolment_code(const std::string& slug, std::int64_t ttl_s);

  void revoke_agent(const std::string& agent_id, const std::string& reason);
  /// The ledger and the key of the agent's next sync count, whatever they are (WB-2007).
  void accept_ledger(const std::string& agent_id, const std::string& reason);
  /// What the agent signs its manifests with, PEM.
  [[nodiscard]] std::string agent_key(const std::string& agent_id);

  // What puts things right; each is an event with the reason and the actor.

  /// A halted agency is worked for again.
  void resume(const std::string& slug, const std::string& reason);
  /// A refused file is tried again, read by the newest spec; its new state.
  std::string retry(const std::string& job_file_id, const std::string& reason, bool allow_older);
  /// The file is set aside and no longer waited for; its new state.
  std::string skip(const std::string& job_file_id, const std::string& reason);
  /// A job whose agent is gone is closed; its new state.
  std::string close_job(const std::string& slug, const std::string& job_key,
                        const std::string& reason);
  /// The file's staged rows are removed; how many. Unless `is_meant` all is undone again.
  std::int64_t retire(const std::string& job_file_id, const std::string& reason, bool is_meant);

  // What is going on, as JSON arrays; see docs/operating.md.

  [[nodiscard]] nlohmann::json tenants();
  [[nodiscard]] nlohmann::json agents(const std::string& slug);
  [[nodiscard]] nlohmann::json deliveries(const std::optional<std::string>& slug,
                                          std::int64_t days);
  /// An object: what the walks counted, orphans by agency and reason, the newest of them.
  [[nodiscard]] nlohmann::json orphans(const std::optional<std::string>& slug, std::int64_t limit);
  [[nodiscard]] nlohmann::json alerts(const std::optional<std::string>& slug, std::int64_t limit);

  /// One staged row's whole story: an object, keys in the order people read them; null when there
  /// is no such row.
  [[nodiscard]] nlohmann::ordered_json lineage(const std::string& job_file_id,
                                               std::int64_t source_row);

 private:
  [[nodiscard]] std::vector<std::string> tags_in_force(const std::string& slug);
  [[nodiscard]] nlohmann::json report(std::string_view operation, std::string_view sql,
                                      const pg::Params& params);
  pg::Result call(std::string_view operation, std::string_view sql, const pg::Params& params);

  pg::Connection connection_;
  const std::string actor_;
};

}  // namespace waybill::cli
