// Damage: a ledger that cannot be used is set aside, never deleted; and a note beside the ledger
// of trouble that cannot be written into it.
//
// Place:    agent/ledger; the ledger uses it when it is opened, the engine notes, status reads.
// Rule:     a file set aside keeps its -wal and -shm under the same new name, so that it can be
//           opened as it was. The ledger's lock is held meanwhile.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/file_system.h"

namespace waybill {

/// What goes wrong with the ledger itself, told in a file of its own.
struct LedgerTrouble {
  std::string code;
  std::string message;
  std::string at;  ///< RFC 3339, UTC
};

inline constexpr const char* kTroubleName = "ledger-trouble.json";

/// Without effect where not even this can be written.
void note_trouble(FileSystem& files, const std::filesystem::path& state_folder, const Error& error,
                  std::int64_t utc_ms);
void forget_trouble(FileSystem& files, const std::filesystem::path& state_folder);
[[nodiscard]] std::optional<LedgerTrouble> find_trouble(FileSystem& files,
                                                        const std::filesystem::path& state_folder);

/// Damage that opening it would not show: it was met while the agent ran, or the ledger is gone
/// while what belonged to it is still there.
[[nodiscard]] bool is_known_damaged(FileSystem& files, const std::filesystem::path& state_folder);

/// Renames the ledger and what belongs to it; returns the new name, "" when there was nothing.
std::string set_aside_ledger(FileSystem& files, const std::filesystem::path& state_folder,
                             std::int64_t utc_ms);

/// "20261121T093046123Z": UTC in a file's name, in order of time.
[[nodiscard]] std::string file_stamp(std::int64_t utc_ms);

}  // namespace waybill
