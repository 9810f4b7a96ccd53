// Worker: takes what has arrived, verifies it, stages it and files it away.
//
// Place:    central/worker; `waybill-central work` above, the registry (central/pg) and the Storage
//           API (central/storage) below.
// Owner:    the process. Any number of workers on any number of hosts may run: PostgreSQL hands out
//           the steps (ingest.claim_next), one at a time per tenant, under a lease with a fence.
// Units:    *_ms are milliseconds, *_s seconds.
// Durable:  nothing is kept here. A worker that dies leaves an expired lease, no half-staged row.
// Errors:   failures of a step are recorded in the registry and logged; a database that cannot be
//           reached is waited for. What no waiting can help ends run_worker: WB-5006 for options,
//           or a database that refuses name, role or password, or is not ours; WB-4005 for a
//           storage key or bucket that is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "central/worker/alert_sender.h"
#include "core/termination.h"

namespace waybill {

struct WorkerOptions {
  std::string database_url{};  ///< logs in as a member of service_role
  std::string project_url{};   ///< https://..., where /storage/v1 is served
  std::string service_key{};   ///< the project's secret key
  std::string ca_file{};       ///< PEM bundle instead of the system's; "" = system's
  std::string name{};  ///< shown as holder of leases; "" = "worker-" and eight random digits
  int threads = 2;     ///< steps worked on side by side, 1..kWorkerThreadsMax
  std::int64_t poll_ms = 500;  ///< pause when nothing is due
  std::filesystem::path scratch_folder = std::filesystem::temp_directory_path();
  AlertOptions alerts{};
  std::int64_t lease_s = 60;  ///< how long a step of a dead worker stays with it; 1..3600
};

inline constexpr int kWorkerThreadsMax = 64;

/// Works until `stop` is requested, then ends within about a second: a step under way is dropped
/// undone and its lease given back. Returns 0. Ends the
/// stop source itself when it cannot work on.
int run_worker(const WorkerOptions& options, StopSource& stop);

}  // namespace waybill
