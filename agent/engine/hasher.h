// Hasher: turns files at rest into versions, a bounded amount of bytes a step. The same pass finds
// where a file above its spec's limit is cut into parts.
//
// Place:    agent/engine; between the scanner (paths that are due) and the ledger (versions).
// Rule:     a hash counts only when the open file was, before and after reading, as the scanner
//           recorded it. Otherwise the file goes back to settling.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "agent/watch/scanner.h"

namespace waybill {

class Hasher {
 public:
  Hasher(FileSystem& files, Ledger& ledger, Scanner& scanner, const SpecBook& specs,
         std::filesystem::path root);
  ~Hasher();

  /// Reads on; true when there was anything to do.
  bool step();

 private:
  struct Reading;  ///< the file being read, over several steps when it is large

  bool begin(const PathRecord& path);
  bool read_on(std::size_t& budget_bytes);
  void finish();
  void commit();
  void give_back(const PathRecord& path, const std::string& why);

  FileSystem& files_;
  Ledger& ledger_;
  Scanner& scanner_;
  const SpecBook& specs_;
  std::filesystem::path root_;
  std::string buffer_;
  std::unique_ptr<Reading> reading_;
  std::vector<HashedFile> done_;  ///< hashed in this step, not yet in the ledger
};

}  // namespace waybill
