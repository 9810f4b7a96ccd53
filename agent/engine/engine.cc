#include "agent/engine/engine.h"

#include <algorithm>

#include "agent/engine/central_moves.h"
#include "agent/engine/edge_check.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kSettlePerStep = 2'000;
constexpr std::int64_t kScanGapMs = 500;  // between scans that hints cause
constexpr std::int64_t kScanShare = 10;   // scanning takes at most a tenth of the time
constexpr std::int64_t kSyncDefaultMs = 15'000;
constexpr std::int64_t kSyncLivelyMs = 1'000;
constexpr std::int64_t kLivelyForMs = 60'000;
constexpr std::int64_t kClockDiffersMs = 5 * 60 * 1000;
constexpr std::int64_t kWaitMaxMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kLookBusyMs = 1'000;   // between looks at the deliveries
constexpr std::int64_t kLookShare = 50;       // looking takes at most a fiftieth of the time
constexpr std::int64_t kLookIdleMs = 15'000;  // ... while nothing happens

bool is_about_the_folder(const Error& error) {
  return error.code().id == error_code::kFolderMissing.id ||
         error.code().id == error_code::kFileUnreadable.id;
}

/// Coarse, so that the same difference reads the same at every sync.
std::string clock_difference(std::int64_t ms) {
  const std::int64_t minutes = ms / 60'000;
  if (minutes < 120) return std::to_string(minutes) + " minutes";
  if (minutes < 48 * 60) return std::to_string(minutes / 60) + " hours";
  return std::to_string(minutes / (24 * 60)) + " days";
}

std::string identity_slug(Ledger& ledger) {
  const std::optional<Identity> identity = ledger.identity();
  if (!identity) {
    throw Error(error_code::kNotEnrolled, "start", "agent", "it has no identity yet");
  }
  return identity->tenant_slug;
}

/// `setting`: central's, or null when it was never told.
void use_preflight(Hasher& hasher, const nlohmann::json& setting) {
  hasher.set_preflight(setting != "off", setting != "report");
}

}  // namespace

Engine::Engine(EnginePorts ports, EngineSettings settings, Ledger& ledger)
    : ports_(ports),
      settings_(std::move(settings)),
      ledger_(ledger),
      targets_(ports.clock),
      contact_(ports.clock, ledger, ports.chance),
      scanner_(ports.files, ports.clock, ledger, settings_.export_folder, settings_.quiet_ms),
      hasher_(ports.files, ledger, scanner_, specs_, settings_.export_folder,
              {settings_.state_folder, settings_.reserve_bytes}),
      rereader_(ports.clock, ledger, hasher_, settings_.rehash_days),
      tidier_({ports.files, ports.clock}, ledger, scanner_, settings_.export_folder,
              settings_.after_processed),
      deliveries_(ports.clock, ports.local_day, ledger),
      backfiller_(ports.files, ports.clock, ledger, settings_.state_folder),
      retries_(ports.files, settings_.state_folder, kRetryRequests),
      fetcher_({ports.files, ports.clock, ports.chance, ports.pages}, ledger,
               {settings_.export_folder, settings_.state_folder}, settings_.fetches),
      registrar_({ports.clock, ports.central, ports.chance}, ledger, targets_,
                 identity_slug(ledger)),
      sender_({ports.clock, ports.central, ports.uploads, ports.chance, scanner_}, ledger, targets_,
              settings_.give_up_after),
      withdrawer_({ports.clock, ports.central, ports.chance}, ledger),
      reconciler_(ports.clock, ports.central, ledger, settings_.public_key),
      disk_({ports.files, ports.clock, ports.chance}, ledger, settings_.state_folder,
            settings_.reserve_bytes) {
  tidy_quarantine(ports_.files, settings_.state_folder, ports_.clock.now_ms(), /*at_start=*/true);
  fill_spec_book();
  if (const std::size_t count = ledger_.interrupt_running_uploads(); count > 0) {
    log_info(std::to_string(count) + " uploads were running when the agent ended; asking central");
  }
}

StepReport Engine::step() {
  if (!disk_.may_write()) return {false, wait_ms()};
  bool worked = false;
  worked |= guarded([&] { return sender_.take_results(); });
  worked |= guarded([&] { return take_in_files(); });
  worked |= guarded([&] { return tidier_.step(); });
  worked |= guarded([&] { return deliveries_.decide(); });
  worked |= guarded([&] { return look_after_deliveries(worked); });
  if (contact_.may_call()) worked |= guarded([&] { return speak_with_central(); });
  if (!worked) worked = guarded([&] { return rereader_.step(); });
  return {worked, worked ? 0 : wait_ms()};
}

/// Everything that makes the ledger grow by itself; left undone while its disk is nearly full.
bool Engine::take_in_files() {
  if (disk_.is_low()) return false;
  bool worked = guarded([&] { return scan_if_due(); });
  worked |= guarded([&] { return scanner_.settle(specs_, kSettlePerStep) > 0; });
  worked |= guarded([&] { return hasher_.step(); });
  worked |= guarded([&] { return fetcher_.step(specs_); });
  return worked;
}

/// Runs a stage; a failure that passes ends only this stage of this step.
bool Engine::guarded(const std::function<bool()>& stage) {
  // An earlier stage of this step could not write: the others would only wait for the same disk.
  if (ports_.clock.steady_ms() < disk_.paused_until_steady_ms()) return false;
  try {
    return stage();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    try {
      take_note(error);
    } catch (const Error& failure) {  // of the ledger, which was to record the first one
      if (failure.code().id != error_code::kLedgerWriteFailed.id) throw;
      disk_.write_failed(failure);
    }
    return false;
  }
}

void Engine::take_note(const Error& error) {
  if (error.code().id == error_code::kLedgerWriteFailed.id) {
    disk_.write_failed(error);
    return;
  }
  if (is_about_the_folder(error)) {
    log_error(error);
    record_problem(meta::kFolderProblem, problem_text(error));
    return;
  }
  // A ledger that central does not accept proves itself by a sync before anything else is asked.
  if (error.code().id == error_code::kLedgerDiverged.id) has_synced_ = false;
  contact_.failed(error);
}

// ---- the folder

bool Engine::scan_if_due() {
  is_scan_wanted_ |= ports_.notifier.take_hint();
  is_scan_wanted_ |= sender_.take_change_seen();
  const std::int64_t now = ports_.clock.steady_ms();
  const std::int64_t gap = std::max(kScanGapMs, kScanShare * last_scan_took_ms_);
  const bool is_due = now >= last_scan_steady_ms_ + settings_.scan_interval_ms;
  const bool is_wanted = is_scan_wanted_ && now >= last_scan_steady_ms_ + gap;
  if (has_scanned_ && !is_due && !is_wanted) return false;
  scan();
  return true;
}

void Engine::scan() {
  const std::int64_t began = ports_.clock.steady_ms();
  last_scan_steady_ms_ = began;
  has_scanned_ = true;
  is_scan_wanted_ = false;
  if (!is_watching_) {
    const std::optional<Error> problem = ports_.notifier.watch(settings_.export_folder);
    if (problem) log_error(*problem);
    record_problem(meta::kWatchProblem, problem ? problem_text(*problem) : "");
    is_watching_ = true;
  }
  if (const std::optional<Error> problem = ports_.notifier.take_problem()) {
    log_error(*problem);
    record_problem(meta::kWatchProblem, problem_text(*problem));
  }
  try {
    const ScanReport report = scanner_.scan();
    last_scan_took_ms_ = ports_.clock.steady_ms() - began;
    if (report.is_other_folder) is_watching_ = false;  // the watches are on the one before
    std::string folder_problem;
    if (!report.unreadable_folders.empty()) {
      const Error error(error_code::kFileUnreadable, "read folder",
                        report.unreadable_folders.front(), "the service account may not read it");
      folder_problem = problem_text(error);
    }
    record_problem(meta::kFolderProblem, folder_problem);
    rereader_.folder_holds(report.size_bytes, report.file_count);
    backfiller_.scanned(report.unreadable_folders);
    ledger_.set_meta({{meta::kLastScanAtMs, std::to_string(ports_.clock.now_ms())},
                      {meta::kLastScanFiles, std::to_string(report.file_count)}});
    log_debug("scan: " + std::to_string(report.file_count) + " files, " +
              std::to_string(report.changed_count) + " new or changed, " +
              std::to_string(report.vanished_count) + " gone");
  } catch (const Error& error) {
    if (error.code().id == error_code::kFolderMissing.id) is_watching_ = false;  // watch it anew
    throw;
  }
}

/// Stores a problem for status when it is another than before.
void Engine::record_problem(const char* fact, const std::string& text) {
  if (ledger_.meta(fact) != text) ledger_.set_meta({{fact, text}});
}

void Engine::fill_spec_book() {
  for (const std::string& problem : specs_.fill(ledger_.specs())) log_warning(problem);
  use_preflight(hasher_, central_setting("preflight"));
  last_look_steady_ms_ = ports_.clock.steady_ms() - kLookIdleMs;  // what is expected has changed
  try {
    deliveries_.use_plan(ledger_.delivery_plan());
  } catch (const Error& error) {
    if (error.code().id != error_code::kSpecInvalid.id) throw;
    log_error(error);  // of an enrolment with a newer central; the next sync tells it again
  }
}

// ---- deliveries and history

bool Engine::look_after_deliveries(bool has_worked) {
  const std::int64_t now = ports_.clock.steady_ms();
  const std::int64_t busy_gap = std::max(kLookBusyMs, kLookShare * last_look_took_ms_);
  if (now < last_look_steady_ms_ + (has_worked ? busy_gap : std::max(kLookIdleMs, busy_gap))) {
    return false;
  }
  last_look_steady_ms_ = now;
  if (now >= next_tidying_steady_ms_) {
    tidy_quarantine(ports_.files, settings_.state_folder, ports_.clock.now_ms(),
                    /*at_start=*/false);
    next_tidying_steady_ms_ = now + kDayMs;
  }
  take_retries();
  if (backfiller_.step()) is_scan_wanted_ = true;
  deliveries_.look();
  last_look_took_ms_ = ports_.clock.steady_ms() - now;
  return false;
}

void Engine::take_retries() {
  retries_.take_all([this](const nlohmann::json& request) {
    const std::string path = request.at("relative_path").get<std::string>();
    const std::size_t count = ledger_.retry(path);
    log_info("another try was asked for of " + (path.empty() ? "what was given up" : path) + ": " +
             std::to_string(count) + " to send");
  });
}

// ---- central

bool Engine::speak_with_central() {
  bool worked = sync_if_due();
  worked |= registrar_.register_ready();
  worked |= sender_.start_uploads();
  if (sender_.confirm()) {
    lively_until_steady_ms_ = ports_.clock.steady_ms() + kLivelyForMs;
    worked = true;
  }
  worked |= withdrawer_.step();
  if (worked) contact_.succeeded();
  return worked;
}

bool Engine::sync_if_due() {
  const std::int64_t now = ports_.clock.steady_ms();
  if (has_synced_ && now < last_sync_steady_ms_ + sync_interval_ms()) return false;
  const SyncOutcome outcome = reconciler_.sync(health());
  compare_clocks(outcome.clock_ahead_ms);
  last_sync_steady_ms_ = outcome.more ? now - sync_interval_ms() : now;
  has_synced_ = true;
  contact_.succeeded();
  if (outcome.change_count > 0) lively_until_steady_ms_ = now + kLivelyForMs;
  use_preflight(hasher_, central_setting("preflight"));
  if (outcome.specs_changed) {
    fill_spec_book();
    ledger_.rematch_paths();
    is_scan_wanted_ = true;
  }
  registrar_.close_idle_jobs(settings_.close_after_idle_ms,
                             [&](const Job& job) { return deliveries_.reason_to_close(job); });
  return outcome.more || outcome.change_count > 0 || outcome.specs_changed;
}

/// Told once, and again only when it is another difference; gone when the clocks agree.
void Engine::compare_clocks(std::int64_t ahead_ms) {
  const bool differs = std::abs(ahead_ms) > kClockDiffersMs;
  const std::string before = ledger_.meta(meta::kClockProblem);
  if (!differs) {
    if (!before.empty()) log_info("this machine's clock and central's agree again");
    record_problem(meta::kClockProblem, "");
    return;
  }
  const Error error(error_code::kClockDiffers, "compare clocks", "",
                    "this machine's clock is about " + clock_difference(std::abs(ahead_ms)) +
                        (ahead_ms > 0 ? " ahead of" : " behind") + " central's");
  const std::string text = problem_text(error);
  if (text == before) return;
  if (before.empty()) log_error(error);
  record_problem(meta::kClockProblem, text);
}

/// As last told; null when central never told it.
nlohmann::json Engine::central_setting(const char* name) {
  const nlohmann::json settings =
      nlohmann::json::parse(ledger_.meta(meta::kSettings), nullptr, false);
  const bool is_told = settings.is_object() && settings.contains(name);
  return is_told ? settings[name] : nlohmann::json();
}

std::int64_t Engine::sync_interval_ms() {
  std::int64_t interval = settings_.sync_interval_ms;
  if (interval == 0) {
    const nlohmann::json told_s = central_setting("sync_interval_s");
    interval = told_s.is_number() ? static_cast<std::int64_t>(told_s.get<double>() * 1000)
                                  : kSyncDefaultMs;
  }
  const bool is_lively = ports_.clock.steady_ms() < lively_until_steady_ms_;
  return is_lively ? std::min(interval, kSyncLivelyMs) : std::max(interval, kSyncLivelyMs);
}

nlohmann::json Engine::health() {
  nlohmann::json files = nlohmann::json::object();
  for (const FileStateName& entry : kFileStateNames) {
    if (is_in_our_hands(entry.state)) {
      files[std::string(entry.name)] = ledger_.count(entry.state);
    }
  }
  return {{"version", settings_.version},
          {"clock_ms", ports_.clock.now_ms()},
          {"last_scan_at_ms", ledger_.meta_number(meta::kLastScanAtMs)},
          {"files_in_folder", ledger_.meta_number(meta::kLastScanFiles)},
          {"files_in_our_hands", std::move(files)},
          {"folder_problem", ledger_.meta(meta::kFolderProblem)},
          {"clock_problem", ledger_.meta(meta::kClockProblem)},
          {"disk_problem", ledger_.meta(meta::kDiskProblem)},
          {"watch_problem", ledger_.meta(meta::kWatchProblem)}};
}

// ---- waiting

std::int64_t Engine::wait_ms() {
  const std::int64_t now = ports_.clock.steady_ms();
  std::int64_t until = now + kWaitMaxMs;
  if (now < disk_.paused_until_steady_ms()) return disk_.paused_until_steady_ms() - now;
  until = std::min(until, disk_.was_low() ? disk_.next_look_steady_ms() : next_intake_steady_ms());
  until = std::min(until, last_look_steady_ms_ + kLookIdleMs);
  if (contact_.may_call()) {
    if (has_synced_) until = std::min(until, last_sync_steady_ms_ + sync_interval_ms());
    if (const auto due = ledger_.next_due_at_ms()) {
      until = std::min(until, now + (*due - ports_.clock.now_ms()));
    }
  } else {
    until = std::min(until, contact_.not_before_steady_ms());
  }
  return std::clamp(until - now, std::int64_t{1}, kWaitMaxMs);
}

/// When something is to be done for files that come in.
std::int64_t Engine::next_intake_steady_ms() {
  const std::int64_t now = ports_.clock.steady_ms();
  std::int64_t until = last_scan_steady_ms_ + settings_.scan_interval_ms;
  if (is_scan_wanted_) {
    until = std::min(until,
                     last_scan_steady_ms_ + std::max(kScanGapMs, kScanShare * last_scan_took_ms_));
  }
  if (const auto settle_at = scanner_.next_settle_at_steady_ms()) {
    until = std::min(until, *settle_at);
  }
  if (const auto due = fetcher_.next_due_at_ms()) {
    until = std::min(until, now + (*due - ports_.clock.now_ms()));
  }
  return until;
}

}  // namespace waybill
