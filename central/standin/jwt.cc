#include "central/standin/jwt.h"

#include <optional>

#include "core/crypto.h"

namespace waybill::standin {

namespace {

constexpr std::size_t kTokenMaxBytes = 16 * 1024;

std::optional<nlohmann::json> decode_object(std::string_view part) {
  std::string text;
  if (!base64url_decode(part, text)) return std::nullopt;
  nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

JwtVerdict judge_times(const nlohmann::json& claims, std::int64_t now_s, std::int64_t skew_s) {
  const auto now = static_cast<double>(now_s);
  const auto skew = static_cast<double>(skew_s);
  for (const char* name : {"exp", "nbf"}) {
    const auto claim = claims.find(name);
    if (claim != claims.end() && !claim->is_null() && !claim->is_number()) {
      return JwtVerdict::kBadClaim;
    }
  }
  const auto exp = claims.find("exp");
  if (exp != claims.end() && exp->is_number() && now - skew >= exp->get<double>()) {
    return JwtVerdict::kExpired;
  }
  const auto nbf = claims.find("nbf");
  if (nbf != claims.end() && nbf->is_number() && now + skew < nbf->get<double>()) {
    return JwtVerdict::kNotYetValid;
  }
  return JwtVerdict::kGood;
}

}  // namespace

Jwt check_jwt(std::string_view token, std::string_view secret, std::int64_t now_s,
              std::int64_t skew_s) {
  Jwt out;
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (token.size() > kTokenMaxBytes || first == std::string_view::npos || first == last ||
      token.find('.', first + 1) != last) {
    return out;
  }
  const auto header = decode_object(token.substr(0, first));
  auto claims = decode_object(token.substr(first + 1, last - first - 1));
  std::string signature;
  if (!header || !claims || !base64url_decode(token.substr(last + 1), signature)) return out;
  out.claims = std::move(*claims);

  const auto algorithm = header->find("alg");
  if (algorithm == header->end() || *algorithm != "HS256") {
    out.verdict = JwtVerdict::kWrongAlgorithm;
  } else if (!equal_in_constant_time(signature, hmac_sha256(secret, token.substr(0, last)))) {
    out.verdict = JwtVerdict::kBadSignature;
  } else {
    out.verdict = judge_times(out.claims, now_s, skew_s);
  }
  return out;
}

std::string sign_jwt(const nlohmann::json& claims, std::string_view secret) {
  const std::string signed_part =
      base64url_encode(R"({"alg":"HS256","typ":"JWT"})") + "." + base64url_encode(claims.dump());
  return signed_part + "." + base64url_encode(hmac_sha256(secret, signed_part));
}

}  // namespace waybill::standin
