// BackgroundPages: one thread that fetches pages one after the other.
//
// Place:    agent/fetch; made by the program, used by the fetcher.
// Ends:     the destructor waits for the running request; the stop flag given to its HTTP client
//           makes that short. What was running is asked for again after the next start.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "agent/fetch/page_runner.h"

namespace waybill {

class BackgroundPages final : public PageRunner {
 public:
  /// Throws what fetch_page() throws.
  using FetchPage = std::function<PageLines(const PageRequest&)>;

  explicit BackgroundPages(FetchPage fetch);
  ~BackgroundPages() override;
  BackgroundPages(const BackgroundPages&) = delete;
  BackgroundPages& operator=(const BackgroundPages&) = delete;

  void start(PageRequest request) override;
  [[nodiscard]] std::vector<PageResult> take_finished() override;

 private:
  void run();

  FetchPage fetch_;
  std::mutex mutex_;              // guards what follows, up to the thread
  std::condition_variable work_;  // a request came, or the end
  std::deque<PageRequest> waiting_;
  std::vector<PageResult> results_;
  bool ends_ = false;
  std::thread thread_;
};

/// Fetches one page and turns what is thrown into a result.
[[nodiscard]] PageResult page_result(const BackgroundPages::FetchPage& fetch,
                                     const PageRequest& request);

}  // namespace waybill
