// Operators: what the central team does by command: agencies, enrolment codes, agents, lineage.
//
// Place:    central/cli, over central/pg. Each command is one or a few ingest.* functions, called
//           as service_role; the rules are theirs.
// Errors:   a refusal by the registry is OperatorRefusal with its WB code and its own way out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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
  };
  /// Registers or finds the agency of `folder`/_agency.json and puts every other .json file of the
  /// folder in force as a file spec. All are read and checked before the first is written.
  Agency put_agency(const std::filesystem::path& folder);

  /// A code for one enrolment; shown this once.
  [[nodiscard]] std::string create_enrolment_code(const std::string& slug, std::int64_t ttl_s);

  void revoke_agent(const std::string& agent_id, const std::string& reason);

  /// One staged row's whole story: an object, keys in the order people read them; null when there
  /// is no such row.
  [[nodiscard]] nlohmann::ordered_json lineage(const std::string& job_file_id,
                                               std::int64_t source_row);

 private:
  pg::Result call(std::string_view operation, std::string_view sql, const pg::Params& params);

  pg::Connection connection_;
  const std::string actor_;
};

}  // namespace waybill::cli
