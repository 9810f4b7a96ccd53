#include "tests/sim/ports.h"

#include <sqlite3.h>

namespace waybill::sim {

namespace {

Faults* g_commit_faults = nullptr;  // SQLite's hooks of new connections know nothing else

/// Non-zero rolls the transaction back.
int judge_commit(void* /*unused*/) {
  Faults* faults = g_commit_faults;
  if (faults == nullptr) return 0;
  if (faults->burns_down()) {
    faults->die("commit");
    return 1;
  }
  return faults->is_disk_full || faults->strikes(faults->weather.commits, "commit") ? 1 : 0;
}

int attach(sqlite3* handle, const char** /*message*/, const void* /*api*/) {
  sqlite3_commit_hook(handle, judge_commit, nullptr);
  return SQLITE_OK;
}

}  // namespace

CommitFaults::CommitFaults(Faults& faults) : outer_(std::exchange(g_commit_faults, &faults)) {
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(&attach));
}

CommitFaults::~CommitFaults() {
  g_commit_faults = outer_;
  if (outer_ == nullptr) sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&attach));
}

}  // namespace waybill::sim
