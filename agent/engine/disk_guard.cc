#include "agent/engine/disk_guard.h"

#include <algorithm>

#include "agent/engine/backoff.h"
#include "agent/engine/contact.h"
#include "agent/ledger/damage.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kLookMs = 5'000;
constexpr std::int64_t kPauseMaxMs = 30'000;  // nobody is spared by waiting longer for our own disk
constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

}  // namespace

DiskGuard::DiskGuard(Ports ports, Ledger& ledger, std::filesystem::path state_folder,
                     std::int64_t reserve_bytes)
    : ports_(ports),
      ledger_(ledger),
      state_folder_(std::move(state_folder)),
      reserve_bytes_(static_cast<std::uint64_t>(std::max<std::int64_t>(0, reserve_bytes))),
      next_look_steady_ms_(ports.clock.steady_ms()) {}

bool DiskGuard::is_low() {
  const std::int64_t now = ports_.clock.steady_ms();
  if (now < next_look_steady_ms_) return is_low_;
  next_look_steady_ms_ = now + kLookMs;
  const std::optional<std::uint64_t> free_bytes = ports_.files.free_bytes(state_folder_);
  is_low_ = free_bytes && *free_bytes < reserve_bytes_;
  const bool was_low = !ledger_.meta(meta::kDiskProblem).empty();
  if (is_low_ == was_low) return is_low_;
  if (!is_low_) {
    log_info("there is room on the ledger's disk again; new files are taken in");
    ledger_.set_meta({{meta::kDiskProblem, ""}});
    return false;
  }
  const Error error(error_code::kDiskLow, "take in files", state_folder_.string(),
                    std::to_string(*free_bytes / kMib) + " MiB are free, " +
                        std::to_string(reserve_bytes_ / kMib) + " MiB are to be kept free");
  log_error(error);
  ledger_.set_meta({{meta::kDiskProblem, problem_text(error)}});
  return true;
}

void DiskGuard::write_failed(const Error& error) {
  ++failures_;
  const std::int64_t now = ports_.clock.steady_ms();
  paused_until_steady_ms_ = now + std::min(kPauseMaxMs, pause_ms(failures_, 0, ports_.chance));
  log_error(error);
  if (failures_ == 1) note_trouble(ports_.files, state_folder_, error, ports_.clock.now_ms());
}

bool DiskGuard::may_write() {
  if (failures_ == 0) return true;
  const std::int64_t now = ports_.clock.steady_ms();
  if (now < paused_until_steady_ms_) return false;
  try {
    ledger_.set_meta({{meta::kWrittenAtMs, std::to_string(ports_.clock.now_ms())}});
  } catch (const Error& error) {
    if (error.code().id != error_code::kLedgerWriteFailed.id) throw;
    write_failed(error);
    return false;
  }
  log_info("the ledger can be written again");
  failures_ = 0;
  forget_trouble(ports_.files, state_folder_);
  return true;
}

}  // namespace waybill
