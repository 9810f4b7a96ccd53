// Table: JSON objects as lines of aligned columns, for people.
//
// Place:    central/cli. What a script wants is --json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace waybill::cli {

struct TableColumn {
  std::string title;
  std::string key;  ///< of each object; an absent or null value is left blank
};

/// One line a row below the titles, two blanks between columns; "" when there is no row.
[[nodiscard]] std::string format_table(const std::vector<TableColumn>& columns,
                                       const nlohmann::json& rows);

/// Prints the rows as a table, or as they are for scripts; `when_none` where there is no row.
void print_rows(bool as_json, const std::vector<TableColumn>& columns, const nlohmann::json& rows,
                const char* when_none);

}  // namespace waybill::cli
