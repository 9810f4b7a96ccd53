// Sandbox: files through an agency's specs, staging and checks, changing nothing.
//
// Place:    central/cli, over channels and central/pg. The rows go into temporary tables with the
//           columns and rules of the staging tables, in one transaction that is rolled back; nobody
//           else can see them.
// Report:   one JSON object: agency, files (each with the tag, date and chunk of its name, outcome,
//           rows, parts, key counts and the validation report) in the order in which they would be
//           staged, and missing: required tags without a file. Never a value of a row.
// Errors:   as agency_folder.h; WB-1303 for a file that cannot be read. What is wrong with a file
//           is in the report.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "central/cli/agency_folder.h"
#include "central/pg/connection.h"

namespace waybill::cli {

/// Runs the files in the order in which they would be staged. When the agency's slug is registered,
/// each file also says how many of its keys staging does not have yet, has with another payload,
/// and has alike.
[[nodiscard]] nlohmann::ordered_json run_sandbox(const std::string& database_url,
                                                 const AgencyFolder& agency,
                                                 const std::vector<std::filesystem::path>& files);

/// Did every file pass?
[[nodiscard]] bool all_passed(const nlohmann::ordered_json& report);

}  // namespace waybill::cli
