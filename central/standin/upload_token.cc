#include "central/standin/upload_token.h"

#include <utility>

#include "central/standin/jwt.h"
#include "central/standin/storage_error.h"

namespace waybill::standin {

nlohmann::json check_upload_token(const std::string& token, const ObjectName& name,
                                  const std::string& secret, std::int64_t now_s) {
  Jwt jwt = check_jwt(token, secret, now_s, /*skew_s=*/0);
  switch (jwt.verdict) {
    case JwtVerdict::kGood:
      break;
    case JwtVerdict::kExpired:
      refuse_storage(kInvalidJwt, "\"exp\" claim timestamp check failed");
    case JwtVerdict::kNotYetValid:
      refuse_storage(kInvalidJwt, "\"nbf\" claim timestamp check failed");
    case JwtVerdict::kBadSignature:
      refuse_storage(kInvalidJwt, "signature verification failed");
    case JwtVerdict::kWrongAlgorithm:
      refuse_storage(kInvalidJwt, "\"alg\" (Algorithm) Header Parameter value not allowed");
    default:
      refuse_storage(kInvalidJwt, "Invalid Compact JWS");
  }
  if (jwt.claims.value("url", nlohmann::json()) != name.path() ||
      jwt.claims.value("scope", nlohmann::json()) != "upload") {
    refuse_storage(kInvalidSignature, "Invalid signature");
  }
  return std::move(jwt.claims);
}

bool allows_overwrite(const nlohmann::json& token) {
  const auto upsert = token.find("upsert");
  return upsert != token.end() && upsert->is_boolean() && upsert->get<bool>();
}

std::string owner_of(const nlohmann::json& token) {
  const auto owner = token.find("owner");
  return owner != token.end() && owner->is_string() ? owner->get<std::string>() : std::string();
}

}  // namespace waybill::standin
