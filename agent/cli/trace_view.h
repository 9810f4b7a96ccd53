// A file's story: its versions, what happened to each, and the bytes on disk now.
//
// Place:    agent/cli; pure functions over the ledger's report, so that tests can read them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/ledger/ledger_report.h"

namespace waybill {

/// The file as it lies in the export folder at this moment.
struct OnDisk {
  std::int64_t size_bytes = 0;
  Sha256Hex sha256;
  std::optional<wire::FileProblem> problem{};  ///< why its bytes are not known: a link, no right
};

[[nodiscard]] nlohmann::json trace_json(LedgerReport& report, const std::string& relative_path,
                                        const std::optional<OnDisk>& on_disk);

/// The same as text, from that JSON alone.
[[nodiscard]] std::string trace_text(const nlohmann::json& trace);

}  // namespace waybill
