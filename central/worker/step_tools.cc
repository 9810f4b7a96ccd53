#include "central/worker/step_tools.h"

#include <fmt/format.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

/// How often other bytes than the verified ones must come before the file is refused: the line may
/// have altered them, or something on the way may have answered in Storage's place.
constexpr std::int64_t kAlteredReadsMax = 3;

}  // namespace

void check_may_go_on(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  if (hold.lost()) {
    throw Error(error_code::kLeaseLost, to_string(claim.step), claim.relative_path,
                "the lease ran out in mid-step");
  }
  if (tools.stop.load(std::memory_order_relaxed)) {
    throw Error(error_code::kStorageUnavailable, to_string(claim.step), claim.relative_path,
                "stopped on request");
  }
}

Measured read_object(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold,
                     const std::function<void(std::string_view)>& taker) {
  Sha256 hash;
  Measured measured;
  tools.storage.read(claim.bucket, claim.object_path, [&](std::string_view bytes) {
    check_may_go_on(tools, claim, hold);
    hash.update(bytes);
    measured.size_bytes += static_cast<std::int64_t>(bytes.size());
    if (taker) taker(bytes);
  });
  measured.sha256 = hash.finish();
  return measured;
}

void refuse_altered(const StepTools& tools, const Claim& claim) {
  if (claim.attempt < kAlteredReadsMax) {
    throw Error(error_code::kStorageUnavailable, "read object", claim.object_path,
                "other bytes came than those that had been verified");
  }
  const nlohmann::json error = {
      {"code", error_code::kContentMismatch.id},
      {"message", "the stored bytes changed after they had been verified"}};
  tools.registry.refuse_file(claim, error, nullptr, nullptr);
  log_refusal(claim, error);
}

void log_refusal(const Claim& claim, const nlohmann::json& error) {
  std::string place;
  if (const std::int64_t row = error.value("row", std::int64_t{0}); row > 0) {
    place = fmt::format(", row {}", row);
  }
  if (const std::string column = error.value("column", ""); !column.empty()) {
    place += fmt::format(", column {}", column);
  }
  log_warning(fmt::format("refused {} {}: {} {}{}", claim.tenant, claim.relative_path,
                          error.value("code", ""), error.value("message", ""), place));
}

std::string seconds_since(std::int64_t started_ms) {
  const double seconds = static_cast<double>(SystemClock().steady_ms() - started_ms) / 1000;
  return fmt::format("{:.2f} s", seconds);
}

}  // namespace waybill
