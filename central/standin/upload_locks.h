// UploadLocks: one request at a time on an upload, and a stalled one gives way.
//
// Place:    central/standin; below tus_service.h. In memory: one stand-in uses a folder at a time.
// Rule:     who waits asks the holder to leave. The holder may go on for `drain_ms` and then has
// its
//           body cut off; what it stored counts. So a client whose connection died without a word
//           is not locked out by its own ghost. As the Storage API's locker does it.
// Threads:  any number.
// Errors:   StorageRefusal LockTimeout (503) after `wait_ms`.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace waybill::standin {

struct UploadLockTimes {
  std::int64_t drain_ms = 3'000;
  std::int64_t wait_ms = 5'000;
};

class UploadLocks {
 public:
  class Held {
   public:
    Held(UploadLocks& locks, std::string version) : locks_(locks), version_(std::move(version)) {}
    ~Held() { locks_.release(version_); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    /// Another request waits and this one's time is over: answer with what is stored.
    [[nodiscard]] bool is_cut_off() const { return locks_.is_cut_off(version_); }

   private:
    UploadLocks& locks_;
    const std::string version_;
  };

  explicit UploadLocks(UploadLockTimes times) : times_(times) {}

  /// `cut_off` ends the holder's reading; may be empty when it reads nothing.
  [[nodiscard]] std::unique_ptr<Held> take(const std::string& version,
                                           std::function<void()> cut_off);
  /// nullptr at once when somebody holds it.
  [[nodiscard]] std::unique_ptr<Held> try_take(const std::string& version);

 private:
  struct Holder {
    std::function<void()> cut_off;
    std::optional<std::int64_t> asked_at_ms;
    bool is_cut_off = false;
  };

  void release(const std::string& version);
  [[nodiscard]] bool is_cut_off(const std::string& version);

  const UploadLockTimes times_;
  std::mutex mutex_;
  std::condition_variable released_;
  std::map<std::string, Holder> holders_;
};

}  // namespace waybill::standin
