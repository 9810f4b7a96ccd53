// Rereader: reads every file again now and then, so that a rewrite nobody could see is found.
//
// Place:    agent/engine; the hasher reads, the ledger knows whose turn it is (read longest ago).
// Pace:     all bytes of the folder once in `rehash_days`, evenly: what is allowed grows with the
//           steady clock, so that no night reads everything and no step of the wall clock matters.
//           Only while nothing else is to do, and nothing that was read lately.
// State:    none that a restart needs; when a file was read is in the ledger.
#pragma once

#include <cstdint>
#include <deque>

#include "agent/engine/hasher.h"

namespace waybill {

class Rereader {
 public:
  /// `rehash_days`: 0 reads nothing again.
  Rereader(const Clock& clock, Ledger& ledger, Hasher& hasher, std::int64_t rehash_days);

  /// What a scan has met.
  void folder_holds(std::int64_t size_bytes, std::size_t file_count);

  /// Reads again what the pace allows, at most one step's worth; true when it did anything.
  bool step();

 private:
  void grow_allowance();
  bool list_next();
  [[nodiscard]] bool was_read_lately(const PathRecord& path) const;

  const Clock& clock_;
  Ledger& ledger_;
  Hasher& hasher_;
  double period_ms_;
  double folder_cost_ = 0;  ///< of reading everything once, in bytes
  double allowance_ = 0;    ///< bytes; below 0 after a large file
  std::int64_t grown_until_steady_ms_;
  std::int64_t next_look_steady_ms_ = 0;
  std::deque<PathRecord> next_;  ///< read longest ago, as listed
};

}  // namespace waybill
