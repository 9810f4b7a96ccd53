// Fetcher: reads the partner's HTTP APIs on a schedule and puts what they say, as JSON lines, into
// the export folder, where it is a file like any other.
//
// Place:    agent/fetch; the engine calls step(), pages come through PageRunner, progress is in the
//           ledger (table fetch).
// Rule:     a page is on disk in the state folder before the ledger's cursor moves past it; the
//           file is in the export folder, whole, before the run is over in the ledger. A page or
//           file that was written and not recorded is written again, the same bytes under the same
//           name. So a kill at any moment loses nothing and doubles nothing.
// Errors:   an API's trouble is recorded with the fetch and shown by status; what is wrong with
//           the ledger leaves step().
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/engine/chance.h"
#include "agent/fetch/fetch_config.h"
#include "agent/fetch/page_runner.h"
#include "agent/ledger/ledger.h"
#include "agent/watch/spec_book.h"

namespace waybill {

class Fetcher {
 public:
  struct Ports {
    FileSystem& files;
    const Clock& clock;
    Chance& chance;
    PageRunner& pages;
  };
  struct Folders {
    std::filesystem::path export_folder;
    std::filesystem::path state_folder;
  };

  Fetcher(Ports ports, Ledger& ledger, Folders folders, std::vector<FetchConfig> fetches);

  /// Does what is due, without waiting for any API. True when something was done.
  bool step(const SpecBook& specs);

  /// When step() has work, in UTC milliseconds; nothing while there is no fetch.
  [[nodiscard]] std::optional<std::int64_t> next_due_at_ms();

 private:
  bool advance(const FetchConfig& fetch, const SpecBook& specs);
  bool begin_run(const FetchConfig& fetch, FetchRecord& record, const SpecBook& specs);
  void ask_for_page(const FetchConfig& fetch, const FetchRecord& record);
  void take(const FetchConfig& fetch, const PageResult& result);
  void take_page(const FetchConfig& fetch, FetchRecord& record, const PageLines& page);
  void take_failure(const FetchConfig& fetch, FetchRecord& record, const Error& error,
                    std::int64_t asked_ms);
  void place(const FetchConfig& fetch, FetchRecord& record);
  void write_file(const FetchRecord& record);
  void drop_pages(const FetchRecord& record);
  [[nodiscard]] std::filesystem::path page_path(const std::string& name,
                                                std::int64_t page_number) const;

  Ports ports_;
  Ledger& ledger_;
  Folders folders_;
  std::vector<FetchConfig> fetches_;
  std::set<std::string> asked_;  ///< names of fetches whose page is on its way
};

}  // namespace waybill
