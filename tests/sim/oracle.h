// Oracle: are the promises kept? It looks from outside: at the folder, the ledger's file and
// central.
//
// Place:    tests/sim; asked after every simulated day, when things have settled.
// Rule:     it asks no code of the agent, except for the table of legal moves and the chain's hash:
//           the ledger is read with its own connection and its own SQL.
// Errors:   BrokenPromise, naming the promise and the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/ledger/event_chain.h"
#include "tests/sim/agency.h"
#include "tests/sim/storage.h"
#include "tests/support/central_model.h"

namespace waybill::sim {

class BrokenPromise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class LedgerLoss : std::uint8_t {
  kWhole,  ///< nothing of it is left; it is rebuilt from central
  kOlder,  ///< one of an earlier day is back
};

class Oracle {
 public:
  struct World {
    Agency& agency;
    const CentralModel& central;
    const SimulatedUploader& uploader;
    std::filesystem::path ledger_file;
  };

  explicit Oracle(World world);
  ~Oracle();

  void check();
  /// A file is gone from the export folder that no program of the agency has taken away.
  void check_taken_away(const std::string& name, const Export& file) const;
  /// The agent goes on with another ledger, which need not know what central knows by now.
  void ledger_was_lost(LedgerLoss loss);
  /// Central refuses the ledger.
  void check_refused_ledger();

 private:
  struct Row {  ///< of the ledger's job_file
    std::string relative_path;
    Sha256Hex original_sha256;
    std::string state;
    std::string job_file_id;
    std::string error_code;
  };

  void read_ledger();
  void check_events();
  void check_event(const LedgerEvent& event);
  void check_in_our_hands() const;
  void check_states_agree() const;
  void check_jobs() const;
  void check_staged_once() const;
  void check_staged_is_complete() const;
  void check_sessions() const;
  void check_nothing_anew();
  [[nodiscard]] std::int64_t registrations(const std::string& name, const Export& file) const;
  void check_exports() const;
  void check_export(const std::string& name, const Export& file) const;

  World world_;
  std::vector<Row> rows_;
  std::map<std::string, std::size_t> by_central_id_;  ///< into rows_
  std::map<std::string, std::string> paths_;          ///< name -> state of the name
  std::map<std::string, int> jobs_;                   ///< job keys of the ledger
  std::map<std::int64_t, std::string> last_state_;    ///< of each version, by its events
  std::set<std::string> excused_;  ///< central's ids, job keys and objects that a lost ledger knew
  /// Delivered files at the time a ledger was lost: revision, and how often central had them.
  std::map<std::string, std::pair<int, std::int64_t>> delivered_;
  bool may_be_refused_ = false;  ///< an older ledger was put back, and no day has ended since
  std::int64_t last_seq_ = 0;
  Sha256Hex last_hash_;
};

}  // namespace waybill::sim
