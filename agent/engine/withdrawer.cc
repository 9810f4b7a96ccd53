#include "agent/engine/withdrawer.h"

#include <algorithm>
#include <array>

#include "agent/engine/backoff.h"
#include "agent/engine/central_moves.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kFilesPerCall = 200;

wire::WithdrawnFile withdrawal_of(const JobFile& file) {
  const bool is_removed = file.state == FileState::kVanished;
  return {file.job_file_id,
          is_removed ? wire::WithdrawReason::kRemoved : wire::WithdrawReason::kChanged};
}

bool is_unknown(const wire::FileAnswer& answer) {
  return answer.problem && answer.problem->code == error_code::kJobFileNotFound.id;
}

}  // namespace

bool Withdrawer::step() {
  const std::vector<JobFile> files = ledger_.files_to_withdraw(kFilesPerCall);
  if (files.empty()) return false;
  std::vector<wire::WithdrawnFile> request;
  request.reserve(files.size());
  for (const JobFile& file : files) request.push_back(withdrawal_of(file));
  const std::vector<wire::FileAnswer> answers = ports_.central.withdraw_files(request);
  for (const JobFile& file : files) {
    const auto answer = std::find_if(answers.begin(), answers.end(), [&](const auto& candidate) {
      return candidate.job_file_id == file.job_file_id;
    });
    take(file, answer == answers.end() ? nullptr : &*answer);
  }
  return true;
}

void Withdrawer::take(const JobFile& file, const wire::FileAnswer* answer) {
  const bool is_settled =
      answer != nullptr &&
      (is_withdrawn(ledger_, file, answer->state, answer->problem) || is_unknown(*answer));
  if (is_settled) {
    ledger_.note_withdrawn(file.file_number, Told::kInAnswer);
    log_info(file.relative_path + ": central does not wait for the old bytes any more");
    return;
  }
  std::optional<Move> move;
  if (answer != nullptr) move = follow_central(file, answer->state, answer->problem);
  if (!move) {
    ask_later(file, answer);
    return;
  }
  const std::array one = {*move};
  ledger_.move(one);
  log_move(file, *move);
}

/// Central says nothing of it, or what we do not understand: its operators see the file there.
void Withdrawer::ask_later(const JobFile& file, const wire::FileAnswer* answer) {
  const wire::FileProblem unclear{std::string(error_code::kAnswerNotUnderstood.id),
                                  "central did not say whether it waits for it",
                                  {}};
  const bool has_problem = answer != nullptr && answer->problem;
  ledger_.put_off(file.file_number,
                  ports_.clock.now_ms() + pause_ms(file.attempt_count + 1, 0, ports_.chance),
                  has_problem ? *answer->problem : unclear);
}

}  // namespace waybill
