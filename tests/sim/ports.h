// The agent's smaller ports in a simulation: clock, days, chance, notifications, uploads, commits.
//
// Place:    tests/sim.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/engine/chance.h"
#include "agent/engine/upload_runner.h"
#include "agent/fetch/page_runner.h"
#include "agent/watch/change_notifier.h"
#include "core/clock.h"
#include "core/local_day.h"
#include "tests/sim/faults.h"
#include "tests/support/central_model.h"

namespace waybill::sim {

/// The agent's clock: a call of a port like any other.
class AgentClock final : public Clock {
 public:
  AgentClock(const Clock& below, Faults& faults) : below_(below), faults_(faults) {}
  [[nodiscard]] std::int64_t now_ms() const override {
    faults_.reach("clock");
    return below_.now_ms();
  }
  [[nodiscard]] std::int64_t steady_ms() const override {
    faults_.reach("clock");
    return below_.steady_ms();
  }

 private:
  const Clock& below_;
  Faults& faults_;
};

/// An agency one hour east of UTC, two in summer; summer and winter last four days each.
class SimulatedDay final : public LocalDay {
 public:
  [[nodiscard]] std::string date_of(std::int64_t utc_ms) const override {
    return format_utc(utc_ms + offset_ms(utc_ms)).substr(0, 10);
  }
  [[nodiscard]] std::int64_t utc_ms_of(const std::string& date,
                                       std::int32_t minutes) const override {
    const std::int64_t local = utc_midnight_ms(date) + std::int64_t{minutes} * 60'000;
    return local - offset_ms(local);
  }

 private:
  static std::int64_t offset_ms(std::int64_t utc_ms) {
    const bool is_summer = utc_ms / (4 * 86'400'000LL) % 2 == 0;
    return is_summer ? 7'200'000 : 3'600'000;
  }
};

class SimulatedChance final : public Chance {
 public:
  explicit SimulatedChance(Faults& faults) : faults_(faults) {}
  [[nodiscard]] double fraction() override {
    faults_.reach("chance");
    return faults_.random().fraction();
  }
  [[nodiscard]] std::string uuid() override {
    faults_.reach("chance");
    return fmt::format("{:016x}", faults_.random().next());
  }

 private:
  Faults& faults_;
};

/// Hints that come, are lost, or cannot be had.
class SimulatedHints final : public ChangeNotifier {
 public:
  explicit SimulatedHints(Faults& faults) : faults_(faults) {}
  void changed() {
    if (!faults_.random().permille(faults_.weather.hints)) hint_ = true;
  }
  [[nodiscard]] std::optional<Error> watch(const std::filesystem::path& root) override {
    faults_.reach("watch");
    if (!faults_.strikes(faults_.weather.hints, "watch")) return std::nullopt;
    return Error(error_code::kWatchLimit, "watch", root.string(), "no watches left");
  }
  [[nodiscard]] bool take_hint() override { return std::exchange(hint_, false); }

 private:
  Faults& faults_;
  bool hint_ = false;
};

/// No HTTP APIs are read in a simulation.
class NoPages final : public PageRunner {
 public:
  void start(PageRequest /*request*/) override {}
  [[nodiscard]] std::vector<PageResult> take_finished() override { return {}; }
};

/// Up to four uploads beside the engine; which of them end first is chance.
class SimulatedUploads final : public UploadRunner {
 public:
  /// Does the ledger know the session of this upload, or nothing of the upload any more?
  using IsRecorded = std::function<bool(const SendTask&)>;

  SimulatedUploads(FileSystem& files, std::filesystem::path root, Uploader& uploader,
                   Faults& faults, IsRecorded is_recorded)
      : files_(files),
        root_(std::move(root)),
        uploader_(uploader),
        faults_(faults),
        is_recorded_(std::move(is_recorded)) {}
  [[nodiscard]] std::size_t room() const override { return kRoom - std::min(kRoom, tasks_.size()); }
  void start(SendTask task) override {
    faults_.reach("start upload");
    tasks_.push_back(std::move(task));
  }
  [[nodiscard]] std::vector<UploadProgress> take_progress() override {
    for (std::size_t left = tasks_.size(); left > 0; --left) {
      SendTask task = std::move(tasks_.front());
      tasks_.pop_front();
      const bool waits = !task.session.url.empty() && !is_recorded_(task);
      if (waits || faults_.random().percent(40)) {
        tasks_.push_back(std::move(task));  // it takes longer
      } else {
        run(std::move(task));
      }
    }
    return std::exchange(progress_, {});
  }
  [[nodiscard]] std::vector<SendResult> take_finished() override {
    return std::exchange(finished_, {});
  }

 private:
  /// An upload whose session is new waits here until the ledger knows of it.
  struct Waits {};

  void run(SendTask task) {
    const auto tell = [&](const UploadSession& session) {
      progress_.push_back({task.file, session});
      const bool is_new = !session.url.empty() && session.url != task.session.url;
      task.session = session;
      if (is_new) throw Waits{};
    };
    try {
      finished_.push_back(send_file(files_, root_, task, uploader_, tell));
    } catch (const Waits&) {
      tasks_.push_back(std::move(task));
    }
  }

  static constexpr std::size_t kRoom = 4;
  FileSystem& files_;
  std::filesystem::path root_;
  Uploader& uploader_;
  Faults& faults_;
  IsRecorded is_recorded_;
  std::deque<SendTask> tasks_;
  std::vector<UploadProgress> progress_;
  std::vector<SendResult> finished_;
};

/// While it lives, every commit of an SQLite connection may be refused, as by a full disk, or be
/// the last thing that the process does.
class CommitFaults {
 public:
  explicit CommitFaults(Faults& faults);
  ~CommitFaults();
  CommitFaults(const CommitFaults&) = delete;
  CommitFaults& operator=(const CommitFaults&) = delete;

 private:
  Faults* outer_;
};

}  // namespace waybill::sim
