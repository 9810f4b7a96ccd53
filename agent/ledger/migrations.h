// The ledger's migrations, schema/ledger/*.sql, embedded when the agent is built.
#pragma once

#include <string_view>
#include <vector>

namespace waybill {

struct LedgerMigration {
  int version;            ///< the file's leading number; PRAGMA user_version afterwards
  std::string_view name;  ///< "0001_ledger"
  std::string_view sql;
};

/// In order, versions 1, 2, 3 ... without a gap.
[[nodiscard]] const std::vector<LedgerMigration>& ledger_migrations();

}  // namespace waybill
