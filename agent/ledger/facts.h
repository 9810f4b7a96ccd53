// Single facts of the ledger, read the same way by the agent and by those who look on.
//
// Place:    agent/ledger, internal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/identity.h"
#include "core/wire.h"

namespace waybill {

class LedgerDatabase;

[[nodiscard]] std::string read_meta(LedgerDatabase& database, const char* name);
[[nodiscard]] std::optional<Identity> read_identity(LedgerDatabase& database);
/// As central last pushed them, by tag.
[[nodiscard]] std::vector<wire::Specs::Entry> read_specs(LedgerDatabase& database);
/// "<seq> <hash>", as meta keeps heads; nothing when the text is none.
[[nodiscard]] std::string to_text(const wire::LedgerHead& head);
[[nodiscard]] std::optional<wire::LedgerHead> parse_head(const std::string& text);
/// 0 when the text is no number.
[[nodiscard]] std::int64_t to_number(const std::string& text);

}  // namespace waybill
