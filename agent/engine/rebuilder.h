// Rebuilder: fills a new ledger with what central holds, before the engine sends anything.
//
// Place:    agent/engine; run between the opening of the ledger and the start of the engine.
// Rule:     one page of the inventory a step, stored together with where the next one begins; a
//           killed process goes on there. Then the jobs that are still open are closed: what is
//           still to come gets a new one. Files are not looked at here: the engine hashes the
//           folder afterwards and finds the versions known, so nothing is sent again.
// Errors:   central's silence is recorded for status and waited out. WB-1003 leaves step() when
//           central does not know this agent; kCorrupt leaves it as it leaves the engine's.
#pragma once

#include <string>

#include "agent/engine/chance.h"
#include "agent/engine/contact.h"
#include "agent/engine/step_report.h"
#include "agent/ledger/ledger.h"
#include "sync/central_api.h"

namespace waybill {

class Rebuilder {
 public:
  struct Ports {
    const Clock& clock;
    CentralApi& central;
    Chance& chance;
  };

  /// A ledger without identity wants to be rebuilt; one that was begun to be still does.
  Rebuilder(Ports ports, Ledger& ledger, std::string project_url);

  [[nodiscard]] bool is_done() { return !ledger_.wants_rebuild(); }
  StepReport step();

 private:
  void adopt_page();
  void close_open_jobs();

  Ports ports_;
  Ledger& ledger_;
  std::string project_url_;
  Contact contact_;
  bool has_all_pages_ = false;  ///< asked again after a restart
};

}  // namespace waybill
