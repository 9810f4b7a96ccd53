// EngineFixture: the real engine and ledger over a file system, a clock and a central in memory.
//
// Method: time passes only when the fixture says so; restart() is what a killed process leaves
//         behind: the ledger's file and the export folder, nothing else.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "agent/engine/engine.h"
#include "agent/fetch/background_pages.h"
#include "core/log.h"
#include "tests/support/central_model.h"
#include "tests/unit/agent/ledger_fixture.h"

namespace waybill {

/// Runs each upload when its result is asked for, in the caller's thread.
class InlineUploads final : public UploadRunner {
 public:
  InlineUploads(FileSystem& files, std::filesystem::path root, Uploader& uploader)
      : files_(files), root_(std::move(root)), uploader_(uploader) {}
  [[nodiscard]] std::size_t room() const override {
    return 4 - std::min<std::size_t>(4, tasks_.size());
  }
  void start(SendTask task) override { tasks_.push_back(std::move(task)); }
  /// What is told while the caller's thread is busy with it is handed out when it ends.
  [[nodiscard]] std::vector<UploadProgress> take_progress() override {
    while (!tasks_.empty()) {
      const SendTask task = tasks_.front();
      tasks_.pop_front();
      const auto tell = [&](const UploadSession& session) {
        progress_.push_back({task.file, session});
      };
      finished_.push_back(send_file(files_, root_, task, uploader_, tell));
    }
    return std::exchange(progress_, {});
  }
  [[nodiscard]] std::vector<SendResult> take_finished() override {
    return std::exchange(finished_, {});
  }

 private:
  FileSystem& files_;
  std::filesystem::path root_;
  Uploader& uploader_;
  std::deque<SendTask> tasks_;
  std::vector<UploadProgress> progress_;
  std::vector<SendResult> finished_;
};

/// Answers each request when its result is asked for.
class InlinePages final : public PageRunner {
 public:
  explicit InlinePages(BackgroundPages::FetchPage fetch) : fetch_(std::move(fetch)) {}
  void start(PageRequest request) override { waiting_.push_back(std::move(request)); }
  [[nodiscard]] std::vector<PageResult> take_finished() override {
    std::vector<PageResult> out;
    while (!waiting_.empty()) {
      const PageRequest request = std::move(waiting_.front());
      waiting_.pop_front();
      out.push_back(page_result(fetch_, request));
    }
    return out;
  }

 private:
  BackgroundPages::FetchPage fetch_;
  std::deque<PageRequest> waiting_;
};

class FixedDay final : public LocalDay {
 public:
  std::string date = "2025-11-21";
  [[nodiscard]] std::string date_of(std::int64_t /*utc_ms*/) const override { return date; }
  [[nodiscard]] std::int64_t utc_ms_of(const std::string& of, std::int32_t minutes) const override {
    return utc_midnight_ms(of) + std::int64_t{minutes} * 60'000;
  }
};

class SeededChance final : public Chance {
 public:
  [[nodiscard]] double fraction() override {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1ULL << 24);
  }
  [[nodiscard]] std::string uuid() override { return "uuid-" + std::to_string(++uuids_); }

 private:
  std::uint64_t state_ = 42;
  int uuids_ = 0;
};

class HintSwitch final : public ChangeNotifier {
 public:
  bool hint = false;
  [[nodiscard]] std::optional<Error> watch(const std::filesystem::path& /*root*/) override {
    return std::nullopt;
  }
  [[nodiscard]] bool take_hint() override { return std::exchange(hint, false); }
};

struct EngineFixture : LedgerFixture {
  std::filesystem::path root;
  CentralModel central{clock};
  ModelUploader uploader{central};
  HintSwitch notifier;
  FixedDay day;
  SeededChance chance;
  EngineSettings settings{.export_folder = root,
                          .quiet_ms = 2'000,
                          .scan_interval_ms = 5'000,
                          .sync_interval_ms = 1'000,
                          .close_after_idle_ms = 10'000,
                          .rehash_days = 7,
                          .state_folder = "/state",
                          .fetches = {},
                          .version = "test"};
  ExportFolders folders;
  InlinePages pages{[](const PageRequest&) { return PageLines{}; }};
  std::unique_ptr<InlineUploads> uploads;
  std::unique_ptr<Engine> engine;

  EngineFixture() : EngineFixture(nullptr, "/export") {}
  /// With an export folder on a real disk.
  EngineFixture(FileSystem* disk, const std::filesystem::path& export_folder)
      : root(export_folder), folders(disk == nullptr ? files : *disk, export_folder) {
    static const bool is_quiet = (start_log("engine-test", LogLevel::kError), true);
    (void)is_quiet;
    files.make_folders(root);
    central.specs.digest = "specs-1";
    for (const char* tag : {"recipe", "party"}) {
      central.specs.specs.push_back({FileTag(tag), 1, spec(tag)});
    }
    ledger->enroll({.agent_id = AgentId("agent"),
                    .tenant_id = TenantId("tenant"),
                    .tenant_slug = "riverside",
                    .tenant_name = "Riverside",
                    .time_zone = "UTC",
                    .agent_name = "server",
                    .project_url = "http://localhost"},
                   central.specs, nlohmann::json::object());
    start();
  }

  static nlohmann::json spec(const std::string& tag) {
    return {{"file_tag", tag},
            {"entity", tag},
            {"file_name", tag + "*.csv"},
            {"format", "csv"},
            {"columns", {{{"name", "code"}, {"to", "code"}}}}};
  }

  void start() {
    uploads = std::make_unique<InlineUploads>(folders, root, uploader);
    engine = std::make_unique<Engine>(
        EnginePorts{folders, clock, notifier, central, *uploads, pages, day, chance}, settings,
        *ledger);
  }
  /// The process dies here and a new one starts on what is left.
  void restart() {
    engine.reset();
    uploads.reset();
    ledger.reset();
    open();
    start();
  }
  /// One step; when nothing was due, time passes to the next thing that is.
  void step(bool central_works = true) {
    const StepReport report = engine->step();
    if (central_works) central.work();
    if (!report.worked) clock.advance(std::min<std::int64_t>(report.wait_ms, 1'000));
  }
  void run_steps(int count) {
    for (int i = 0; i < count; ++i) step();
  }
  /// Steps until every name has come to an end, at most `limit` of them. True when it did.
  bool run_until_settled(int limit = 400) {
    for (int i = 0; i < limit; ++i) {
      step();
      if (i > 20 && is_settled()) return true;
    }
    return is_settled();
  }
  bool is_settled() {
    SecondConnection look(file());
    return look.ask(
               "SELECT count(*) FROM job_file WHERE state NOT IN ('archived', 'duplicate', "
               "'refused', 'superseded', 'vanished')") == "0" &&
           look.ask("SELECT count(*) FROM path WHERE state IN ('settling', 'due')") == "0" &&
           look.ask("SELECT count(*) FROM job_file") != "0";
  }
  void put(const std::string& name, const std::string& bytes) { files.write(root / name, bytes); }
  /// "archived", or "superseded,archived" when the name has had two versions.
  std::string states_of(const std::string& name) {
    SecondConnection look(file());
    return look.ask(
        "SELECT group_concat(state) FROM (SELECT state FROM job_file WHERE "
        "relative_path = '" +
        name + "' ORDER BY file_number)");
  }
  std::string path_state(const std::string& name) {
    const auto record = ledger->find_path(name);
    return record ? std::string(to_string(record->state)) : "none";
  }
};

}  // namespace waybill
