// RpcFunction: which database function a call means, and the statement that calls it.
//
// Place:    central/standin; below rpc_service.h. Reads pg_proc for every call, so a function made
//           a moment ago is found without a reload.
// Errors:   Refusal 404 PGRST202 when no function takes these arguments, 300 PGRST203 when several
//           do.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "central/pg/connection.h"

namespace waybill::standin {

struct RpcFunction {
  enum class Result : unsigned char { kVoid, kScalar, kComposite };

  struct Argument {
    std::string name;
    std::string type;  ///< as PostgreSQL writes it, "uuid[]"
    bool is_required = true;
  };

  std::string schema;
  std::string name;
  std::vector<Argument> arguments;  ///< IN and INOUT ones, in order
  Result result = Result::kScalar;
  bool returns_set = false;
  bool is_volatile = true;
  bool takes_whole_body = false;  ///< one unnamed json or jsonb parameter

  /// SELECT count of rows, and the result as JSON text. $1 is the arguments as a JSON object (or
  /// the whole body). Only `given` arguments are named; the others take their defaults.
  [[nodiscard]] std::string call_sql(const pg::Connection& connection,
                                     const std::set<std::string>& given) const;
};

/// `may_take_body`: the request has a body that one unnamed parameter could take.
[[nodiscard]] RpcFunction find_function(pg::Connection& connection, const std::string& schema,
                                        const std::string& name, const std::set<std::string>& given,
                                        bool may_take_body);

}  // namespace waybill::standin
