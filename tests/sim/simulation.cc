#include "tests/sim/simulation.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "sync/central_error.h"

namespace waybill::sim {

namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kSettleMs = 6 * 60 * kMinuteMs;  // no pause of ours is longer than 15 min
constexpr int kSettleSteps = 4'000;
constexpr std::int64_t kSettleStrideMs = 20'000;

const char* const kPlan = R"({"name": "nightly", "deadline": "06:00", "files": [
    {"file_tag": "recipe", "many": true}, {"file_tag": "recipe_line", "many": true},
    {"file_tag": "party", "required": false}]})";

std::filesystem::path fresh_folder() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code ignored;
  const std::filesystem::path base = std::filesystem::is_directory(memory, ignored)
                                         ? memory
                                         : std::filesystem::temp_directory_path();
  std::filesystem::path folder = base / ("waybill-sim-" + random_uuid());
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace

Simulation::Simulation(SimulationOptions options)
    : options_(options),
      random_(options.seed),
      trace_(options.prints),
      agency_(files_, clock_, "/export", random_, trace_),
      state_folder_(fresh_folder()),
      settings_{.export_folder = "/export",
                .quiet_ms = 2'000,
                .scan_interval_ms = 30'000,
                .sync_interval_ms = 20'000,
                .close_after_idle_ms = 60'000,
                .state_folder = "/state",
                .fetches = {},
                .version = "simulation"},
      folders_(faulty_files_, settings_.export_folder),
      oracle_({agency_, central_, uploader_, state_folder_ / kLedgerFileName}) {
  files_.on_read = [this](const std::string& relative_path) {
    if (faults_.strikes(faults_.weather.meddles, "read, meddled with")) {
      agency_.meddle(relative_path);
    }
  };
  central_.before_call = [this](const std::string& call) { fail_call(call, false); };
  central_.after_call = [this](const std::string& call) { fail_call(call, true); };
  central_.resumable_above_bytes = 1'500;
  central_.settings = {{"upload_chunk_bytes", 1'024}};
  central_.storage.piece_bytes = 64;
  central_.storage_signs = random_.percent(30);
  central_.preflight_stops = options_.seed % 3 != 0;  // not drawn: kept seeds stay as they were
  central_.specs.digest = "specs-1";
  for (const auto& [tag, spec] : simulated_specs()) {
    central_.specs.specs.push_back({tag, 1, nlohmann::json::parse(spec)});
  }
  if (random_.percent(40)) central_.specs.delivery_plan = nlohmann::json::parse(kPlan);
  switch (random_.below(4)) {
    case 0:
      settings_.after_processed = {AfterProcessed::kMove, "/archive", random_.below(2)};
      break;
    case 1:
      settings_.after_processed = {AfterProcessed::kDelete, "", random_.below(2)};
      break;
    default:
      break;
  }
}

Simulation::~Simulation() {
  drop_agent();
  std::error_code ignored;
  std::filesystem::remove_all(state_folder_, ignored);
}

void Simulation::run() {
  for (day_ = 1; day_ <= options_.days; ++day_) live_through_day();
}

void Simulation::live_through_day() {
  draw_weather();
  for (std::int64_t turns = random_.between(30, 120); turns > 0; --turns) take_turn();
  settle();
  for (const auto& [name, file] : agency_.strike_off_missing()) {
    oracle_.check_taken_away(name, file);
  }
  oracle_.check();
  central_.give_up_sets();
  // Not its hash: a ledger's id is made by the system's own chance.
  trace_.note("day {} ends: event {}, change {}", day_, ledger_->head().seq, central_.last_seq());
  if (random_.percent(20)) copy_ledger();
  pass(random_.between(4, 26) * 60 * kMinuteMs);
}

/// One day in four is calm.
void Simulation::draw_weather() {
  faults_.weather = {};
  if (random_.percent(25)) return;
  const auto draw = [&](std::int64_t most) {
    return random_.percent(50) ? 0 : static_cast<int>(random_.below(most));
  };
  faults_.weather = {.files = draw(60),
                     .calls = draw(250),
                     .uploads = draw(400),
                     .commits = draw(60),
                     .meddles = draw(60),
                     .hints = draw(1'000)};
}

// ---- a busy while

void Simulation::take_turn() {
  const bool is_stormy =
      faults_.weather.files + faults_.weather.calls + faults_.weather.uploads > 0;
  const std::int64_t dice = random_.below(100);
  if (dice < 50) {
    step_agent();
  } else if (dice < 68) {
    agency_.act();
    hints_.changed();
  } else if (dice < 78) {
    pass(random_.between(1, 5'000));
  } else if (dice < 80) {
    pass(random_.between(1, 20) * kMinuteMs);
  } else if (dice < 93) {
    work_at_central();
  } else if (dice < 95) {
    operate_central();
  } else if (is_stormy && dice < 98) {
    faults_.kill_in(random_.between(1, 400));
  } else if (is_stormy && dice < 99) {
    faults_.is_disk_full = !faults_.is_disk_full;
    trace_.note("the disk is {}", faults_.is_disk_full ? "full" : "free again");
  } else if (is_stormy && random_.percent(70)) {
    step_wall_clock();
  } else if (is_stormy && random_.percent(50)) {
    put_back_older_ledger();
  } else if (is_stormy) {
    damage_ledger();
  }
}

/// Lets time pass for all, with the pieces that are written meanwhile.
void Simulation::pass(std::int64_t ms) {
  while (ms > 0) {
    const std::int64_t to_piece = agency_.next_piece_at_steady_ms() - clock_.steady_ms();
    const std::int64_t slice = std::clamp(to_piece, std::int64_t{1}, ms);
    clock_.advance(slice);
    central_clock_.advance(slice);
    agency_.write_on();
    ms -= slice;
  }
}

void Simulation::step_wall_clock() {
  static const std::vector<std::int64_t> kSteps = {kDayMs,          -kDayMs,       60 * kMinuteMs,
                                                   -60 * kMinuteMs, 7 * kMinuteMs, -7 * kMinuteMs};
  const std::int64_t by = random_.one_of(kSteps);
  trace_.note("the agent's clock is set by {} min", by / kMinuteMs);
  clock_.step_wall_clock(by);
}

// ---- the agent

void Simulation::step_agent() {
  ++steps_;
  try {
    if (!ledger_) {
      open_ledger();
    } else if (rebuilder_) {
      rebuild_ledger();
    } else if (!engine_) {
      start_engine();
    } else {
      const StepReport report = engine_->step();
      trace_.note("agent steps: {}", report.worked ? "worked" : "idle");
      if (!report.worked) pass(std::min<std::int64_t>(report.wait_ms, 2'000));
    }
  } catch (const Killed&) {
    drop_agent();
  } catch (const Error& error) {
    const bool may_end_start = error.code().id == error_code::kLedgerWriteFailed.id ||
                               error.code().id == error_code::kFileSystemFailed.id;
    if (engine_ || !may_end_start) {
      throw BrokenPromise(fmt::format("the agent goes on: it ended with {}", error.what()));
    }
    drop_agent();
    trace_.note("agent cannot start: {}", error.code().id);
  }
}

void Simulation::open_ledger() {
  faults_.revive();
  ledger_ =
      std::make_unique<Ledger>(state_files_, agent_clock_, state_folder_, OnDamage::kSetAside);
  rebuilder_ = std::make_unique<Rebuilder>(Rebuilder::Ports{agent_clock_, central_, chance_},
                                           *ledger_, "http://localhost");
  trace_.note("agent starts");
}

/// A new ledger is filled with what central holds before anything else is done.
void Simulation::rebuild_ledger() {
  if (rebuilder_->is_done()) {
    rebuilder_.reset();
    return;
  }
  const StepReport report = rebuilder_->step();
  trace_.note("agent rebuilds its ledger: {}", report.worked ? "worked" : "waits");
  if (!report.worked) pass(std::min<std::int64_t>(report.wait_ms, 5'000));
}

void Simulation::start_engine() {
  const auto is_recorded = [this](const SendTask& task) {
    const std::optional<JobFile> file = ledger_->find(task.file);
    return !file || file->state != FileState::kUploading || file->upload.url == task.session.url;
  };
  uploads_ = std::make_unique<SimulatedUploads>(folders_, settings_.export_folder, uploader_,
                                                faults_, is_recorded);
  engine_ = std::make_unique<Engine>(
      EnginePorts{folders_, agent_clock_, hints_, central_, *uploads_, pages_, local_day_, chance_},
      settings_, *ledger_);
}

void Simulation::drop_agent() {
  engine_.reset();
  uploads_.reset();
  rebuilder_.reset();
  ledger_.reset();
}

// ---- the ledger's file

namespace {

/// The ledger of `from` in place of the one of `to`, as somebody copies it while nothing runs.
void copy_ledger_files(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string name = std::string(kLedgerFileName) + suffix;
    std::filesystem::remove(to / name);
    if (std::filesystem::exists(from / name)) std::filesystem::copy(from / name, to / name);
  }
}

}  // namespace

void Simulation::copy_ledger() {
  drop_agent();
  copy_ledger_files(state_folder_, state_folder_ / "copy");
  has_copy_ = true;
  trace_.note("the ledger is copied");
}

/// A restored snapshot of the machine: the ledger knows less than central.
void Simulation::put_back_older_ledger() {
  if (!has_copy_) return;
  drop_agent();
  copy_ledger_files(state_folder_ / "copy", state_folder_);
  oracle_.ledger_was_lost(LedgerLoss::kOlder);
  trace_.note("an older ledger is put back");
}

/// Deleted, full of zeros, or cut off: all of it is to be rebuilt from central.
void Simulation::damage_ledger() {
  drop_agent();
  const std::filesystem::path file = state_folder_ / kLedgerFileName;
  if (!std::filesystem::exists(file)) return;
  const std::uintmax_t size = std::filesystem::file_size(file);
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(state_folder_ / (std::string(kLedgerFileName) + suffix));
  }
  switch (random_.below(3)) {
    case 0:
      trace_.note("the ledger is deleted");
      std::filesystem::remove(file);
      break;
    case 1:
      trace_.note("the ledger is full of zeros");
      std::filesystem::resize_file(file, 0);
      std::filesystem::resize_file(file, size);
      break;
    default:
      trace_.note("the ledger is cut off");
      std::filesystem::resize_file(file, size / 2);
      break;
  }
  oracle_.ledger_was_lost(LedgerLoss::kWhole);
}

// ---- central

void Simulation::fail_call(const std::string& call, bool is_done) {
  if (!is_done) trace_.note("  {}", call);
  faults_.reach(call.c_str());
  if (!faults_.strikes(faults_.weather.calls, call.c_str())) return;
  if (call == "put" || call == "sign" || call.starts_with("tus_")) {
    throw Error(error_code::kUploadInterrupted, "send", call, "connection reset");
  }
  if (is_done) throw Error(error_code::kNetworkUnreachable, "call", call, "the answer was lost");
  switch (random_.below(3)) {
    case 0:
      throw Error(error_code::kNetworkUnreachable, "call", call, "connection refused");
    case 1:
      throw Error(error_code::kAnswerNotUnderstood, "call", call, "an HTML page");
    default:
      throw CentralError(error_code::kCentralUnavailable, "call", call, "503",
                         random_.below(2) * random_.between(1, 300) * 1'000);
  }
}

void Simulation::work_at_central() {
  for (std::int64_t count = random_.between(1, 6); count > 0; --count) {
    if (!central_.work()) return;
    trace_.note("central works: change {}", central_.last_seq());
  }
}

/// What people and accidents do at central.
void Simulation::operate_central() {
  std::vector<CentralModel::File> candidates;
  const std::int64_t what = random_.below(4);
  for (const CentralModel::File& file : central_.files()) {
    const bool is_unread = file.state == "refused" && file.problem &&
                           (file.problem->code == "WB-3002" || file.problem->code == "WB-3005");
    const bool is_fit = what == 0   ? is_unread
                        : what == 1 ? file.state == "archived"
                                    : what == 2 && file.state == "received";
    if (is_fit) candidates.push_back(file);
  }
  if (what == 3 && !central_.jobs.empty()) {
    auto job = central_.jobs.begin();
    std::advance(job, random_.below(static_cast<std::int64_t>(central_.jobs.size())));
    trace_.note("central closes job {}", job->first);
    job->second = "closed";
  }
  if (candidates.empty()) return;
  const CentralModel::File& file = random_.one_of(candidates);
  trace_.note("central {}s {}", std::array{"retrie", "retire", "corrupt"}[what], file.id.value);
  if (what == 0) {
    if (random_.percent(50)) central_.refused_word = "\n\n";  // a spec that reads it all
    central_.retry(file.id);
  } else if (what == 1) {
    central_.retire(file.id);
  } else {
    central_.corrupt(file.path);
  }
}

// ---- the end of a day

/// The storm is over: everything comes to its end, in a bounded while.
void Simulation::settle() {
  trace_.note("the storm is over");
  faults_.weather = {};
  faults_.is_disk_full = false;
  if (ledger_) faults_.revive();
  agency_.come_to_rest();
  const std::int64_t began = clock_.steady_ms();
  const int walks = faulty_files_.walks;
  for (int steps = 0; steps < kSettleSteps && clock_.steady_ms() - began < kSettleMs; ++steps) {
    if (central_.ledger_rules.is_refused()) {
      oracle_.check_refused_ledger();
      trace_.note("central's operator accepts the ledger");
      central_.accept_ledger();
    }
    bool has_worked = central_.work();
    while (has_worked && central_.work()) {
    }
    const std::int64_t before = clock_.steady_ms();
    step_agent();
    if (clock_.steady_ms() == before || !engine_) continue;
    pass(kSettleStrideMs - 2'000);
    if (faulty_files_.walks > walks && is_settled()) return;
  }
  oracle_.check();  // says what it is that does not settle
  throw BrokenPromise("things settle: they do not, and nothing tells why");
}

bool Simulation::is_settled() {
  if (!engine_ || central_.work()) return false;
  for (const FileStateName& entry : kFileStateNames) {
    if (is_in_our_hands(entry.state) && ledger_->count(entry.state) > 0) return false;
  }
  if (!ledger_->paths_in(PathState::kSettling, 1).empty()) return false;
  if (!ledger_->paths_in(PathState::kDue, 1).empty()) return false;
  if (!ledger_->files_to_withdraw(1).empty()) return false;
  return ledger_->meta_number(meta::kSyncCursor) == central_.last_seq();
}

}  // namespace waybill::sim
