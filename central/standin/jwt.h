// JSON Web Tokens, HS256 only: callers' tokens and upload tokens.
//
// Place:    central/standin. RFC 7519 over RFC 7515's compact form.
// Units:    exp, nbf, iat and now_s are seconds since 1970 UTC.
// Errors:   a bad token is a value, never an exception; no message holds any part of a token.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace waybill::standin {

enum class [[nodiscard]] JwtVerdict : std::uint8_t{
    kGood,
    kMalformed,       ///< not three base64url parts of JSON objects
    kWrongAlgorithm,  ///< the header names another algorithm than HS256
    kBadSignature,   kExpired, kNotYetValid,
    kBadClaim,  ///< exp or nbf is no number
};

struct Jwt {
  JwtVerdict verdict = JwtVerdict::kMalformed;
  nlohmann::json claims;  ///< an object; trustworthy only when the verdict is kGood
};

/// `skew_s` is how far the two clocks may differ when exp and nbf are judged. A missing exp is
/// accepted, as both PostgREST and the Storage API do.
Jwt check_jwt(std::string_view token, std::string_view secret, std::int64_t now_s,
              std::int64_t skew_s);

[[nodiscard]] std::string sign_jwt(const nlohmann::json& claims, std::string_view secret);

}  // namespace waybill::standin
