// ThreadedUploads: a few threads, each with its own connection, sending one file at a time.
//
// Place:    agent/engine; made by the program, used by the engine.
// Ends:     the destructor waits for running uploads; the stop flag given to their HTTP client
//           makes that short. What was running is settled after the next start.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/engine/upload_runner.h"
#include "core/clock.h"

namespace waybill {

class ThreadedUploads final : public UploadRunner {
 public:
  using UploaderFactory = std::function<std::unique_ptr<Uploader>()>;

  /// `parallel` threads; each calls `make_uploader` once.
  ThreadedUploads(FileSystem& files, const Clock& clock, std::filesystem::path root,
                  std::size_t parallel, const UploaderFactory& make_uploader);
  ~ThreadedUploads() override;
  ThreadedUploads(const ThreadedUploads&) = delete;
  ThreadedUploads& operator=(const ThreadedUploads&) = delete;

  [[nodiscard]] std::size_t room() const override;
  void start(SendTask task) override;
  [[nodiscard]] std::vector<UploadProgress> take_progress() override;
  [[nodiscard]] std::vector<SendResult> take_finished() override;

  /// Waits until an upload has ended or got further, at most `timeout_ms`.
  void wait_news(std::int64_t timeout_ms);
  [[nodiscard]] bool is_idle() const;

 private:
  struct Waiting {
    SendTask task;
    std::int64_t since_steady_ms = 0;
  };

  void run(Uploader& uploader);
  SendResult send(const SendTask& task, Uploader& uploader);
  [[nodiscard]] bool is_too_old(const Waiting& waiting) const;
  void report(FileId file, const UploadSession& session, bool is_new);

  FileSystem& files_;
  const Clock& clock_;
  std::filesystem::path root_;
  std::size_t capacity_;
  mutable std::mutex mutex_;        // guards what follows, up to the threads
  std::condition_variable work_;    // a task came, or the end
  std::condition_variable news_;    // a result or progress came
  std::condition_variable stored_;  // the engine has stored progress, or the end
  std::deque<Waiting> waiting_;
  std::vector<SendResult> results_;
  std::map<FileId, UploadSession> progress_;  // not taken yet
  std::int64_t takes_ = 0;                    // calls of take_progress()
  std::size_t running_ = 0;
  bool ends_ = false;
  std::vector<std::unique_ptr<Uploader>> uploaders_;
  std::vector<std::thread> threads_;
};

}  // namespace waybill
