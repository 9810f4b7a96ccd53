#include "central/worker/stage_step.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "central/channels/channel.h"
#include "central/worker/history_checks.h"
#include "central/worker/rejected_rows.h"
#include "central/worker/staging_writer.h"
#include "core/clock.h"
#include "core/count_of.h"
#include "core/error.h"
#include "core/log.h"
#include "core/read/finding_list.h"

namespace waybill {

namespace {

/// Rows between two looks at lease and stop, where no bytes arrive meanwhile.
constexpr std::int64_t kRowsBetweenLooks = 1024;

/// Rows of the file that is being staged, and what was found wrong with them.
class Staging {
 public:
  Staging(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold)
      : tools_(tools),
        claim_(claim),
        hold_(hold),
        spec_(parse_file_spec(claim.spec)),
        writer_(tools.database, claim),
        channel_(open_channel(
            spec_, [this](const StagingRow& row) { take(row); }, claim.first_source_row,
            {.scratch_folder = tools.scratch_folder, .file_bytes = claim.size_bytes})),
        rejected_(spec_.send_quarantined_rows),
        history_(spec_.on_finding) {
    channel_->set_quarantine([this](const QuarantinedRow& row) { rejected_.take(row); });
  }

  void feed(std::string_view bytes) { channel_->feed(bytes); }

  /// The rest of the rows; for what is read from a scratch file, all of them. Then what the history
  /// says of them, unless the file is refused already.
  void finish() {
    channel_->finish();
    const ReadSummary read = channel_->summary();
    check_reading_is_explained(read, claim_.relative_path);
    if (read.refusal) return;
    count_ = finish_writing(read);
    check_may_go_on(tools_, claim_, hold_);
    check_history(tools_.registry, claim_, spec_, read, history_);
  }

  /// What the partner has to hear of first, or null when the file is good.
  [[nodiscard]] nlohmann::json refusal() const {
    nlohmann::json error;
    const ReadSummary summary = whole_summary();
    if (summary.refusal) {
      error = to_json(*summary.refusal);
      error["count"] = summary.findings_count;
    }
    return error;
  }

  [[nodiscard]] nlohmann::json report() const {
    std::vector<Finding> findings = channel_->findings();
    findings.insert(findings.end(), history_.kept().begin(), history_.kept().end());
    nlohmann::json report = validation_report(spec_, findings, whole_summary());
    if (claim_.skip_known_rows) report["rows_skipped"] = count_.skipped;
    return report;
  }

  /// The rows that were set aside; null when there are none.
  [[nodiscard]] nlohmann::json rejected() const { return rejected_.to_json(); }
  [[nodiscard]] const StagedCount& count() const { return count_; }

 private:
  [[nodiscard]] ReadSummary whole_summary() const {
    ReadSummary summary = channel_->summary();
    history_.append_to(summary);
    return summary;
  }

  /// Ends the COPY; throws WB-5003 unless the server took every row that was read.
  [[nodiscard]] StagedCount finish_writing(const ReadSummary& summary) {
    const StagedCount count = writer_.finish();
    const std::int64_t read = summary.rows - summary.rows_quarantined;
    if (count.rows + count.skipped != read) {
      throw Error(error_code::kStagingCountMismatch, "stage", claim_.relative_path,
                  fmt::format("{} rows were read, {} arrived", read, count.rows + count.skipped));
    }
    return count;
  }

  void take(const StagingRow& row) {
    if (++rows_taken_ % kRowsBetweenLooks == 0) check_may_go_on(tools_, claim_, hold_);
    writer_.write(row);
  }

  const StepTools& tools_;
  const Claim& claim_;
  const LeaseKeeper::Hold& hold_;
  const FileSpec spec_;
  StagingWriter writer_;
  std::int64_t rows_taken_ = 0;
  std::unique_ptr<Channel> channel_;
  RejectedRows rejected_;
  StagedCount count_;
  FindingList history_;
};

void log_staged(const Claim& claim, const StagedCount& count, std::int64_t started_ms) {
  std::string what = count_of(count.rows, "row");
  if (claim.skip_known_rows) what += fmt::format(", {} known already", count.skipped);
  log_info(fmt::format("staged {} {}: {} into {} ({})", claim.tenant, claim.relative_path, what,
                       claim.entity, seconds_since(started_ms)));
}

}  // namespace

void check_reading_is_explained(const ReadSummary& read, std::string_view file) {
  if (read.complete || read.refusal) return;
  throw Error(error_code::kInternal, "stage", file,
              "the reading ended early, and no finding says why");
}

void stage_file(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  const std::int64_t started_ms = SystemClock().steady_ms();
  pg::Transaction transaction(tools.database);
  nlohmann::json refusal;
  nlohmann::json report;
  nlohmann::json rejected;
  {
    Staging staging(tools, claim, hold);
    const Measured measured =
        read_object(tools, claim, hold, [&](std::string_view bytes) { staging.feed(bytes); });
    if (measured.sha256 == claim.content_sha256) {
      staging.finish();
      refusal = staging.refusal();
      report = staging.report();
      rejected = staging.rejected();
      if (refusal.is_null()) {
        tools.registry.finish_stage(claim, staging.count().rows, measured.sha256, report, rejected);
        transaction.commit();
        return log_staged(claim, staging.count(), started_ms);
      }
    }
  }
  transaction.rollback();
  if (report.is_null()) return refuse_altered(tools, claim);
  tools.registry.refuse_file(claim, refusal, report, rejected);
  log_refusal(claim, refusal);
}

}  // namespace waybill
