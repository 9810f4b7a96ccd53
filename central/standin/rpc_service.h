// RpcService: POST and GET /rest/v1/rpc/{function}, as PostgREST 12 answers it.
//
// Place:    central/standin; on top of rpc_function.h, between server.h and the database.
// Threads:  any number at once; each call takes a connection of the pool.
// Rule:     one call is one transaction, under the caller's role, with request.jwt.claims,
//           request.headers, request.method and request.path set for that transaction. GET, HEAD
//           and functions that promise not to write run READ ONLY.
// Errors:   Refusal; {code, message, details, hint}.
#pragma once

#include <string>
#include <string_view>

#include "central/pg/connection_pool.h"
#include "central/standin/caller.h"
#include "central/standin/exchange.h"

namespace waybill::standin {

class RpcService {
 public:
  /// The pool must outlive the service.
  explicit RpcService(pg::ConnectionPool& connections) : connections_(connections) {}

  /// `function` is the path below /rest/v1/rpc/, decoded.
  [[nodiscard]] Reply call(const std::string& function, Request& request, const Caller& caller);

 private:
  pg::ConnectionPool& connections_;
};

}  // namespace waybill::standin
