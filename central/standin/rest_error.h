// Errors of the RPC surface: {code, message, details, hint} and the status that goes with a
// SQLSTATE.
//
// Place:    central/standin; the one place that maps what PostgreSQL says to HTTP.
// Rule:     SQLSTATE PTxyz is status xyz; SQLSTATE PGRST carries its own body and status as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "central/pg/connection.h"
#include "central/standin/exchange.h"

namespace waybill::standin {

struct RestError {
  int status = 400;
  std::string_view code;
  std::string message;
  nlohmann::json details = nullptr;
  nlohmann::json hint = nullptr;
};

[[nodiscard]] Reply rest_failure(const RestError& error);

[[noreturn]] void refuse_rest(const RestError& error);

/// The reply for what the database refused. `is_anonymous` turns "no permission" into 401.
[[nodiscard]] Reply rest_failure_of(const pg::PgError& error, bool is_anonymous);

/// The HTTP status of a SQLSTATE.
[[nodiscard]] int status_of_sqlstate(std::string_view sqlstate, bool is_anonymous);

}  // namespace waybill::standin
