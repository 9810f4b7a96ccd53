// UploadRunner: the port behind which uploads run beside the engine.
//
// Place:    agent/engine; ThreadedUploads for programs, a runner in the caller's thread in tests.
// Threads:  all of it is called by the engine's thread alone. Results are
//           values; only the engine's thread touches the ledger.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/engine/send_file.h"
#include "agent/ledger/job_file.h"

namespace waybill {

class UploadRunner {
 public:
  virtual ~UploadRunner() = default;
  /// How many more tasks may be started now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  virtual void start(SendTask task) = 0;
  /// The newest progress of each running upload that has made some since the last call. What was
  /// taken counts as stored when this is called again: until then an upload whose session is new
  /// sends no byte, so that after a kill the session is known.
  [[nodiscard]] virtual std::vector<UploadProgress> take_progress() = 0;
  /// The uploads that ended since the last call. Never waits. Take the progress first.
  [[nodiscard]] virtual std::vector<SendResult> take_finished() = 0;
};

}  // namespace waybill
