#include "agent/engine/threaded_uploads.h"

#include <chrono>

namespace waybill {

namespace {
// Small files take no longer to send than the engine needs for a round, so a thread finds its next
// one waiting.
constexpr std::size_t kWaitingPerThread = 8;
}  // namespace

ThreadedUploads::ThreadedUploads(FileSystem& files, std::filesystem::path root,
                                 std::size_t parallel, const UploaderFactory& make_uploader)
    : files_(files), root_(std::move(root)), capacity_(parallel * kWaitingPerThread) {
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
    waiting_.push_back(std::move(task));
  }
  work_.notify_one();
}

std::vector<SendResult> ThreadedUploads::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void ThreadedUploads::wait_finished(std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  finished_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                     [this] { return !results_.empty(); });
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
    const SendTask task = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    SendResult result = send_file(files_, root_, task, uploader);
    lock.lock();
    --running_;
    results_.push_back(std::move(result));
    finished_.notify_one();
  }
}

}  // namespace waybill
