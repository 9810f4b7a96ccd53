// Backfiller: takes requests to load folders of history, and moves them on.
//
// Place:    agent/engine; requests are files in the state folder, written by `waybill backfill`;
//           the ledger's table backfill keeps them from then on.
// Rule:     reading: the folder is shown below the export folder until every file in it is hashed;
//           sending: its files travel one delivery date after the other, oldest first;
//           done: none of them is in our hands any more.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "agent/engine/request_folder.h"
#include "agent/ledger/ledger.h"
#include "agent/watch/export_folders.h"

namespace waybill {

/// Writes the request; see request_folder.h.
void request_backfill(FileSystem& files, const std::filesystem::path& state_folder,
                      const Backfill& request);

class Backfiller {
 public:
  Backfiller(ExportFolders& folders, const Clock& clock, Ledger& ledger,
             const std::filesystem::path& state_folder);

  /// Takes new requests and moves backfills on. True when a scan is wanted at once.
  bool step();

  /// A full scan has ended: what it has shown of a folder is all of it.
  void scanned(const std::vector<std::string>& unreadable_folders);

 private:
  void take_requests();
  bool show_open_ones();
  void advance(Backfill backfill);

  ExportFolders& folders_;
  const Clock& clock_;
  Ledger& ledger_;
  RequestFolder requests_;
  std::set<std::int64_t> shown_;    ///< folders the scanner can see
  std::set<std::int64_t> scanned_;  ///< ... and has walked since
};

}  // namespace waybill
