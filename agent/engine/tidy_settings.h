// TidySettings: what becomes of a partner's file that central is done with.
//
// Place:    agent/engine; read from the configuration's after_processed.
#pragma once

#include <cstdint>
#include <filesystem>

namespace waybill {

enum class AfterProcessed : std::uint8_t { kKeep, kMove, kDelete };

struct TidySettings {
  AfterProcessed action = AfterProcessed::kKeep;
  std::filesystem::path folder;  ///< kMove: <folder>/<delivery date>/<the file's relative path>
  std::int64_t after_days = 0;   ///< since central's last word about the file
};

}  // namespace waybill
