// UploadRunner: the port behind which uploads run beside the engine.
//
// Place:    agent/engine; ThreadedUploads for programs, a runner in the caller's thread in tests.
// Threads:  start() and take_finished() are called by the engine's thread alone. Results are
//           values; only the engine's thread touches the ledger.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/engine/send_file.h"

namespace waybill {

class UploadRunner {
 public:
  virtual ~UploadRunner() = default;
  /// How many more tasks may be started now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  virtual void start(SendTask task) = 0;
  /// The uploads that ended since the last call. Never waits.
  [[nodiscard]] virtual std::vector<SendResult> take_finished() = 0;
};

}  // namespace waybill
