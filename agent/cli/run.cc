#include <algorithm>

#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/config/agent_token.h"
#include "agent/config/live_bandwidth.h"
#include "agent/config/network_options.h"
#include "agent/engine/engine.h"
#include "agent/engine/threaded_uploads.h"
#include "agent/fetch/background_pages.h"
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

EngineSettings engine_settings(const AgentConfig& config) {
  return {.export_folder = config.export_folder,
          .quiet_ms = config.ready.quiet_ms,
          .scan_interval_ms = config.scan.interval_ms,
          .sync_interval_ms = config.sync.interval_ms,
          .close_after_idle_ms = config.delivery.close_after_idle_ms,
          .rehash_days = config.scan.rehash_days,
          .give_up_after = config.upload.give_up_after,
          .after_processed = config.after_processed,
          .state_folder = config.state_folder,
          .fetches = config.fetch,
          .version = WAYBILL_VERSION};
}

/// Until the end is asked for: a step, then a wait that an upload's end or a hint cuts short.
void run_until_stopped(Engine& engine, ThreadedUploads& uploads, LiveBandwidth& bandwidth,
                       StopSource& stop) {
  try {
    while (!stop.requested()) {
      bandwidth.look();
      const StepReport report = engine.step();
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

void check_same_project(const Identity& identity, const AgentConfig& config) {
  if (identity.project_url == config.project_url) return;
  throw Error(error_code::kAlreadyEnrolled, "start with project", config.project_url,
              "this state folder belongs to an agent enrolled at " + identity.project_url);
}

}  // namespace

int run_agent(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  start_log("waybill", config.log.level);
  const std::string token = read_agent_token(files, config.state_folder);
  const SystemClock clock;
  Ledger ledger(files, clock, config.state_folder);
  const std::optional<Identity> identity = ledger.identity();
  if (!identity) throw Error(error_code::kNotEnrolled, "start", "", "the ledger has no identity");
  check_same_project(*identity, config);
  const auto local_day = system_local_day(identity->time_zone);

  StopSource stop;
  arm_termination(stop);
  HttpOptions http = network_options(files, config);
  http.user_agent = "waybill/" WAYBILL_VERSION;
  http.stop = &stop.flag();
  const CentralAddress address{config.project_url, config.publishable_key, token};
  HttpCentralApi central(address, http);
  ExportFolders folders(files, config.export_folder);
  HttpClient page_http(http);
  BackgroundPages pages(
      [&](const PageRequest& request) { return fetch_page(files, page_http, request); });
  LiveBandwidth bandwidth(files, clock, *local_day, std::filesystem::absolute(options.config_file),
                          config.upload.bandwidth);
  Pacer pacer(clock, [&] { return bandwidth.limit_bytes_s(); });
  HttpOptions upload_http = http;
  upload_http.allowance = [&](std::size_t wanted) { return pacer.take(wanted); };
  UploaderSettings uploading;
  uploading.wait = [&](std::int64_t ms) { return wait_unless(stop.flag(), ms); };
  uploading.steady_ms = [&] { return clock.steady_ms(); };
  const auto make_uploader = [&] {
    return std::make_unique<HttpUploader>(address, std::make_unique<HttpClient>(upload_http),
                                          uploading);
  };
  ThreadedUploads uploads(folders, clock, config.export_folder,
                          static_cast<std::size_t>(config.upload.parallel), make_uploader);
  const std::unique_ptr<ChangeNotifier> notifier =
      config.scan.notifications ? system_change_notifier() : std::make_unique<NoNotifications>();
  SystemChance chance;
  Engine engine({folders, clock, *notifier, central, uploads, pages, *local_day, chance},
                engine_settings(config), ledger);
  log_info("agent " + identity->agent_name + " of " + identity->tenant_name + " watches " +
           config.export_folder.string());
  run_until_stopped(engine, uploads, bandwidth, stop);
  log_info("ended as asked; what was under way is settled after the next start");
  return kExitOk;
}

}  // namespace waybill
