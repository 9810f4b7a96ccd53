// ChangeNotifier: the port that hints that something in the export folder has changed.
//
// Place:    agent/watch; inotify on Linux, a switch in tests, nothing where there is no such thing.
// Rule:     a hint only wakes the scanner. Nothing is lost when hints are: the periodic scan finds
//           what they miss.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/error.h"

namespace waybill {

class ChangeNotifier {
 public:
  virtual ~ChangeNotifier() = default;

  /// Watches `root` and every folder below it, from now on also the new ones. May be called again
  /// (the folder was away). Answers with what keeps it from watching everything (WB-1307).
  [[nodiscard]] virtual std::optional<Error> watch(const std::filesystem::path& root) = 0;

  /// What keeps it from watching everything since the last call: a folder made later may be the one
  /// that is too much (WB-1307). Said once.
  [[nodiscard]] virtual std::optional<Error> take_problem() { return std::nullopt; }

  /// Has anything changed since the last call, or may hints have been lost? Never waits.
  [[nodiscard]] virtual bool take_hint() = 0;
};

/// Never hints; for `scan.notifications: false` and for systems without notifications.
class NoNotifications final : public ChangeNotifier {
 public:
  [[nodiscard]] std::optional<Error> watch(const std::filesystem::path& /*root*/) override {
    return std::nullopt;
  }
  [[nodiscard]] bool take_hint() override { return false; }
};

/// The operating system's notifications.
[[nodiscard]] std::unique_ptr<ChangeNotifier> system_change_notifier();

}  // namespace waybill
