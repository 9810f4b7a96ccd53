// EventDraft: an event before it has a place in the chain. Internal to agent/ledger.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "agent/ledger/ledger.h"

namespace waybill {

struct Ledger::EventDraft {
  std::string_view kind;
  std::string relative_path{};
  Sha256Hex content_sha256{};
  std::optional<FileId> file_number{};
  std::string_view from_state{};
  std::string_view to_state{};
  nlohmann::json detail = nlohmann::json::object();  ///< never a token, a URL or a row value
};

}  // namespace waybill
