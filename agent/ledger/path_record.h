// PathRecord: one name in the export folder, before and beside its versions.
//
// Place:    agent/ledger; the scanner writes it, status shows the ones that need a person.
// Source:   a row of the ledger's table path; field names are column names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_system.h"
#include "core/ids.h"

namespace waybill {

enum class PathState : std::uint8_t {
  kSettling,    ///< seen; not yet found at rest
  kDue,         ///< at rest and matched to a spec; waits to be hashed
  kRecorded,    ///< hashed as it is now; its versions tell the rest
  kUnknown,     ///< no file spec matches the name (WB-1304)
  kAmbiguous,   ///< more than one does (WB-1308)
  kNotText,     ///< central cannot be told the name: not UTF-8 (WB-1309), too long (WB-1312)
  kNotRegular,  ///< a link, a pipe or a device (WB-1306)
  kUnreadable,  ///< we may not read it (WB-1303); tried again at each scan
};

inline constexpr std::array<std::string_view, 8> kPathStateNames = {
    "settling", "due", "recorded", "unknown", "ambiguous", "not_text", "not_regular", "unreadable"};

[[nodiscard]] constexpr std::string_view to_string(PathState state) {
  return kPathStateNames[static_cast<std::size_t>(state)];
}

[[nodiscard]] constexpr std::optional<PathState> parse_path_state(std::string_view name) {
  for (std::size_t i = 0; i < kPathStateNames.size(); ++i) {
    if (kPathStateNames[i] == name) return static_cast<PathState>(i);
  }
  return std::nullopt;
}

struct PathRecord {
  std::string relative_path;
  PathState state = PathState::kSettling;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string file_id;
  FileTag file_tag;
  std::string error_code;             ///< "WB-1304"; empty when all is well
  std::int64_t first_seen_at_ms = 0;  ///< kept from the first record of the name
  std::int64_t at_rest_at_ms = 0;     ///< 0 until found at rest
  std::int64_t change_ns = 0;         ///< the system's change time as last seen; 0: unknown
  std::int64_t hashed_at_ms = 0;      ///< when its bytes were last read; 0: not since they changed

  /// Is this still the file we recorded, as far as its folder entry tells?
  [[nodiscard]] bool is_as_seen(const FileStat& stat) const {
    const bool is_changed = change_ns != 0 && stat.change_ns != 0 && change_ns != stat.change_ns;
    return !is_changed && is_same_size_and_time(stat) && file_id == stat.file_id;
  }
  /// Another size or time means other bytes, which nobody has read. Another identity or change time
  /// alone (a remount, new rights) leaves the file as one that was read.
  void take(const FileStat& stat) {
    if (!is_same_size_and_time(stat)) hashed_at_ms = 0;
    size_bytes = static_cast<std::int64_t>(stat.size_bytes);
    mtime_ns = stat.mtime_ns;
    file_id = stat.file_id;
    change_ns = stat.change_ns;
  }

 private:
  [[nodiscard]] bool is_same_size_and_time(const FileStat& stat) const {
    return size_bytes == static_cast<std::int64_t>(stat.size_bytes) && mtime_ns == stat.mtime_ns;
  }
};

}  // namespace waybill
