// EdgeCheck: the preflight of one file, fed by the pass that hashes it.
//
// Place:    agent/engine; the hasher above, core/preflight below. Central reads with the same
//           reader, so both find the same.
// Owner:    one file, one thread.
#pragma once

#include <string>
#include <string_view>

#include "agent/engine/quarantine.h"
#include "agent/ledger/path_record.h"
#include "agent/ledger/preflight_record.h"
#include "agent/watch/spec_book.h"
#include "core/file_system.h"
#include "core/preflight/preflight.h"

namespace waybill {

class EdgeCheck {
 public:
  /// `match` of a spec that can_preflight(). Rows set aside are copied, unless the
  /// file is read again only because it is its turn.
  EdgeCheck(FileSystem& files, const QuarantineSettings& quarantine, const PathRecord& path,
            const SpecMatch& match);

  void feed(std::string_view bytes) { preflight_.feed(bytes); }
  /// The file has been read to its end and was as found: what was found is told, rows are kept.
  [[nodiscard]] PreflightRecord finish(const Sha256Hex& content_sha256);

 private:
  FileSpec spec_;
  std::int32_t spec_version_;
  Preflight preflight_;
  QuarantineCopy quarantine_;
};

/// One line for the log: outcome, counts, the first finding that refuses. Never a value.
[[nodiscard]] std::string preflight_sentence(const PreflightRecord& record);

}  // namespace waybill
