// CentralApi: the port through which the agent speaks with the central registry.
//
// Place:    sync; HttpCentralApi for programs, a model of central in tests.
// Owner:    the engine's thread. Every call is idempotent: after a lost answer, call again.
// Errors:   WB-12xx when there is no usable answer (transient; nothing may be assumed), the code
//           central gave when it refused. A refused *file* is a value in the answer.
#pragma once

#include <vector>

#include "core/wire.h"

namespace waybill {

class CentralApi {
 public:
  virtual ~CentralApi() = default;

  virtual wire::EnrollAnswer enroll(const wire::EnrollRequest& request) = 0;
  /// At most wire::kOpenFilesMax files. WB-2103 when the job is closed.
  virtual wire::OpenJobAnswer open_job(const wire::OpenJobRequest& request) = 0;
  virtual std::vector<wire::FileAnswer> renew_uploads(const std::vector<JobFileId>& files) = 0;
  virtual std::vector<wire::FileAnswer> confirm_uploads(
      const std::vector<wire::ConfirmedFile>& files) = 0;
  /// These bytes will not come: the file was changed or removed before they were sent. With a part
  /// its whole file is withdrawn. What has arrived already is answered as it stands.
  virtual std::vector<wire::FileAnswer> withdraw_files(
      const std::vector<wire::WithdrawnFile>& files) = 0;
  virtual wire::CloseJobAnswer close_job(const JobKey& job_key, const std::string& reason) = 0;
  virtual wire::SyncAnswer sync(const wire::SyncRequest& request) = 0;
  /// What central holds of this agent, registered after `after`; 0 begins.
  virtual wire::InventoryAnswer inventory(std::int64_t after) = 0;
};

}  // namespace waybill
