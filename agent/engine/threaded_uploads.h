// ThreadedUploads: a few threads, each with its own connection, sending one file at a time.
//
// Place:    agent/engine; made by the program, used by the engine.
// Ends:     the destructor waits for running uploads; the stop flag given to their HTTP client
//           makes that short. What was running is settled after the next start.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/engine/upload_runner.h"

namespace waybill {

class ThreadedUploads final : public UploadRunner {
 public:
  using UploaderFactory = std::function<std::unique_ptr<Uploader>()>;

  /// `parallel` threads; each calls `make_uploader` once.
  ThreadedUploads(FileSystem& files, std::filesystem::path root, std::size_t parallel,
                  const UploaderFactory& make_uploader);
  ~ThreadedUploads() override;
  ThreadedUploads(const ThreadedUploads&) = delete;
  ThreadedUploads& operator=(const ThreadedUploads&) = delete;

  [[nodiscard]] std::size_t room() const override;
  void start(SendTask task) override;
  [[nodiscard]] std::vector<SendResult> take_finished() override;

  /// Waits until an upload has ended, at most `timeout_ms`.
  void wait_finished(std::int64_t timeout_ms);
  [[nodiscard]] bool is_idle() const;

 private:
  void run(Uploader& uploader);

  FileSystem& files_;
  std::filesystem::path root_;
  std::size_t capacity_;
  mutable std::mutex mutex_;          // guards what follows, up to the threads
  std::condition_variable work_;      // a task came, or the end
  std::condition_variable finished_;  // a result came
  std::deque<SendTask> waiting_;
  std::vector<SendResult> results_;
  std::size_t running_ = 0;
  bool ends_ = false;
  std::vector<std::unique_ptr<Uploader>> uploaders_;
  std::vector<std::thread> threads_;
};

}  // namespace waybill
