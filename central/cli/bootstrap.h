// What a Supabase project has before our first migration, as SQL for a plain PostgreSQL 15.
//
// Place:    central/cli; the text comes from central/standin/bootstrap at build time.
#pragma once

#include <string>
#include <vector>

namespace waybill::cli {

struct BootstrapScript {
  std::string name;  ///< file name, "01_roles.sql"
  std::string sql;
};

/// In the order in which they run. Each may run again.
[[nodiscard]] const std::vector<BootstrapScript>& bootstrap_scripts();

}  // namespace waybill::cli
