#include "central/worker/split_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/clock.h"
#include "core/count_of.h"
#include "core/error.h"
#include "core/file_spec.h"
#include "core/log.h"
#include "core/split/part_planner.h"

namespace waybill {

namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{8} * 1024 * 1024;

/// The bytes of one part, read from the whole object in blocks.
class PartSource {
 public:
  PartSource(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold,
             const FilePart& part)
      : tools_(tools), claim_(claim), hold_(hold), part_(part) {}

  std::size_t read(char* into, std::size_t capacity) {
    if (taken_ == block_.size()) load_block();
    const std::size_t count = std::min(capacity, block_.size() - taken_);
    block_.copy(into, count, taken_);
    taken_ += count;
    hash_.update({into, count});
    return count;
  }

  /// Of what has been read; a part that was read to its end must have its planned hash.
  [[nodiscard]] Sha256Hex sha256() { return hash_.finish(); }

 private:
  void load_block() {
    check_may_go_on(tools_, claim_, hold_);
    block_.clear();
    taken_ = 0;
    if (!head_is_read_) {
      head_is_read_ = true;
      next_byte_ = part_.begin_byte;
      append(0, part_.head_bytes);
      if (!block_.empty()) return;
    }
    const std::int64_t end = std::min(part_.end_byte, next_byte_ + kBlockBytes);
    append(next_byte_, end);
    next_byte_ = end;
  }

  void append(std::int64_t begin, std::int64_t end) {
    tools_.range_storage.read_range(claim_.bucket, claim_.object_path, begin, end,
                                    [this](std::string_view bytes) { block_.append(bytes); });
  }

  const StepTools& tools_;
  const Claim& claim_;
  const LeaseKeeper::Hold& hold_;
  const FilePart& part_;
  bool head_is_read_ = false;
  std::int64_t next_byte_ = 0;
  std::string block_;
  std::size_t taken_ = 0;
  Sha256 hash_;
};

PartPlan plan_parts(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  PartPlanner planner(parse_file_spec(claim.spec));
  read_object(tools, claim, hold, [&planner](std::string_view bytes) { planner.feed(bytes); });
  return planner.finish();
}

void upload_part(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold,
                 const FilePart& part) {
  const std::string path = tools.registry.part_path(claim, part.number);
  PartSource source(tools, claim, hold, part);
  tools.storage.upload(
      claim.bucket, path, part.size_bytes(),
      [&source](char* into, std::size_t capacity) { return source.read(into, capacity); });
  if (source.sha256() != part.content_sha256) {
    throw Error(error_code::kContentMismatch, "split", claim.relative_path,
                "the stored bytes changed while they were cut");
  }
}

nlohmann::json told(const PartPlan& plan) {
  nlohmann::json parts = nlohmann::json::array();
  for (const FilePart& part : plan.parts) {
    parts.push_back({{"part_number", part.number},
                     {"size_bytes", part.size_bytes()},
                     {"content_sha256", part.content_sha256},
                     {"first_source_row", part.first_source_row}});
  }
  return parts;
}

}  // namespace

void split_file(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  const std::int64_t started_ms = SystemClock().steady_ms();
  const PartPlan plan = plan_parts(tools, claim, hold);
  if (plan.original_sha256 != claim.content_sha256) return refuse_altered(tools, claim);
  if (plan.is_cut()) {
    for (const FilePart& part : plan.parts) upload_part(tools, claim, hold, part);
  }
  const std::string state = tools.registry.finish_split(claim, told(plan));
  log_info(fmt::format("split {} {}: {}, the file is now {} ({})", claim.tenant,
                       claim.relative_path,
                       plan.is_cut() ? count_of(std::ssize(plan.parts), "part") : "fits as it is",
                       state, seconds_since(started_ms)));
}

}  // namespace waybill
