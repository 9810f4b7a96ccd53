#include "agent/engine/threaded_uploads.h"

#include <chrono>

namespace waybill {

namespace {
// Small files take no longer to send than the engine needs for a round, so a thread finds its next
// one waiting.
constexpr std::size_t kWaitingPerThread = 8;
constexpr std::int64_t kWaitedMs = 30'000;
constexpr std::int64_t kMarginMs = 5'000;
}  // namespace

ThreadedUploads::ThreadedUploads(FileSystem& files, const Clock& clock, std::filesystem::path root,
                                 std::size_t parallel, const UploaderFactory& make_uploader)
    : files_(files),
      clock_(clock),
      root_(std::move(root)),
      capacity_(parallel * kWaitingPerThread) {
  for (std::size_t i = 0; i < parallel; ++i) uploaders_.push_back(make_uploader());
  for (const auto& uploader : uploaders_) {
    threads_.emplace_back([this, &uploader] { run(*uploader); });
  }
}

ThreadedUploads::~ThreadedUploads() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  work_.notify_all();
  stored_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t ThreadedUploads::room() const {
  const std::lock_guard lock(mutex_);
  const std::size_t busy = waiting_.size() + running_;
  return busy < capacity_ ? capacity_ - busy : 0;
}

void ThreadedUploads::start(SendTask task) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(task), clock_.steady_ms()});
  }
  work_.notify_one();
}

std::vector<UploadProgress> ThreadedUploads::take_progress() {
  std::vector<UploadProgress> out;
  {
    const std::lock_guard lock(mutex_);
    ++takes_;
    for (auto& [file, session] : progress_) out.push_back({file, std::move(session)});
    progress_.clear();
  }
  stored_.notify_all();
  return out;
}

/// A new session is waited for until it is stored: the next call takes it, the one after says that
/// it has been stored.
void ThreadedUploads::report(FileId file, const UploadSession& session, bool is_new) {
  std::unique_lock lock(mutex_);
  progress_[file] = session;
  news_.notify_one();
  const std::int64_t stored_at = takes_ + 2;
  if (is_new) stored_.wait(lock, [&] { return ends_ || takes_ >= stored_at; });
}

std::vector<SendResult> ThreadedUploads::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void ThreadedUploads::wait_news(std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                 [this] { return !results_.empty() || !progress_.empty(); });
}

bool ThreadedUploads::is_idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty() && running_ == 0 && results_.empty();
}

void ThreadedUploads::run(Uploader& uploader) {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (ends_) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    SendResult result = is_too_old(next)
                            ? SendResult{.file = next.task.file, .end = SendEnd::kNotBegun}
                            : send(next.task, uploader);
    lock.lock();
    --running_;
    results_.push_back(std::move(result));
    news_.notify_one();
  }
}

SendResult ThreadedUploads::send(const SendTask& task, Uploader& uploader) {
  std::string known_url = task.session.url;
  return send_file(files_, root_, task, uploader, [&](const UploadSession& session) {
    report(task.file, session, !session.url.empty() && session.url != known_url);
    known_url = session.url;
  });
}

/// Behind large files on a slow line a task may wait for hours, and targets do not live for ever. A
/// short wait is none, whatever our wall clock says of the target.
bool ThreadedUploads::is_too_old(const Waiting& waiting) const {
  return clock_.steady_ms() - waiting.since_steady_ms > kWaitedMs &&
         clock_.now_ms() + kMarginMs >= waiting.task.target.expires_at_ms;
}

}  // namespace waybill
