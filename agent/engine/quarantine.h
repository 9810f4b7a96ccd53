// Quarantine: the copies of rows that preflight set aside, below the state folder.
//
// Place:    agent/engine; EdgeCheck writes one while its file is read, the engine tidies up.
//           A copy is like the export it came from (core/preflight/quarantine_writer.h).
// Rule:     what cannot be kept (disk low, too much, no folder) never holds up the file, and takes
//           none of the room that the ledger needs: the report counts the rows all the same.
// Names:    <content>-v<version of the spec>-<name of the export>; so another content, or another
//           reading of the same, has a copy of its own. "cut" stands before the name when only the
//           first kQuarantineBytesMax are there, "unfinished" while the file is being read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "agent/ledger/path_record.h"
#include "core/crypto.h"
#include "core/file_system.h"

namespace waybill {

/// Below the state folder.
inline constexpr const char* kQuarantineFolderName = "quarantine";
/// Of one file at most so many bytes are kept, of all together so many; the oldest copies go first.
inline constexpr std::int64_t kQuarantineBytesMax = std::int64_t{64} << 20;
inline constexpr std::int64_t kQuarantineTotalBytesMax = std::int64_t{512} << 20;
inline constexpr std::int64_t kQuarantineKeptMs = std::int64_t{90} * 86'400'000;

struct QuarantineSettings {
  std::filesystem::path state_folder;
  std::int64_t reserve_bytes = 0;  ///< stays free on the disk of the state folder
};

/// Does the copy of this name, as commit() gave it, hold only the first kQuarantineBytesMax?
[[nodiscard]] bool is_cut_copy(std::string_view name);

/// The copy of one file's rows. Begins with the first bytes; trouble is logged once.
class QuarantineCopy {
 public:
  QuarantineCopy(FileSystem& files, const QuarantineSettings& settings, const PathRecord& path,
                 std::int32_t spec_version);

  void write(std::string_view bytes);
  /// The file was read to its end. The copy's name below the state folder, "" when there is none.
  [[nodiscard]] std::string commit(const Sha256Hex& content_sha256);

 private:
  void begin();
  void check_room();
  [[nodiscard]] std::string final_name(const Sha256Hex& content_sha256) const;

  FileSystem& files_;
  QuarantineSettings settings_;
  std::string base_name_;        ///< "v3-recipes.csv"
  std::string unfinished_name_;  ///< below the state folder
  std::unique_ptr<StagedFile> file_;
  std::int64_t bytes_ = 0;
  std::int64_t room_checked_at_ = 0;
  bool has_failed_ = false;
};

/// Removes copies that were made longer ago than kQuarantineKeptMs, and the oldest while all
/// together are more than kQuarantineTotalBytesMax less one copy. `at_start`, while none is being
/// written, also what a killed agent left unfinished. Touches nothing but its own files, and no
/// folder that is a link. Trouble is logged.
void tidy_quarantine(FileSystem& files, const std::filesystem::path& state_folder,
                     std::int64_t now_ms, bool at_start);

}  // namespace waybill
