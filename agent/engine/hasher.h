// Hasher: turns files at rest into versions, a bounded amount of bytes a step. The same pass finds
// where a file above its spec's limit is cut into parts, and does the file's preflight.
//
// Place:    agent/engine; between the scanner (paths that are due) and the ledger (versions).
// Rule:     a hash counts only when the open file was, before and after reading, as the scanner
//           recorded it, change time included. Otherwise the file goes back to settling.
// Order:    what was never read goes first. Files that are read again (a remount, new rights, their
//           turn) wait while there is any, even in the middle of a large one.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/engine/quarantine.h"
#include "agent/ledger/ledger.h"
#include "agent/watch/scanner.h"

namespace waybill {

class Hasher {
 public:
  /// Export files are below `root`; rows that preflight sets aside go into `quarantine`.
  Hasher(FileSystem& files, Ledger& ledger, Scanner& scanner, const SpecBook& specs,
         std::filesystem::path root, QuarantineSettings quarantine);
  ~Hasher();

  /// Reads on; true when there was anything to do.
  bool step();

  /// Central's setting: are files read by their specs, or only hashed, and is what its spec refuses
  /// not sent? From the next file on.
  void set_preflight(bool is_wanted, bool is_stopping) {
    is_preflight_wanted_ = is_wanted;
    is_preflight_stopping_ = is_stopping;
  }

  /// Reads a file again whose turn it is; a large one is read on by step().
  void reread(const PathRecord& path);
  /// Is a file half read that was read before?
  [[nodiscard]] bool is_reading_again() const { return again_ != nullptr; }

 private:
  struct Reading;  ///< a file being read, over several steps when it is large
  using Slot = std::unique_ptr<Reading>;

  bool read_new(const std::vector<PathRecord>& due, std::size_t& budget_bytes);
  bool read_again(const std::vector<PathRecord>& due, std::size_t& budget_bytes);
  bool begin(Slot& slot, const PathRecord& path);
  bool read_on(Slot& slot, std::size_t& budget_bytes);
  void finish(Slot& slot);
  void commit();
  void give_back(const PathRecord& path, const std::string& why);

  FileSystem& files_;
  Ledger& ledger_;
  Scanner& scanner_;
  const SpecBook& specs_;
  std::filesystem::path root_;
  QuarantineSettings quarantine_;
  bool is_preflight_wanted_ = true;
  bool is_preflight_stopping_ = true;
  std::string buffer_;
  Slot new_;                      ///< never read before, as it is now
  Slot again_;                    ///< read before
  std::vector<HashedFile> done_;  ///< hashed in this step, not yet in the ledger
};

}  // namespace waybill
