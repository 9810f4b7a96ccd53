// CommitFault: a disk that is full at one commit.
//
// Place:    tests/support; for tests of whatever writes to a ledger.
#pragma once

#include <sqlite3.h>

namespace waybill {

/// Refuses the n-th commit of every connection made while it lives, once, like a full disk.
class CommitFault {
 public:
  explicit CommitFault(int good_commits) {
    good_commits_ = good_commits;
    fired_ = false;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&CommitFault::attach));
  }
  ~CommitFault() {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&CommitFault::attach));
    good_commits_ = 1'000'000;
  }
  CommitFault(const CommitFault&) = delete;
  CommitFault& operator=(const CommitFault&) = delete;
  [[nodiscard]] static bool fired() { return fired_; }

 private:
  static int attach(sqlite3* handle, const char** /*message*/, const void* /*api*/) {
    sqlite3_commit_hook(
        handle,
        [](void*) {
          if (good_commits_-- != 0) return 0;
          fired_ = true;
          return 1;
        },
        nullptr);
    return SQLITE_OK;
  }
  inline static int good_commits_ = 0;
  inline static bool fired_ = false;
};

}  // namespace waybill
