// ConnectionPool: a fixed number of connections lent to threads.
//
// Place:    central/pg; used by the stand-in.
// Threads:  every method may be called from any thread; a lease belongs to one thread.
// Units:    *_ms are milliseconds.
// Errors:   take() throws WB-5001 when no connection becomes free in time or none can be opened.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "central/pg/connection.h"

namespace waybill::pg {

/// Error::operation() of "all are lent out", to tell it from "the server cannot be reached".
inline constexpr const char* kTakeConnection = "take a connection";

class ConnectionPool {
 public:
  /// Opens connections when they are first needed, at most `size`.
  ConnectionPool(std::string conninfo, std::size_t size, std::string application_name);

  /// A connection on loan; given back on destruction, outside any transaction and as itself
  /// (no SET LOCAL survives). One that was lost is replaced.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection);
    ~Lease();
    Lease(Lease&&) noexcept = default;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease& operator=(Lease&&) = delete;

    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  [[nodiscard]] Lease take(std::int64_t timeout_ms);

 private:
  void give_back(std::unique_ptr<Connection> connection);

  const std::string conninfo_;
  const std::size_t size_;
  const std::string application_name_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t lent_ = 0;
};

}  // namespace waybill::pg
