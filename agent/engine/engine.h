// Engine: one step after the other, each stage a bounded amount, all of it through the ledger.
//
// Place:    agent/engine; the program's loop calls step(), tests step it by hand.
// Threads:  none of its own. Everything outside is behind a port; uploads run behind UploadRunner
//           and hand back values.
// Restart:  an engine may be dropped after any step. A new one on the same ledger goes on: nothing
//           it holds in memory is needed, it only saves asking again.
// Errors:   what passes is recorded, shown and tried again. Error of kind kCorrupt leaves step():
//           the ledger or the program is wrong and the agent has to stop.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "agent/engine/backfiller.h"
#include "agent/engine/contact.h"
#include "agent/engine/deliveries.h"
#include "agent/engine/disk_guard.h"
#include "agent/engine/hasher.h"
#include "agent/engine/reconciler.h"
#include "agent/engine/registrar.h"
#include "agent/engine/request_folder.h"
#include "agent/engine/rereader.h"
#include "agent/engine/sender.h"
#include "agent/engine/step_report.h"
#include "agent/engine/tidier.h"
#include "agent/engine/withdrawer.h"
#include "agent/fetch/fetcher.h"
#include "agent/watch/change_notifier.h"
#include "agent/watch/scanner.h"

namespace waybill {

struct EngineSettings {
  std::filesystem::path export_folder;
  std::int64_t quiet_ms = 2'000;
  std::int64_t scan_interval_ms = 60'000;
  std::int64_t sync_interval_ms = 0;  ///< 0: as central's settings say
  std::int64_t close_after_idle_ms = 60'000;
  std::int64_t give_up_after = 50;  ///< tries of one file
  std::int64_t rehash_days = 7;     ///< every file is read again so often; 0: never
  TidySettings after_processed{};
  std::filesystem::path state_folder;
  std::vector<FetchConfig> fetches;
  std::string version;             ///< of the program, for central's eyes
  std::string public_key{};        ///< PEM; what the agent signs its manifests with
  std::int64_t reserve_bytes = 0;  ///< to be kept free on the disk of the state folder
};

/// Everything outside. All must outlive the engine.
struct EnginePorts {
  ExportFolders& files;
  const Clock& clock;
  ChangeNotifier& notifier;
  CentralApi& central;
  UploadRunner& uploads;
  PageRunner& pages;
  const LocalDay& local_day;
  Chance& chance;
};

class Engine {
 public:
  /// The ledger must hold an identity (enrolled). Settles what an earlier run left unfinished.
  Engine(EnginePorts ports, EngineSettings settings, Ledger& ledger);

  /// Does what is due now, a bounded amount of each stage.
  StepReport step();

 private:
  bool take_in_files();
  bool scan_if_due();
  void scan();
  bool look_after_deliveries(bool has_worked);
  void take_retries();
  void compare_clocks(std::int64_t ahead_ms);
  bool speak_with_central();
  bool sync_if_due();
  void fill_spec_book();
  void record_problem(const char* fact, const std::string& text);
  bool guarded(const std::function<bool()>& stage);
  void take_note(const Error& error);
  [[nodiscard]] nlohmann::json central_setting(const char* name);
  [[nodiscard]] std::int64_t sync_interval_ms();
  [[nodiscard]] std::int64_t wait_ms();
  [[nodiscard]] std::int64_t next_intake_steady_ms();
  [[nodiscard]] nlohmann::json health();

  EnginePorts ports_;
  EngineSettings settings_;
  Ledger& ledger_;
  SpecBook specs_;
  Targets targets_;
  Contact contact_;
  Scanner scanner_;
  Hasher hasher_;
  Rereader rereader_;
  Tidier tidier_;
  Deliveries deliveries_;
  Backfiller backfiller_;
  RequestFolder retries_;
  Fetcher fetcher_;
  Registrar registrar_;
  Sender sender_;
  Withdrawer withdrawer_;
  Reconciler reconciler_;
  DiskGuard disk_;

  bool is_watching_ = false;
  bool is_scan_wanted_ = true;
  bool has_scanned_ = false;
  std::int64_t last_scan_steady_ms_ = 0;
  std::int64_t last_scan_took_ms_ = 0;
  std::int64_t last_sync_steady_ms_ = 0;
  bool has_synced_ = false;
  std::int64_t lively_until_steady_ms_ = 0;  ///< central is working on our files: ask more often
  std::int64_t last_look_steady_ms_ = 0;     ///< at the deliveries
  std::int64_t last_look_took_ms_ = 0;
  std::int64_t next_tidying_steady_ms_ = 0;  ///< of rows set aside long ago
};

}  // namespace waybill
