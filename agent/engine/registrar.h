// Registrar: puts ready files into deliveries, registers them with central, closes deliveries.
//
// Place:    agent/engine; CentralApi above, ledger below.
// Rule:     the job key is made and stored before it is first sent and used on every retry, so a
//           lost answer leads to the same job and the same files.
#pragma once

#include <functional>
#include <optional>

#include "agent/engine/chance.h"
#include "agent/engine/targets.h"
#include "agent/ledger/ledger.h"
#include "core/error.h"
#include "sync/central_api.h"

namespace waybill {

class Registrar {
 public:
  struct Ports {
    const Clock& clock;
    CentralApi& central;
    Chance& chance;
  };

  Registrar(Ports ports, Ledger& ledger, Targets& targets, std::string tenant_slug);

  /// Registers one batch; true when there was one. Throws what CentralApi throws, unless it is
  /// about the files sent.
  bool register_ready();

  /// Closes the deliveries that have nothing left to send and have rested for `idle_ms`.
  /// Which of them may be closed, and why, says `reason_to_close`.
  void close_idle_jobs(
      std::int64_t idle_ms,
      const std::function<std::optional<std::string>(const Job&)>& reason_to_close);

 private:
  [[nodiscard]] std::vector<JobFile> next_batch();
  [[nodiscard]] wire::OpenJobRequest request_for(const Job& job, const std::vector<JobFile>& batch);
  [[nodiscard]] Job job_for(const std::vector<JobFile>& batch);
  bool handle_refusal(const Error& error, const Job& job, const std::vector<JobFile>& batch);
  void record_answer(const std::vector<JobFile>& batch, const wire::OpenJobAnswer& answer);
  [[nodiscard]] std::optional<Move> move_for(const JobFile& file, const wire::OpenedFile& opened);

  Ports ports_;
  Ledger& ledger_;
  Targets& targets_;
  std::string tenant_slug_;
  std::size_t one_by_one_ = 0;  ///< so many files go alone, to find the one central objects to
};

}  // namespace waybill
