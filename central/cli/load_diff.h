// LoadDiff: what changed between two loads of the same kind of file, key by key.
//
// Place:    central/cli, over central/pg. Reads staging alone and changes nothing.
// Rule:     without `with_values` the report holds counts, source rows and column names, never a
//           key or another value of a row.
// Errors:   WB-2104 when a file is not one of the agency's and of the tag.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace waybill::cli {

struct DiffRequest {
  std::string agency;  ///< slug
  std::string file_tag;
  std::string before;  ///< job_file_id; a part stands for all parts of its file
  std::string after;
  bool with_values = false;
  std::int64_t limit = 100;  ///< differences listed; all are counted
};

/// {before, after: {relative_path, delivery_date, rows}, alike, added, removed, changed,
/// columns: {name: how often changed}, differences: [{what, row_before, row_after, columns, ...}]}.
/// A key that stands several times in a load is compared with all its rows; rows without a key are
/// added or removed, never changed.
[[nodiscard]] nlohmann::ordered_json diff_loads(const std::string& database_url,
                                                const DiffRequest& request);

}  // namespace waybill::cli
