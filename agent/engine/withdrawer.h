// Withdrawer: tells central which registered bytes will not come, so that it waits for them no
// more.
//
// Place:    agent/engine; CentralApi above, ledger below.
// Rule:     a version is given up in the ledger first (superseded, vanished), then withdrawn. A
// lost
//           answer leads to the same question again. What central answers is the truth: a version
//           that has arrived after all goes on its way.
#pragma once

#include "agent/engine/chance.h"
#include "agent/ledger/ledger.h"
#include "sync/central_api.h"

namespace waybill {

class Withdrawer {
 public:
  struct Ports {
    const Clock& clock;
    CentralApi& central;
    Chance& chance;
  };

  Withdrawer(Ports ports, Ledger& ledger) : ports_(ports), ledger_(ledger) {}

  /// One call for up to some hundred files; true when there were any.
  bool step();

 private:
  void take(const JobFile& file, const wire::FileAnswer* answer);
  void ask_later(const JobFile& file, const wire::FileAnswer* answer);

  Ports ports_;
  Ledger& ledger_;
};

}  // namespace waybill
