#include "agent/fetch/background_pages.h"

#include "sync/central_error.h"

namespace waybill {

PageResult page_result(const BackgroundPages::FetchPage& fetch, const PageRequest& request) {
  PageResult out;
  out.fetch_name = request.fetch_name;
  try {
    out.page = fetch(request);
  } catch (const CentralError& error) {
    out.error = std::make_shared<Error>(error);
    out.retry_after_ms = error.retry_after_ms();
  } catch (const Error& error) {
    out.error = std::make_shared<Error>(error);
  } catch (const std::exception& error) {
    out.error =
        std::make_shared<Error>(error_code::kInternal, "fetch", request.fetch_name, error.what());
  }
  return out;
}

BackgroundPages::BackgroundPages(FetchPage fetch)
    : fetch_(std::move(fetch)), thread_([this] { run(); }) {}

BackgroundPages::~BackgroundPages() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void BackgroundPages::start(PageRequest request) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(request));
  }
  work_.notify_one();
}

std::vector<PageResult> BackgroundPages::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void BackgroundPages::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (ends_) return;
    const PageRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    PageResult result = page_result(fetch_, request);
    lock.lock();
    results_.push_back(std::move(result));
  }
}

}  // namespace waybill
