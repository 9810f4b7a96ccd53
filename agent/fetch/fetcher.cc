#include "agent/fetch/fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/engine/backoff.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kPagePollMs = 20;
constexpr std::size_t kPageBytesMax = std::size_t{64} << 20;

/// The file's name with the run's start, in UTC, in place of %Y %m %d %H %M %S.
std::string file_name_of(const std::string& pattern, std::int64_t started_at_ms) {
  const std::string moment = format_utc(started_at_ms);  // 2026-11-20T23:59:59.123Z
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'Y':
        out += moment.substr(0, 4);
        break;
      case 'm':
        out += moment.substr(5, 2);
        break;
      case 'd':
        out += moment.substr(8, 2);
        break;
      case 'H':
        out += moment.substr(11, 2);
        break;
      case 'M':
        out += moment.substr(14, 2);
        break;
      case 'S':
        out += moment.substr(17, 2);
        break;
      default:
        out += pattern[i];
    }
  }
  return out;
}

bool belongs_to(const SpecBook& specs, const std::string& name, const FileTag& tag) {
  const auto match = specs.match(name);
  const auto* found = std::get_if<SpecMatch>(&match);
  return found != nullptr && found->spec->file_tag == tag;
}

Error invalid(const FetchConfig& fetch, const std::string& cause) {
  return {error_code::kFetchAnswerInvalid, "read answers of", fetch.name, cause};
}

/// Does the page end the run? Throws WB-1403 when its cursor cannot be right.
bool is_last(const FetchConfig& fetch, const FetchRecord& record, const PageLines& page) {
  if (!fetch.shape.next) return true;
  if (fetch.is_incremental) {
    if (!page.next) throw invalid(fetch, "an answer has no cursor to go on from later");
    if (page.row_count == 0) return true;
  } else if (!page.next) {
    return true;
  }
  if (*page.next == record.run_cursor) throw invalid(fetch, "an answer repeats its cursor");
  if (record.page_count + 1 < fetch.page_limit) return false;
  if (fetch.is_incremental) return true;  // the rest comes with the next run
  throw invalid(fetch, fmt::format("it has more than {} pages", fetch.page_limit));
}

}  // namespace

Fetcher::Fetcher(Ports ports, Ledger& ledger, Folders folders, std::vector<FetchConfig> fetches)
    : ports_(ports), ledger_(ledger), folders_(std::move(folders)), fetches_(std::move(fetches)) {}

bool Fetcher::step(const SpecBook& specs) {
  bool worked = false;
  for (const PageResult& result : ports_.pages.take_finished()) {
    asked_.erase(result.fetch_name);
    for (const FetchConfig& fetch : fetches_) {
      if (fetch.name == result.fetch_name) take(fetch, result);
    }
    worked = true;
  }
  for (const FetchConfig& fetch : fetches_) worked |= advance(fetch, specs);
  return worked;
}

bool Fetcher::advance(const FetchConfig& fetch, const SpecBook& specs) {
  if (asked_.contains(fetch.name)) return false;
  FetchRecord record = ledger_.fetch(fetch.name);
  // Farther away than any pause of ours: the wall clock was stepped back.
  const std::int64_t now = ports_.clock.now_ms();
  const std::int64_t pause_max = std::max(kRetryPauseMaxMs, fetch.every_minutes * kMinuteMs);
  if (record.next_try_at_ms > now && record.next_try_at_ms <= now + pause_max) return false;
  try {
    if (record.state == FetchState::kIdle && !begin_run(fetch, record, specs)) return true;
    if (record.state == FetchState::kPlacing) {
      place(fetch, record);
    } else {
      ask_for_page(fetch, record);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    take_failure(fetch, record, error, 0);
  }
  return true;
}

/// False when the fetch cannot run as it is configured.
bool Fetcher::begin_run(const FetchConfig& fetch, FetchRecord& record, const SpecBook& specs) {
  const std::int64_t now = ports_.clock.now_ms();
  record.started_at_ms = now;
  record.file_name = file_name_of(fetch.file_name, now);
  if (!belongs_to(specs, record.file_name, fetch.file_tag)) {
    take_failure(fetch, record,
                 Error(error_code::kFileUnknown, "fetch", fetch.name,
                       "no file spec takes its file names for file tag " + fetch.file_tag.value),
                 0);
    return false;
  }
  if (ports_.files.stat(folders_.export_folder / record.file_name)) {
    // Only after a wall clock was stepped back: never write over what may not have been sent.
    record.next_try_at_ms = now + kMinuteMs;
    ledger_.put_fetch(record, "");
    return false;
  }
  if (!fetch.is_incremental) record.cursor.clear();
  record.run_cursor = record.cursor;
  record.page_count = 0;
  record.row_count = 0;
  record.state = FetchState::kFetching;
  record.next_try_at_ms = now;
  ledger_.put_fetch(record, "fetch_begun");
  return true;
}

void Fetcher::ask_for_page(const FetchConfig& fetch, const FetchRecord& record) {
  asked_.insert(fetch.name);
  ports_.pages.start({.fetch_name = fetch.name,
                      .url = fetch.url,
                      .cursor_parameter = fetch.cursor_parameter,
                      .cursor = record.run_cursor,
                      .headers_file = fetch.headers_file,
                      .shape = fetch.shape});
}

void Fetcher::take(const FetchConfig& fetch, const PageResult& result) {
  FetchRecord record = ledger_.fetch(fetch.name);
  if (record.state != FetchState::kFetching) return;
  try {
    if (result.error) {
      take_failure(fetch, record, *result.error, result.retry_after_ms);
    } else {
      take_page(fetch, record, result.page);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    take_failure(fetch, record, error, 0);
  }
}

void Fetcher::take_page(const FetchConfig& fetch, FetchRecord& record, const PageLines& page) {
  const bool ends = is_last(fetch, record, page);
  write_whole_file(ports_.files, page_path(fetch.name, record.page_count + 1), page.lines,
                   FileMode::kPrivate);
  ++record.page_count;
  record.row_count += page.row_count;
  if (page.next) record.run_cursor = *page.next;
  if (ends) record.state = FetchState::kPlacing;
  record.failures = 0;
  record.problem.reset();
  record.next_try_at_ms = ports_.clock.now_ms();
  ledger_.put_fetch(record, "");
}

void Fetcher::take_failure(const FetchConfig& fetch, FetchRecord& record, const Error& error,
                           std::int64_t asked_ms) {
  const std::int64_t now = ports_.clock.now_ms();
  ++record.failures;
  record.problem = wire::FileProblem{std::string(error.code().id), error.what()};
  record.next_try_at_ms = error.is_transient()
                              ? now + pause_ms(record.failures, asked_ms, ports_.chance)
                              : now + fetch.every_minutes * kMinuteMs;
  if (error.code().id == error_code::kFetchAnswerInvalid.id) {
    drop_pages(record);
    record.state = FetchState::kIdle;
  }
  log_error(error);
  ledger_.put_fetch(record, "fetch_failed");
}

void Fetcher::place(const FetchConfig& fetch, FetchRecord& record) {
  if (record.row_count > 0) write_file(record);
  record.state = FetchState::kIdle;
  record.cursor = fetch.is_incremental ? record.run_cursor : "";
  const std::int64_t now = ports_.clock.now_ms();
  record.last_good_at_ms = now;
  record.last_row_count = record.row_count;
  record.failures = 0;
  record.problem.reset();
  // The next time of the schedule that is still to come; a run that took long skips some.
  const std::int64_t every_ms = fetch.every_minutes * kMinuteMs;
  const std::int64_t past = std::max<std::int64_t>(0, now - record.started_at_ms) / every_ms;
  record.next_try_at_ms = record.started_at_ms + (past + 1) * every_ms;
  ledger_.put_fetch(record, "fetched");
  drop_pages(record);
  log_info(fmt::format("fetch {}: {} rows{}", fetch.name, record.row_count,
                       record.row_count > 0 ? " in " + record.file_name : ""));
}

void Fetcher::write_file(const FetchRecord& record) {
  const auto folder = ports_.files.stat(folders_.export_folder);
  if (!folder || folder->type != FileType::kFolder) {
    throw Error(error_code::kFolderMissing, "write fetched file to",
                folders_.export_folder.string(), "it is not there");
  }
  const std::filesystem::path path = folders_.export_folder / record.file_name;
  std::uint64_t size_bytes = 0;
  for (std::int64_t page = 1; page <= record.page_count; ++page) {
    size_bytes += ports_.files.stat(page_path(record.name, page)).value_or(FileStat{}).size_bytes;
  }
  // There was none of the name when the run began: it is ours, from before we were killed.
  const auto placed = ports_.files.stat(path);
  if (placed && placed->size_bytes == size_bytes) return;
  const auto file = ports_.files.stage(path, FileMode::kShared);
  for (std::int64_t page = 1; page <= record.page_count; ++page) {
    file->write(read_whole_file(ports_.files, page_path(record.name, page), kPageBytesMax));
  }
  file->commit();
}

void Fetcher::drop_pages(const FetchRecord& record) {
  for (std::int64_t page = 1; page <= record.page_count; ++page) {
    ports_.files.remove(page_path(record.name, page));
  }
}

std::filesystem::path Fetcher::page_path(const std::string& name, std::int64_t page_number) const {
  return folders_.state_folder / "fetch" / name / fmt::format("page-{:06}.jsonl", page_number);
}

std::optional<std::int64_t> Fetcher::next_due_at_ms() {
  if (fetches_.empty()) return std::nullopt;
  if (!asked_.empty()) return ports_.clock.now_ms() + kPagePollMs;
  std::optional<std::int64_t> out;
  for (const FetchConfig& fetch : fetches_) {
    const std::int64_t at = ledger_.fetch(fetch.name).next_try_at_ms;
    out = out ? std::min(*out, at) : at;
  }
  return out;
}

}  // namespace waybill
