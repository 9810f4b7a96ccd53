// The status a person reads in five seconds, and the same for programs.
//
// Place:    agent/cli; pure functions over the ledger's report, so that tests can read them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/cli/health_view.h"
#include "agent/ledger/ledger_report.h"

namespace waybill {

struct StatusFacts {
  bool is_running = false;  ///< does an agent hold the ledger's lock
  std::string today;        ///< "YYYY-MM-DD" at the agency
  std::int64_t now_ms = 0;
  std::string version;
  std::string export_folder;
  DiskFacts disk{};
};

/// Everything status shows, as JSON. Times are RFC 3339 in UTC.
[[nodiscard]] nlohmann::json status_json(LedgerReport& report, const StatusFacts& facts);

/// The same as text, from that JSON alone.
[[nodiscard]] std::string status_text(const nlohmann::json& status, std::int64_t now_ms);

/// A file's problem with its code's name and way out: {code, name, message, what_to_do, row ...}.
[[nodiscard]] nlohmann::json problem_json(const wire::FileProblem& problem);

/// ", row 4, column notes" or "" of such a problem.
[[nodiscard]] std::string place_text(const nlohmann::json& problem);

/// "12 s", "3 min", "5 h", "2 days"
[[nodiscard]] std::string format_age(std::int64_t ms);

}  // namespace waybill
