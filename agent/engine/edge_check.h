// EdgeCheck: the preflight of one file, fed by the pass that hashes it.
//
// Place:    agent/engine; the hasher above, core/preflight below. Central reads with the same
//           reader, so both find the same.
// Owner:    one file, one thread.
// Rule:     what cannot be kept of the rows set aside (disk full, too much) never holds up the
//           file: the report counts them all the same.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "agent/ledger/path_record.h"
#include "agent/ledger/preflight_record.h"
#include "agent/watch/spec_book.h"
#include "core/file_system.h"
#include "core/preflight/preflight.h"

namespace waybill {

/// Below the state folder: the rows that were set aside, each file like the export it came from
/// (core/preflight/quarantine_writer.h).
inline constexpr const char* kQuarantineFolderName = "quarantine";
/// Of one file at most so many bytes of them are kept.
inline constexpr std::int64_t kQuarantineBytesMax = std::int64_t{64} << 20;
inline constexpr std::int64_t kQuarantineKeptMs = std::int64_t{90} * 86'400'000;

class EdgeCheck {
 public:
  /// `match` of a spec that can_preflight(). Rows set aside go below `state_folder`, unless the
  /// file is read again only because it is its turn.
  EdgeCheck(FileSystem& files, std::filesystem::path state_folder, const PathRecord& path,
            const SpecMatch& match);
  ~EdgeCheck();

  void feed(std::string_view bytes) { preflight_.feed(bytes); }
  /// The file has been read to its end and was as found: what was found is told, rows are kept.
  [[nodiscard]] PreflightRecord finish();

 private:
  class Quarantine;

  FileSpec spec_;
  std::int32_t spec_version_;
  Preflight preflight_;
  std::unique_ptr<Quarantine> quarantine_;
};

/// Removes the copies that were made longer ago than kQuarantineKeptMs. Trouble is logged.
void remove_old_quarantine(FileSystem& files, const std::filesystem::path& state_folder,
                           std::int64_t now_ms);

/// One line for the log: outcome, counts, the first finding that refuses. Never a value.
[[nodiscard]] std::string preflight_sentence(const PreflightRecord& record);

}  // namespace waybill
