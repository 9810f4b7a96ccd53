#include "central/pg/connection_pool.h"

#include <chrono>
#include <utility>

#include "core/log.h"

namespace waybill::pg {

ConnectionPool::ConnectionPool(std::string conninfo, std::size_t size, std::string application_name)
    : conninfo_(std::move(conninfo)), size_(size), application_name_(std::move(application_name)) {}

ConnectionPool::Lease::Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
    : pool_(&pool), connection_(std::move(connection)) {}

ConnectionPool::Lease::~Lease() {
  if (connection_) pool_->give_back(std::move(connection_));
}

ConnectionPool::Lease ConnectionPool::take(std::int64_t timeout_ms) {
  {
    std::unique_lock lock(mutex_);
    const bool free = freed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                      [&] { return !idle_.empty() || lent_ < size_; });
    if (!free) {
      throw Error(error_code::kDatabaseUnavailable, kTakeConnection, "",
                  "all are in use; none became free in time");
    }
    ++lent_;
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(connection)};
    }
  }
  try {
    return {*this, std::make_unique<Connection>(conninfo_, application_name_)};
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  try {
    if (connection && connection->alive() && connection->in_transaction()) {
      connection->exec("ROLLBACK");
    }
  } catch (const Error&) {
    log_debug("a connection was lost while it was given back");
  }
  const bool usable = connection && connection->alive() && !connection->in_transaction();
  {
    const std::lock_guard lock(mutex_);
    --lent_;
    if (usable) {
      idle_.push_back(std::move(connection));
    } else {
      idle_.clear();  // what broke one has most likely broken the others: a restarted server
    }
  }
  freed_.notify_one();
}

}  // namespace waybill::pg
