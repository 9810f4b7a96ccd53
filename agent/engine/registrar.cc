#include "agent/engine/registrar.h"

#include <algorithm>

#include "agent/engine/central_moves.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kBatchMax = 200;
static_assert(kBatchMax <= wire::kOpenFilesMax);

/// Preflight notices in one call; a call is made smaller rather than longer.
constexpr std::size_t kNoticeBytesMax = std::size_t{1} << 20;

/// Refusals that are about what was sent, not about who sent it.
bool is_about_the_files(const ErrorCode& code) {
  return code.id == error_code::kRequestMalformed.id || code.id == error_code::kNotYours.id ||
         code.id == error_code::kFileTagUnknown.id || code.id == error_code::kFileTooLarge.id;
}

wire::OfferedFile offer(const JobFile& file) {
  return {.relative_path = file.relative_path,
          .file_tag = file.file_tag,
          .content_sha256 = file.content_sha256,
          .size_bytes = file.size_bytes,
          .modified_at_ms = file.mtime_ns / 1'000'000,
          .original_sha256 = file.part_count > 1 ? file.original_sha256 : "",
          .part_number = file.part.number,
          .part_count = file.part_count,
          .first_source_row = file.part.first_source_row,
          .chunk_number = file.chunk_number,
          .chunk_count = file.chunk_count};
}

}  // namespace

Registrar::Registrar(Ports ports, Ledger& ledger, Targets& targets, std::string tenant_slug)
    : ports_(ports), ledger_(ledger), targets_(targets), tenant_slug_(std::move(tenant_slug)) {}

bool Registrar::register_ready() {
  const std::vector<JobFile> batch = next_batch();
  if (batch.empty()) return false;
  one_by_one_ -= std::min(one_by_one_, batch.size());
  const Job job = job_for(batch);
  try {
    const wire::OpenJobAnswer answer = ports_.central.open_job(request_for(job, batch));
    if (job.central_job_id.empty()) ledger_.job_opened(job.job_number, answer.job_id);
    record_answer(batch, answer);
  } catch (const Error& error) {
    if (!handle_refusal(error, job, batch)) throw;
  }
  return true;
}

wire::OpenJobRequest Registrar::request_for(const Job& job, const std::vector<JobFile>& batch) {
  wire::OpenJobRequest out;
  out.job_key = job.job_key;
  out.delivery_date = job.delivery_date;
  out.delivery_name = job.delivery_name;
  if (job.backfill_number != 0) {
    const Backfill backfill = ledger_.backfill(job.backfill_number).value_or(Backfill{});
    out.kind =
        backfill.is_ahead ? wire::DeliveryKind::kHistoryAhead : wire::DeliveryKind::kHistoryBehind;
    out.allow_older = backfill.allow_older;
  }
  for (const JobFile& file : batch) {
    out.files.push_back(offer(file));
    const std::optional<PreflightRecord> preflight = ledger_.preflight(file.file_number);
    if (preflight) out.files.back().preflight = wire::Json::parse(preflight->report);
  }
  return out;
}

std::vector<JobFile> Registrar::next_batch() {
  std::vector<JobFile> files = ledger_.files_to_register(one_by_one_ > 0 ? 1 : kBatchMax);
  if (files.empty()) return files;
  const JobFile first = files.front();  // one call, one job
  std::erase_if(files, [&](const JobFile& file) {
    return file.job_number != first.job_number || file.delivery_date != first.delivery_date ||
           file.delivery_name != first.delivery_name ||
           file.backfill_number != first.backfill_number;
  });
  std::size_t notice_bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::optional<PreflightRecord> preflight = ledger_.preflight(files[i].file_number);
    if (preflight) notice_bytes += preflight->report.size();
    if (i > 0 && notice_bytes > kNoticeBytesMax) files.resize(i);
  }
  return files;
}

Job Registrar::job_for(const std::vector<JobFile>& batch) {
  if (batch.front().job_number != 0) {
    const std::optional<Job> job = ledger_.find_job(batch.front().job_number);
    if (job && job->is_open) return *job;
    if (job) ledger_.job_found_closed(job->job_number);
  }
  const JobFile& file = batch.front();
  std::optional<Job> job =
      ledger_.open_job(file.delivery_date, file.delivery_name, file.backfill_number);
  if (!job) {
    const JobKey key(tenant_slug_ + "-" + file.delivery_date + "-" + ports_.chance.uuid());
    job = ledger_.make_job(key, file.delivery_date, file.delivery_name, file.backfill_number);
    log_info(file.delivery_name + " delivery of " + file.delivery_date + " begins, job key " +
             key.value);
  }
  ledger_.assign_job(job->job_number, batch);
  return *job;
}

bool Registrar::handle_refusal(const Error& error, const Job& job,
                               const std::vector<JobFile>& batch) {
  if (error.code().id == error_code::kJobClosed.id) {
    log_info("central has closed job " + job.job_key.value + "; its files get another one");
    ledger_.job_found_closed(job.job_number);
    return true;
  }
  if (!is_about_the_files(error.code())) return false;
  if (batch.size() > 1) {
    one_by_one_ = batch.size();
    return true;
  }
  log_error(error);
  ledger_.put_off(batch.front().file_number, ports_.clock.now_ms() + kRetryPauseMaxMs,
                  {std::string(error.code().id), error.cause(), wire::Json::object()});
  return true;
}

std::optional<Move> Registrar::move_for(const JobFile& file, const wire::OpenedFile& opened) {
  const std::optional<JobFile> holder = ledger_.find(opened.job_file_id);
  if (holder && holder->file_number != file.file_number && opened.state == "refused") {
    Move move{.file = file.file_number, .from = file.state, .event = FileEvent::kRefused};
    move.problem = opened.error;  // the same entry as before, and it stays refused
    return move;
  }
  if (holder && holder->file_number != file.file_number) {
    // The same bytes under the same name in the same delivery: central has one entry for both.
    Move move{.file = file.file_number, .from = file.state, .event = FileEvent::kFoundDuplicate};
    move.duplicate_of = {{"job_file_id", opened.job_file_id.value},
                         {"job_key", holder->job_key.value},
                         {"relative_path", holder->relative_path},
                         {"state", opened.state}};
    return move;
  }
  std::optional<Move> move;
  if (opened.state == kAwaitingUpload) {
    move = Move{.file = file.file_number, .from = file.state, .event = FileEvent::kRegistered};
    move->next_attempt_at_ms = 0;
  } else {
    move = follow_central(file, opened.state, opened.error);
  }
  if (!move) return std::nullopt;
  move->job_file_id = opened.job_file_id;
  if (!opened.duplicate_of.empty()) move->duplicate_of = opened.duplicate_of;
  return move;
}

void Registrar::record_answer(const std::vector<JobFile>& batch,
                              const wire::OpenJobAnswer& answer) {
  std::vector<Move> moves;
  std::vector<const JobFile*> moved;
  for (const wire::OpenedFile& opened : answer.files) {
    const JobFile& file = batch[opened.index];
    std::optional<Move> move = move_for(file, opened);
    if (!move) {
      throw Error(error_code::kAnswerNotUnderstood, "register", file.relative_path,
                  "central answers with state \"" + opened.state + "\", which we do not know");
    }
    if (opened.upload && move->event == FileEvent::kRegistered) {
      targets_.put(file.file_number, *opened.upload);
    }
    moves.push_back(std::move(*move));
    moved.push_back(&file);
  }
  ledger_.move(moves);
  for (std::size_t i = 0; i < moves.size(); ++i) log_move(*moved[i], moves[i]);
}

void Registrar::close_idle_jobs(
    std::int64_t idle_ms,
    const std::function<std::optional<std::string>(const Job&)>& reason_to_close) {
  for (const Job& job : ledger_.jobs_to_close(idle_ms)) {
    const std::optional<std::string> reason = reason_to_close(job);
    if (!reason) continue;
    try {
      (void)ports_.central.close_job(job.job_key, *reason);
    } catch (const Error& error) {
      if (error.code().id != error_code::kJobNotFound.id) throw;
      // Without central's id the job may never have come there, or only its answer was lost.
      if (!job.central_job_id.empty()) log_error(error);
    }
    ledger_.close_job(job.job_number, *reason);
    log_info("delivery of " + job.delivery_date + " is closed (" + *reason + "), job key " +
             job.job_key.value);
  }
}

}  // namespace waybill
