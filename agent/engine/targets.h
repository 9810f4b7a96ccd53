// Targets: the upload targets in hand. In memory only: they hold tokens.
//
// Place:    agent/engine; the registrar fills it, the sender uses it up. After a restart it is
//           empty and the sender asks for fresh ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "core/clock.h"
#include "core/ids.h"
#include "core/wire.h"

namespace waybill {

class Targets {
 public:
  explicit Targets(const Clock& clock) : clock_(clock) {}

  void put(FileId file, wire::UploadTarget target) {
    targets_[file] = {std::move(target), clock_.steady_ms()};
  }
  [[nodiscard]] bool has_fresh(FileId file) const { return find_fresh(file) != targets_.end(); }

  /// Takes the target out, or nothing when there is none that still lives for a while.
  [[nodiscard]] std::optional<wire::UploadTarget> take(FileId file) {
    const auto found = find_fresh(file);
    if (found == targets_.end()) return std::nullopt;
    wire::UploadTarget out = found->second.target;
    targets_.erase(found);
    return out;
  }

 private:
  /// A target just fetched is used whatever our wall clock says: the clock may be wrong, and then
  /// every target would look expired.
  static constexpr std::int64_t kJustFetchedMs = 30'000;
  static constexpr std::int64_t kMarginMs = 60'000;

  struct Held {
    wire::UploadTarget target;
    std::int64_t fetched_steady_ms = 0;
  };

  [[nodiscard]] std::map<FileId, Held>::const_iterator find_fresh(FileId file) const {
    const auto found = targets_.find(file);
    if (found == targets_.end()) return found;
    const bool is_new = clock_.steady_ms() - found->second.fetched_steady_ms <= kJustFetchedMs;
    const bool lives = clock_.now_ms() + kMarginMs < found->second.target.expires_at_ms;
    return is_new || lives ? found : targets_.end();
  }

  const Clock& clock_;
  std::map<FileId, Held> targets_;
};

}  // namespace waybill
