#include <algorithm>
#include <functional>

#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/config/agent_key.h"
#include "agent/config/agent_token.h"
#include "agent/config/live_bandwidth.h"
#include "agent/config/network_options.h"
#include "agent/engine/engine.h"
#include "agent/engine/rebuilder.h"
#include "agent/engine/threaded_uploads.h"
#include "agent/fetch/background_pages.h"
#include "agent/ledger/damage.h"
#include "agent/ledger/ledger_backup.h"
#include "agent/watch/change_notifier.h"
#include "core/error.h"
#include "core/log.h"
#include "core/termination.h"
#include "sync/http_central_api.h"
#include "sync/http_uploader.h"
#include "sync/pacer.h"

namespace waybill {

namespace {

constexpr std::int64_t kHintPollMs = 250;  // how often notifications are looked at while idle
constexpr std::int64_t kUploadPollMs = 50;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMib = std::int64_t{1} << 20;

BackupSettings backup_settings(const AgentConfig& config) {
  return {.interval_ms = config.ledger.backup_hours * kHourMs,
          .kept = static_cast<std::size_t>(config.ledger.backups_kept),
          .reserve_bytes = static_cast<std::uint64_t>(config.ledger.reserve_mib * kMib)};
}

EngineSettings engine_settings(const AgentConfig& config, std::string public_key) {
  return {.export_folder = config.export_folder,
          .quiet_ms = config.ready.quiet_ms,
          .scan_interval_ms = config.scan.interval_ms,
          .sync_interval_ms = config.sync.interval_ms,
          .close_after_idle_ms = config.delivery.close_after_idle_ms,
          .give_up_after = config.upload.give_up_after,
          .rehash_days = config.scan.rehash_days,
          .after_processed = config.after_processed,
          .state_folder = config.state_folder,
          .fetches = config.fetch,
          .version = WAYBILL_VERSION,
          .public_key = std::move(public_key),
          .reserve_bytes = config.ledger.reserve_mib * kMib};
}

/// For status; a failed backup is a warning, and so is a failure to note it.
void record_backup(BackupSchedule& backups, Ledger& ledger) {
  const std::optional<BackupSchedule::Result> result = backups.take_result();
  if (!result) return;
  try {
    const std::string problem = result->problem ? problem_text(*result->problem) : "";
    if (ledger.meta(meta::kBackupProblem) != problem) {
      ledger.set_meta({{meta::kBackupProblem, problem}});
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    log_error(error);
  }
}

/// Until the end is asked for: a step, then a wait that an upload's end or a hint cuts short.
void run_until_stopped(Engine& engine, ThreadedUploads& uploads, StopSource& stop,
                       const std::function<void()>& between_steps) {
  try {
    while (!stop.requested()) {
      const StepReport report = engine.step();
      between_steps();
      if (report.worked) continue;
      if (uploads.is_idle()) {
        stop.wait_for(std::min(report.wait_ms, kHintPollMs));
      } else {
        uploads.wait_news(std::min(report.wait_ms, kUploadPollMs));
      }
    }
  } catch (...) {
    stop.request();  // running uploads end at once instead of holding up the exit
    throw;
  }
}

/// A ledger that is new is filled before anything is sent. False when the end was asked for first.
bool rebuild_if_new(Rebuilder rebuilder, StopSource& stop) {
  while (!rebuilder.is_done()) {
    if (stop.requested()) return false;
    const StepReport report = rebuilder.step();
    if (!report.worked) stop.wait_for(report.wait_ms);
  }
  return true;
}

void check_same_project(const Identity& identity, const AgentConfig& config) {
  if (identity.project_url == config.project_url) return;
  throw Error(error_code::kAlreadyEnrolled, "start with project", config.project_url,
              "this state folder belongs to an agent enrolled at " + identity.project_url);
}

/// One for each upload thread; all share the pacer.
std::unique_ptr<Uploader> make_uploader(const CentralAddress& address, HttpOptions http,
                                        Pacer& pacer, const Clock& clock) {
  UploaderSettings settings;
  settings.wait = [&stop = *http.stop](std::int64_t ms) { return wait_unless(stop, ms); };
  settings.steady_ms = [&clock] { return clock.steady_ms(); };
  http.allowance = [&pacer](std::size_t wanted) { return pacer.take(wanted); };
  return std::make_unique<HttpUploader>(address, std::make_unique<HttpClient>(std::move(http)),
                                        std::move(settings));
}

int run_on(FileSystem& files, const Clock& clock, const AgentConfig& config,
           const std::filesystem::path& config_file, const std::string& token, Ledger& ledger,
           StopSource& stop) {
  HttpOptions http = network_options(files, config);
  http.user_agent = "waybill/" WAYBILL_VERSION;
  http.stop = &stop.flag();
  const CentralAddress address{config.project_url, config.publishable_key, token};
  HttpCentralApi central(address, http);
  SystemChance chance;
  const std::string public_key = read_or_make_agent_key(files, config.state_folder).public_pem();
  if (!rebuild_if_new(Rebuilder({clock, central, chance}, ledger, config.project_url), stop)) {
    return kExitOk;
  }
  const Identity identity = ledger.identity().value();
  const auto local_day = system_local_day(identity.time_zone);
  ExportFolders folders(files, config.export_folder);
  HttpClient page_http(http);
  BackgroundPages pages(
      [&](const PageRequest& request) { return fetch_page(files, page_http, request); });
  LiveBandwidth bandwidth(files, clock, *local_day, config_file, config.upload.bandwidth);
  Pacer pacer(clock, [&] { return bandwidth.limit_bytes_s(); });
  ThreadedUploads uploads(folders, clock, config.export_folder,
                          static_cast<std::size_t>(config.upload.parallel),
                          [&] { return make_uploader(address, http, pacer, clock); });
  const std::unique_ptr<ChangeNotifier> notifier =
      config.scan.notifications ? system_change_notifier() : std::make_unique<NoNotifications>();
  Engine engine({folders, clock, *notifier, central, uploads, pages, *local_day, chance},
                engine_settings(config, public_key), ledger);
  BackupSchedule backups(files, clock, config.state_folder, backup_settings(config));
  log_info("agent " + identity.agent_name + " of " + identity.tenant_name + " watches " +
           config.export_folder.string());
  run_until_stopped(engine, uploads, stop, [&] {
    bandwidth.look();
    record_backup(backups, ledger);
  });
  log_info("ended as asked; what was under way is settled after the next start");
  return kExitOk;
}

}  // namespace

int run_agent(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  start_log("waybill", config.log.level);
  const std::string token = read_agent_token(files, config.state_folder);
  const SystemClock clock;
  Ledger ledger(files, clock, config.state_folder, OnDamage::kSetAside);
  if (ledger.identity()) check_same_project(*ledger.identity(), config);
  StopSource stop;
  arm_termination(stop);
  try {
    return run_on(files, clock, config, std::filesystem::absolute(options.config_file), token,
                  ledger, stop);
  } catch (const Error& error) {
    if (error.code().id != error_code::kLedgerCorrupt.id) throw;
    note_trouble(files, config.state_folder, error, clock.now_ms());
    log_error(error);
    log_warning("the ledger is damaged; the next start sets it aside and rebuilds it from central");
    return kExitLedgerDamaged;
  }
}

}  // namespace waybill
