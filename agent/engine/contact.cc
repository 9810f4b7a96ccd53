#include "agent/engine/contact.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "agent/engine/backoff.h"
#include "core/log.h"
#include "sync/central_error.h"

namespace waybill {

namespace {
constexpr std::int64_t kDecisionPauseMs = 60'000;
}

std::string problem_text(const Error& error) {
  std::string_view message = error.what();  // begins with the code, which is told beside it
  if (message.starts_with(error.code().id)) message.remove_prefix(error.code().id.size());
  message.remove_prefix(std::min(message.find_first_not_of(' '), message.size()));
  return nlohmann::json{{"code", error.code().id}, {"message", message}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Contact::Contact(const Clock& clock, Ledger& ledger, Chance& chance)
    : clock_(clock), ledger_(ledger), chance_(chance) {}

bool Contact::may_call() const { return clock_.steady_ms() >= not_before_steady_ms_; }

void Contact::succeeded() {
  if (failures_ > 0) {
    log_info("central answers again");
    ledger_.set_meta({{meta::kContactProblem, ""}});
  }
  failures_ = 0;
  not_before_steady_ms_ = 0;
}

void Contact::failed(const Error& error) {
  ++failures_;
  const auto* told = dynamic_cast<const CentralError*>(&error);
  const std::int64_t asked_ms = told == nullptr ? 0 : told->retry_after_ms();
  std::int64_t pause =
      error.is_transient() ? pause_ms(failures_, asked_ms, chance_) : kRetryPauseMaxMs;
  // A person at central decides about the ledger, and waits for the answer.
  if (error.code().id == error_code::kLedgerDiverged.id) pause = kDecisionPauseMs;
  not_before_steady_ms_ = clock_.steady_ms() + pause;
  log_error(error);
  ledger_.set_meta({{meta::kContactProblem, problem_text(error)}});
}

}  // namespace waybill
