// Faults: what goes wrong, and when the agent's process dies.
//
// Place:    tests/sim; every port of the agent asks it first.
// Rule:     a port calls reach() before it does anything, so a planned death can come in any call
//           of any port: files, clock, chance, central, uploads, and a commit of the ledger.
#pragma once

#include "tests/sim/random.h"
#include "tests/sim/trace.h"

namespace waybill::sim {

/// The agent's process is gone. Not an Error: nothing in the agent may catch it.
struct Killed {};

/// How often things go wrong, per thousand calls. All zero: calm.
struct Weather {
  int files = 0;    ///< of the file system
  int calls = 0;    ///< of the registry, before or after it did its work
  int uploads = 0;  ///< of storage
  int commits = 0;  ///< of the ledger
  int meddles = 0;  ///< the exporter changes a file while we read it
  int hints = 0;    ///< a notification is lost
};

class Faults {
 public:
  Faults(Random& random, Trace& trace) : random_(random), trace_(trace) {}

  Weather weather{};
  bool is_disk_full = false;  ///< no commit of the ledger goes through

  void reach(const char* place) {
    if (is_dead_) throw Killed{};
    if (fuse_ == 0 || --fuse_ > 0) return;
    die(place);
    throw Killed{};
  }
  /// The `calls`-th call of a port from now on never returns.
  void kill_in(std::int64_t calls) { fuse_ = calls; }
  /// Death where no exception may pass; the next call of a port ends the process.
  void die(const char* place) {
    trace_.note("killed in {}", place);
    is_dead_ = true;
    fuse_ = 0;
  }
  /// One call nearer to a planned death; true when it comes now.
  bool burns_down() { return fuse_ > 0 && --fuse_ == 0; }
  void revive() {
    is_dead_ = false;
    fuse_ = 0;
  }

  bool strikes(int permille, const char* place) {
    if (!random_.permille(permille)) return false;
    trace_.note("fault in {}", place);
    return true;
  }
  Random& random() { return random_; }

 private:
  Random& random_;
  Trace& trace_;
  bool is_dead_ = false;
  std::int64_t fuse_ = 0;
};

}  // namespace waybill::sim
