// DiskGuard: is there still room for the ledger, and can it be written?
//
// Place:    agent/engine; the engine asks before it takes in new files, and tells of failed writes.
// Rule:     with less free space than the reserve nothing new is taken in (WB-1108); what is
//           recorded goes on. A ledger that could not be written (WB-1104: the disk is full, or
//           another program holds it) is left alone for a while and tried before anything else;
//           meanwhile a note beside it tells `waybill status`.
#pragma once

#include <filesystem>

#include "agent/engine/chance.h"
#include "agent/ledger/ledger.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file_system.h"

namespace waybill {

class DiskGuard {
 public:
  struct Ports {
    FileSystem& files;
    const Clock& clock;
    Chance& chance;
  };

  /// `reserve_bytes` 0: never low.
  DiskGuard(Ports ports, Ledger& ledger, std::filesystem::path state_folder,
            std::int64_t reserve_bytes);

  /// Looks every few seconds, and records the finding when it has changed.
  bool is_low();
  [[nodiscard]] bool was_low() const { return is_low_; }  ///< when it looked last
  [[nodiscard]] std::int64_t next_look_steady_ms() const { return next_look_steady_ms_; }

  /// A write has failed: no step before the pause is over.
  void write_failed(const Error& error);
  /// May a step be made? After a pause only when the ledger can be written again.
  bool may_write();
  [[nodiscard]] std::int64_t paused_until_steady_ms() const { return paused_until_steady_ms_; }

 private:
  Ports ports_;
  Ledger& ledger_;
  std::filesystem::path state_folder_;
  std::uint64_t reserve_bytes_;
  bool is_low_ = false;
  std::int64_t next_look_steady_ms_ = 0;
  std::int32_t failures_ = 0;
  std::int64_t paused_until_steady_ms_ = 0;
};

}  // namespace waybill
