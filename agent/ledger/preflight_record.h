// PreflightRecord: what the agent itself found in a file before it was sent.
//
// Place:    agent/ledger; the hasher's pass fills it, the registrar tells central, trace shows it.
// Source:   a row of the ledger's table preflight; field names are column names.
// Rule:     never a value of the file; the rows set aside lie in a file of the state folder.
#pragma once

#include <cstdint>
#include <string>

namespace waybill {

struct PreflightRecord {
  bool is_refused = false;
  std::int32_t spec_version = 0;
  std::int64_t row_count = 0;          ///< of the whole file, header excluded
  std::int64_t quarantined_count = 0;  ///< of these, set aside
  std::int64_t finding_count = 0;
  std::string quarantine_file{};  ///< below the state folder; "" when no row is kept
  std::string report{};           ///< JSON, preflight_notice()
};

}  // namespace waybill
