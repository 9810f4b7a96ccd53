// Sender: keeps the uploads busy, records how they ended, and asks central what arrived.
//
// Place:    agent/engine; UploadRunner and CentralApi above, ledger below.
// Rule:     "uploading" is in the ledger before the first byte goes. Whatever ends without a clear
//           answer is asked about before anything is sent again.
// Tries:    a file that got farther is tried again at once, another after a growing pause, and no
//           more after so many tries without a byte farther, until people ask for it (WB-1208).
//           While storage takes nothing of anybody, nothing is given up for a broken line.
#pragma once

#include "agent/engine/chance.h"
#include "agent/engine/targets.h"
#include "agent/engine/upload_runner.h"
#include "agent/ledger/ledger.h"
#include "agent/watch/scanner.h"
#include "sync/central_api.h"

namespace waybill {

class Sender {
 public:
  struct Ports {
    const Clock& clock;
    CentralApi& central;
    UploadRunner& uploads;
    Chance& chance;
    Scanner& scanner;  ///< knows whether the folder is there
  };

  /// `give_up_after`: tries of one file.
  Sender(Ports ports, Ledger& ledger, Targets& targets, std::int64_t give_up_after);

  /// Records how far uploads are, and those that ended; true when there were any. Needs no central.
  bool take_results();
  /// Did a file turn out changed since the last call? Then a scan is worth while.
  [[nodiscard]] bool take_change_seen();

  /// Fetches missing targets and starts as many uploads as there is room for.
  bool start_uploads();
  /// Asks central about uploads that ended; several together, unless nothing else is under way.
  bool confirm();

 private:
  [[nodiscard]] Move move_for(const JobFile& file, const SendResult& result);
  /// Where a file goes back to the queue: when it is due again, and whether it is at all.
  void put_back(const JobFile& file, std::int64_t asked_ms, Move& move) const;
  [[nodiscard]] bool is_given_up(const JobFile& file, const Move& move) const;
  [[nodiscard]] std::int64_t chunk_bytes();
  void renew_targets(const std::vector<JobFile>& files);
  void apply(const std::vector<JobFile>& files, const std::vector<Move>& moves);
  void put_off_unknown(const JobFile& file, const wire::FileAnswer& answer);

  Ports ports_;
  Ledger& ledger_;
  Targets& targets_;
  std::int64_t give_up_after_;
  std::optional<std::int64_t> accepted_steady_ms_;  ///< when storage last took a file
  std::size_t under_way_ = 0;                       ///< started and not yet taken back
  std::vector<UploadProgress> progress_;            ///< taken, and not yet in the ledger
  std::vector<SendResult> finished_;                ///< the same
  std::int64_t last_confirm_steady_ms_ = 0;
  bool change_seen_ = false;
};

}  // namespace waybill
