#include "agent/ledger/facts.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger.h"

namespace waybill {

namespace sql {
constexpr const char* kFindMeta = "SELECT value FROM meta WHERE name = :name";
constexpr const char* kListSpecs =
    "SELECT file_tag, version, spec FROM file_spec ORDER BY file_tag";
}  // namespace sql

std::string read_meta(LedgerDatabase& database, const char* name) {
  return database.guarded("read", name, [&]() -> std::string {
    Prepared find = database.prepared(sql::kFindMeta);
    find->bind(":name", name);
    auto* row = find.next();
    return row == nullptr ? "" : row->getColumn(0).getString();
  });
}

std::optional<Identity> read_identity(LedgerDatabase& database) {
  Identity out;
  out.agent_id = AgentId(read_meta(database, meta::kAgentId));
  if (out.agent_id.empty()) return std::nullopt;
  out.tenant_id = TenantId(read_meta(database, meta::kTenantId));
  out.tenant_slug = read_meta(database, meta::kTenantSlug);
  out.tenant_name = read_meta(database, meta::kTenantName);
  out.time_zone = read_meta(database, meta::kTimeZone);
  out.agent_name = read_meta(database, meta::kAgentName);
  out.project_url = read_meta(database, meta::kProjectUrl);
  return out;
}

std::vector<wire::Specs::Entry> read_specs(LedgerDatabase& database) {
  std::vector<wire::Specs::Entry> out;
  Prepared list = database.prepared(sql::kListSpecs);
  while (auto* row = list.next()) {
    out.push_back({FileTag(row->getColumn(0).getString()), row->getColumn(1).getInt(),
                   nlohmann::json::parse(row->getColumn(2).getString())});
  }
  return out;
}

std::string to_text(const wire::LedgerHead& head) {
  return std::to_string(head.seq) + " " + head.hash;
}

std::optional<wire::LedgerHead> parse_head(const std::string& text) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return std::nullopt;
  return wire::LedgerHead{to_number(text.substr(0, space)), text.substr(space + 1)};
}

std::int64_t to_number(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace waybill
