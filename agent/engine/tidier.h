// Tidier: does with a delivered file what the agency wants: keep it, move it away, delete it.
//
// Place:    agent/engine; FileSystem above, ledger below.
// Rule:     a file is touched only when all its parts are processed at central, and only while its
//           bytes are those that were delivered: they are hashed again, and the name must lead to
//           the very file that was hashed.
// Errors:   what stands in the way of one file is WB-1311, in the ledger and in status; it is tried
//           again after a while, and others go on.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/engine/tidy_settings.h"
#include "agent/ledger/ledger.h"
#include "agent/watch/scanner.h"

namespace waybill {

class Tidier {
 public:
  struct Ports {
    FileSystem& files;
    const Clock& clock;
  };

  Tidier(Ports ports, Ledger& ledger, Scanner& scanner, std::filesystem::path root,
         TidySettings settings);
  ~Tidier();

  /// Checks and moves on, a bounded amount of bytes; true when there was anything to do.
  bool step();

 private:
  struct Checking;  ///< the file being hashed, over several steps when it is large

  void look_for_work();
  void begin(const JobFile& file);
  void read_on();
  void act(const Checking& checked);
  [[nodiscard]] bool move_away(const Checking& checked);
  [[nodiscard]] bool copy_away(const Checking& checked, const std::filesystem::path& to);
  [[nodiscard]] std::filesystem::path destination(const JobFile& file, int number);
  void give_up(const JobFile& file, const std::string& why);
  void look_again(const std::string& relative_path);

  Ports ports_;
  Ledger& ledger_;
  Scanner& scanner_;
  std::filesystem::path root_;
  TidySettings settings_;
  std::deque<JobFile> waiting_;
  std::unique_ptr<Checking> checking_;
  std::string buffer_;
  std::int64_t next_look_steady_ms_ = 0;
  std::int64_t next_retry_steady_ms_ = 0;
};

}  // namespace waybill
