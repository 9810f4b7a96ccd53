#include "central/worker/steps.h"

#include <fmt/format.h>

#include <string>

#include "central/worker/split_step.h"
#include "central/worker/stage_step.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

/// How often a vanished object is looked for again before the agent is asked to send it again.
constexpr std::int64_t kObjectMissingAttemptsMax = 3;

void verify(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  const std::int64_t started_ms = SystemClock().steady_ms();
  Measured measured;
  try {
    measured = read_object(tools, claim, hold, nullptr);
  } catch (const Error& error) {
    const bool is_gone = &error.code() == &error_code::kObjectMissing;
    if (!is_gone || claim.attempt < kObjectMissingAttemptsMax) throw;
    measured = {sha256_hex(""), 0};  // what is stored is nothing: let the agent send it again
  }
  const std::string state =
      tools.registry.finish_verify(claim, measured.sha256, measured.size_bytes);
  if (state == "verified") {
    log_info(fmt::format("verified {} {}: {} bytes, SHA-256 as promised ({})", claim.tenant,
                         claim.relative_path, measured.size_bytes, seconds_since(started_ms)));
  } else {
    const std::string what = measured.size_bytes == claim.size_bytes
                                 ? "the stored bytes have another SHA-256 than promised"
                                 : fmt::format("{} bytes are stored, {} were promised",
                                               measured.size_bytes, claim.size_bytes);
    log_warning(fmt::format("not verified {} {}: {}; the file is now {}", claim.tenant,
                            claim.relative_path, what, state));
  }
}

void move_object(const StepTools& tools, const Claim& claim) {
  // A file that was staged before and taken back lies where it is to go.
  if (claim.object_path != claim.target_path) {
    tools.storage.move(claim.bucket, claim.object_path, claim.target_path);
  }
  const std::string state = tools.registry.finish_move(claim);
  log_info(fmt::format("{} {} {}", state, claim.tenant, claim.relative_path));
}

}  // namespace

void run_step(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  switch (claim.step) {
    case Step::kVerify:
      return verify(tools, claim, hold);
    case Step::kSplit:
      return split_file(tools, claim, hold);
    case Step::kStage:
      return stage_file(tools, claim, hold);
    case Step::kRename:
    case Step::kArchive:
      return move_object(tools, claim);
  }
}

}  // namespace waybill
