// SimulatedUploader: the line to central's storage on a bad day.
//
// Place:    tests/sim; over the model's uploader. Also watches what is sent: bytes that storage has
//           already are not sent again without asking.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "tests/sim/faults.h"
#include "tests/support/central_model.h"

namespace waybill::sim {

class SimulatedUploader final : public Uploader {
 public:
  SimulatedUploader(CentralModel& central, Faults& faults)
      : central_(central), below_(central), faults_(faults) {
    central_.on_piece = [this](std::size_t sent_bytes) {
      faults_.reach("send");
      if (sent_bytes < drop_after_bytes_) return;
      throw Error(error_code::kUploadInterrupted, "send", "upload", "connection reset");
    };
  }

  UploadAnswer send(const UploadRequest& request, const ByteSource& source,
                    const SessionListener& on_session) override {
    faults_.reach("upload");
    if (central_.objects.contains(request.target.path.value)) {
      sent_again.push_back(request.target.path.value);
    }
    drop_after_bytes_ = std::numeric_limits<std::size_t>::max();
    if (!faults_.strikes(faults_.weather.uploads, "upload")) {
      return below_.send(request, source, on_session);
    }
    Random& random = faults_.random();
    switch (random.below(6)) {
      case 0:
        return {UploadOutcome::kInterrupted, problem("WB-1205", "connection refused")};
      case 1:
        return {UploadOutcome::kTargetExpired, problem("WB-1203", "the token has expired")};
      case 2:
        return {UploadOutcome::kInterrupted, problem("WB-1202", "storage answered 503"),
                random.between(1, 120) * 1'000};
      case 3:
        return {UploadOutcome::kDeclined, problem("WB-1204", "storage will not take it")};
      case 4:
        drop_after_bytes_ = static_cast<std::size_t>(random.below(request.size_bytes + 1));
        return below_.send(request, source, on_session);
      default:
        (void)below_.send(request, source, on_session);
        return {UploadOutcome::kInterrupted, problem("WB-1205", "the answer was lost")};
    }
  }

  void drop(const UploadRequest& request) override { below_.drop(request); }

  std::vector<std::string> sent_again;  ///< object paths that were there already

 private:
  static wire::FileProblem problem(const char* code, const char* message) {
    return {code, message, wire::Json::object()};
  }

  CentralModel& central_;
  ModelUploader below_;
  Faults& faults_;
  std::size_t drop_after_bytes_ = std::numeric_limits<std::size_t>::max();
};

}  // namespace waybill::sim
