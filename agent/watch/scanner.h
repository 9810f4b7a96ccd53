// Scanner: finds what is in the export folder and when it has come to rest.
//
// Place:    agent/watch; the engine calls it, the ledger keeps what it finds.
// Rule:     a full walk is the truth. A file is at rest when size, mtime and identity were the same
//           in observations at least quiet_ms of steady time apart. How old mtime says it is does
//           not count: exporters, copies and clocks set it as they like.
// State:    who has been at rest since when is kept in memory only. After a restart the quiet
//           period begins anew, which is the safe side.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/ledger/ledger.h"
#include "agent/watch/export_root.h"
#include "agent/watch/spec_book.h"
#include "core/error_code.h"

namespace waybill {

struct ScanReport {
  std::size_t file_count = 0;                   ///< everything met except folders
  std::size_t changed_count = 0;                ///< new or not as recorded
  std::size_t vanished_count = 0;               ///< recorded, and no longer there
  std::int64_t size_bytes = 0;                  ///< of the regular files among them
  bool is_other_folder = false;                 ///< than the one of the last scan: mounted anew
  std::vector<std::string> unreadable_folders;  ///< what is below them is not judged
};

class Scanner {
 public:
  Scanner(FileSystem& files, const Clock& clock, Ledger& ledger, std::filesystem::path root,
          std::int64_t quiet_ms);

  /// Walks the whole folder. Throws WB-1305 when it is away, or an empty one has taken its place;
  /// WB-1303 when it cannot be read to its end. Then nothing counts as vanished.
  ScanReport scan();

  /// Looks again at up to `limit` files whose quiet period is over; those at rest are matched to a
  /// spec and become due, unknown or ambiguous. Returns how many were looked at.
  std::size_t settle(const SpecBook& specs, std::size_t limit);

  /// The file was not at rest after all: its quiet period begins again.
  void unsettle(PathRecord path);

  /// The folder is there, so that a file which is not in it is gone.
  [[nodiscard]] bool is_folder_there() { return folder_.is_there(); }

  /// When settle() has work, on the steady clock.
  [[nodiscard]] std::optional<std::int64_t> next_settle_at_steady_ms() const;

 private:
  struct Rest {
    PathRecord seen;                 ///< as observed at the start of the quiet period
    std::int64_t due_steady_ms = 0;  ///< end of it
  };

  void observe(const WalkEntry& entry);
  void observe_unfit(PathRecord path, const WalkEntry& entry, const ErrorCode& why);
  void begin_rest(PathRecord path);
  void note(PathRecord path);
  void flush();
  void forget_vanished(ScanReport& report);
  [[nodiscard]] PathRecord matched(PathRecord path, const SpecBook& specs) const;

  FileSystem& files_;
  const Clock& clock_;
  Ledger& ledger_;
  std::filesystem::path root_;
  std::int64_t quiet_ms_;
  ExportRoot folder_;
  std::unordered_map<std::string, Rest> resting_;
  std::deque<std::pair<std::int64_t, std::string>> due_;  ///< (due_steady_ms, path), in order
  std::vector<PathRecord> changed_;                       ///< to be written in one transaction
  std::unordered_set<std::size_t> seen_;                  ///< hashes of paths met by this scan
  std::size_t changed_count_ = 0;
};

}  // namespace waybill
