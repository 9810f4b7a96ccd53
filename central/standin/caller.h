// Caller: who is asking. Every entry point of the stand-in decides it here and nowhere else.
//
// Place:    central/standin; plays the platform's gateway and the two services' own JWT checks.
// Source:   `apikey` (header or query parameter) and `Authorization: Bearer ...`.
// Rule:     a publishable key makes `anon`, a secret key `service_role`; a Bearer JWT signed with
//           the project's secret goes before both and brings its own role.
// Errors:   Refusal with the status and body that the real surface gives.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "central/standin/exchange.h"
#include "central/standin/keys.h"

namespace waybill::standin {

struct Caller {
  std::string role;       ///< anon, authenticated or service_role: a database role
  nlohmann::json claims;  ///< the JWT's claims, or {"role": ...}

  // What row security may ask about a storage request; the RPC service reads the request itself.
  std::string headers_json{};
  std::string method{};
  std::string path{};  ///< as the Storage API sees it, without /storage/v1

  /// The `sub` claim, or empty: the owner of what the caller makes.
  [[nodiscard]] std::string subject() const;
};

/// For /rest/v1: an apikey is required.
[[nodiscard]] Caller decide_rest_caller(const Request& request, const ProjectKeys& keys,
                                        std::int64_t now_s);

/// For /storage/v1 routes that ask who is calling. Nothing when the request names nobody.
[[nodiscard]] std::optional<Caller> decide_storage_caller(const Request& request,
                                                          const ProjectKeys& keys,
                                                          std::int64_t now_s);

}  // namespace waybill::standin
