#include "agent/engine/rebuilder.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kLedgerPauseMs = 5'000;  // the disk is full, or another program holds it
constexpr const char* kReason = "the agent's ledger was rebuilt";

bool is(const Error& error, const ErrorCode& code) { return error.code().id == code.id; }

}  // namespace

Rebuilder::Rebuilder(Ports ports, Ledger& ledger, std::string project_url)
    : ports_(ports),
      ledger_(ledger),
      project_url_(std::move(project_url)),
      contact_(ports.clock, ledger, ports.chance) {
  if (!ledger_.identity()) ledger_.want_rebuild();
  if (!is_done()) {
    log_warning("WB-1106 ledger-rebuilding: asking central what it holds of this agency");
  }
}

StepReport Rebuilder::step() {
  if (is_done()) return {};
  if (!contact_.may_call()) {
    const std::int64_t wait = contact_.not_before_steady_ms() - ports_.clock.steady_ms();
    return {false, std::max<std::int64_t>(1, wait)};
  }
  try {
    if (has_all_pages_) {
      close_open_jobs();
      ledger_.finish_rebuild();
      log_info("the ledger holds what central knows; now the export folder is read");
    } else {
      adopt_page();
    }
    contact_.succeeded();
    return {true, 0};
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    if (is(error, error_code::kAgentUnknown) && !ledger_.identity()) {
      throw Error(error_code::kNotEnrolled, "rebuild ledger", "",
                  "central does not know this agent: it was never enrolled to the end");
    }
    if (is(error, error_code::kLedgerWriteFailed)) {
      log_error(error);
      return {false, kLedgerPauseMs};
    }
    contact_.failed(error);
    return {false, 1};
  }
}

void Rebuilder::adopt_page() {
  const wire::InventoryAnswer page =
      ports_.central.inventory(ledger_.meta_number(meta::kRebuildAfter));
  if (!page.agent && !ledger_.identity()) {
    throw Error(error_code::kAnswerNotUnderstood, "call", "ingest_inventory",
                "central does not say who this agent is");
  }
  ledger_.adopt(page, project_url_);
  has_all_pages_ = !page.more;
  log_info("central holds " + std::to_string(page.files.size()) + " files on this page" +
           (page.more ? "; more follow" : ""));
}

/// Files are adopted with the jobs they came in; some may be of an agent that was here before.
void Rebuilder::close_open_jobs() {
  for (const Job& job : ledger_.open_jobs()) {
    try {
      (void)ports_.central.close_job(job.job_key, kReason);
    } catch (const Error& error) {
      const bool is_anothers =
          is(error, error_code::kNotYours) || is(error, error_code::kJobNotFound);
      if (!is_anothers) throw;
    }
    ledger_.close_job(job.job_number, kReason);
  }
}

}  // namespace waybill
