// Simulation: one agency, one agent and one central, for some days, all by chance of one seed.
//
// Place:    tests/sim; the agent's real engine, ledger and scanner over a file system in memory, a
//           stepped clock and a model of central.
// A day:    a busy while in which the exporter, the agent, central's worker and operator, faults
//           and deaths take turns; then the storm ends and things are let settle; then the oracle
//           looks. The hours in which nothing happens are skipped in one step.
// Rule:     no thread, no real clock, no order that is not chosen by the seed.
#pragma once

#include <memory>
#include <string>

#include "agent/engine/engine.h"
#include "agent/engine/rebuilder.h"
#include "tests/sim/agency.h"
#include "tests/sim/faulty_files.h"
#include "tests/sim/oracle.h"
#include "tests/sim/ports.h"
#include "tests/sim/storage.h"

namespace waybill::sim {

struct SimulationOptions {
  std::uint64_t seed = 1;
  int days = 10;
  bool prints = false;  ///< every event, as it happens
};

class Simulation {
 public:
  explicit Simulation(SimulationOptions options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// Throws BrokenPromise.
  void run();

  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] int day() const { return day_; }
  [[nodiscard]] std::int64_t step() const { return steps_; }

 private:
  void live_through_day();
  void draw_weather();
  void take_turn();
  void step_agent();
  void open_ledger();
  void rebuild_ledger();
  void start_engine();
  void drop_agent();
  void copy_ledger();
  void put_back_older_ledger();
  void damage_ledger();
  void pass(std::int64_t ms);
  void step_wall_clock();
  void work_at_central();
  void operate_central();
  void settle();
  [[nodiscard]] bool is_settled();
  void fail_call(const std::string& call, bool is_done);

  SimulationOptions options_;
  Random random_;
  Trace trace_;
  Faults faults_{random_, trace_};
  CommitFaults commit_faults_{faults_};
  FakeClock clock_;          // of the agency's machine: somebody may set it
  FakeClock central_clock_;  // of central
  MemoryFileSystem files_{clock_};
  FaultyFiles faulty_files_{files_, faults_};
  FaultyFiles state_files_{system_file_system(), faults_};  // SQLite needs a real folder
  AgentClock agent_clock_{clock_, faults_};
  CentralModel central_{central_clock_};
  SimulatedUploader uploader_{central_, faults_};
  SimulatedHints hints_{faults_};
  SimulatedDay local_day_;
  SimulatedChance chance_{faults_};
  NoPages pages_;
  Agency agency_;
  std::filesystem::path state_folder_;
  bool has_copy_ = false;  // of the ledger, of an earlier day
  EngineSettings settings_;
  ExportFolders folders_;
  Oracle oracle_;

  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Rebuilder> rebuilder_;  // until the ledger knows what central holds
  std::unique_ptr<SimulatedUploads> uploads_;
  std::unique_ptr<Engine> engine_;
  int day_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace waybill::sim
