#include "central/standin/caller.h"

#include <array>
#include <string_view>

#include "central/standin/jwt.h"
#include "central/standin/storage_error.h"
#include "core/crypto.h"

namespace waybill::standin {

namespace {

constexpr std::int64_t kRestSkewS = 30;    ///< as PostgREST
constexpr std::int64_t kStorageSkewS = 0;  ///< as the Storage API

/// The roles that a project's `authenticator` may become.
constexpr std::array<std::string_view, 3> kRoles{"anon", "authenticated", "service_role"};

bool is_known_role(std::string_view role) {
  for (const std::string_view known : kRoles) {
    if (known == role) return true;
  }
  return false;
}

/// What the gateway made of `apikey` and `Authorization`.
struct Credentials {
  enum class Kind : std::uint8_t { kNone, kUnknownKey, kKey, kJwt };
  Kind kind = Kind::kNone;
  std::string role;   ///< for kKey
  std::string token;  ///< for kJwt
};

[[noreturn]] void refuse_gateway(const char* message, const char* hint) {
  Reply reply;
  reply.status = 401;
  reply.body = nlohmann::json{{"message", message}, {"hint", hint}}.dump();
  throw Refusal(std::move(reply));
}

/// Browsers must not hold the secret key; the platform tells them by their User-Agent.
bool is_browser(const Request& request) {
  return request.header("user-agent").starts_with("Mozilla/");
}

std::string bearer_of(const Request& request) {
  const std::string value = request.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if ((value[i] | 0x20) != kScheme[i]) return {};  // ASCII lower case; a blank stays one
  }
  return value.substr(kScheme.size());
}

Credentials read_credentials(const Request& request, const ProjectKeys& keys, std::int64_t now_s) {
  std::string apikey = request.header("apikey");
  if (apikey.empty()) apikey = request.parameter("apikey").value_or("");
  const std::string bearer = bearer_of(request);
  const bool is_publishable = equal_in_constant_time(apikey, keys.publishable_key);
  const bool is_secret = equal_in_constant_time(apikey, keys.secret_key);

  if (!apikey.empty() && !is_publishable && !is_secret) {
    // A legacy key is itself a JWT that names a role.
    if (check_jwt(apikey, keys.jwt_secret, now_s, kRestSkewS).verdict != JwtVerdict::kGood) {
      return {.kind = Credentials::Kind::kUnknownKey, .role = {}, .token = {}};
    }
    return {.kind = Credentials::Kind::kJwt, .role = {}, .token = bearer.empty() ? apikey : bearer};
  }
  if (is_secret && is_browser(request)) {
    refuse_gateway("Forbidden use of a secret API key in a browser",
                   "Use the publishable key in a browser, and replace the secret key that was "
                   "exposed.");
  }
  if (!bearer.empty() && bearer != apikey) {
    return {.kind = Credentials::Kind::kJwt, .role = {}, .token = bearer};
  }
  if (apikey.empty()) return {};
  return {
      .kind = Credentials::Kind::kKey, .role = is_secret ? "service_role" : "anon", .token = {}};
}

struct JwtComplaint {
  const char* rest_code;
  const char* rest_message;
  const char* storage_message;
};

JwtComplaint complaint_of(JwtVerdict verdict) {
  switch (verdict) {
    case JwtVerdict::kExpired:
      return {"PGRST303", "JWT expired", "\"exp\" claim timestamp check failed"};
    case JwtVerdict::kNotYetValid:
      return {"PGRST303", "JWT not yet valid", "\"nbf\" claim timestamp check failed"};
    case JwtVerdict::kBadClaim:
      return {"PGRST303", "A time claim of the JWT is not a number", "a time claim is no number"};
    case JwtVerdict::kWrongAlgorithm:
      return {"PGRST301", "No suitable key was found to decode the JWT",
              "\"alg\" (Algorithm) Header Parameter value not allowed"};
    case JwtVerdict::kBadSignature:
      return {"PGRST301", "JWSError JWSInvalidSignature", "signature verification failed"};
    default:
      return {"PGRST301", "The JWT is malformed", "Invalid Compact JWS"};
  }
}

[[noreturn]] void refuse_rest_jwt(const JwtComplaint& complaint) {
  Reply reply;
  reply.status = 401;
  reply.headers.emplace_back("WWW-Authenticate",
                             std::string("Bearer error=\"invalid_token\", error_description=\"") +
                                 complaint.rest_message + "\"");
  reply.body = nlohmann::json{
      {"code", complaint.rest_code},
      {"message", complaint.rest_message},
      {"details", nullptr},
      {"hint",
       nullptr}}.dump();
  throw Refusal(std::move(reply));
}

[[noreturn]] void refuse_rest_role() {
  Reply reply;
  reply.status = 403;
  reply.body = nlohmann::json{
      {"code", "42501"},
      {"message", "permission denied to set the role of the JWT"},
      {"details", nullptr},
      {"hint",
       nullptr}}.dump();
  throw Refusal(std::move(reply));
}

Caller caller_of_role(const std::string& role) { return {role, nlohmann::json{{"role", role}}}; }

/// The JWT's role; `anon` when it names none.
std::string role_of(const nlohmann::json& claims) {
  const auto role = claims.find("role");
  if (role == claims.end()) return "anon";
  return role->is_string() ? role->get<std::string>() : std::string();
}

std::optional<Caller> storage_role_of(const Request& request, const ProjectKeys& keys,
                                      std::int64_t now_s) {
  const Credentials credentials = read_credentials(request, keys, now_s);
  if (credentials.kind == Credentials::Kind::kNone) return std::nullopt;
  if (credentials.kind == Credentials::Kind::kKey) return caller_of_role(credentials.role);
  if (credentials.kind == Credentials::Kind::kUnknownKey) {
    refuse_gateway("Invalid API key", "Compare the header `apikey` with the project's keys.");
  }
  Jwt jwt = check_jwt(credentials.token, keys.jwt_secret, now_s, kStorageSkewS);
  if (jwt.verdict != JwtVerdict::kGood) {
    refuse_storage(kAccessDenied, complaint_of(jwt.verdict).storage_message);
  }
  const std::string role = role_of(jwt.claims);
  if (!is_known_role(role)) refuse_storage(kAccessDenied, "the JWT's role is not allowed");
  return Caller{role, std::move(jwt.claims)};
}

}  // namespace

std::string Caller::subject() const {
  const auto sub = claims.find("sub");
  return sub != claims.end() && sub->is_string() ? sub->get<std::string>() : std::string();
}

Caller decide_rest_caller(const Request& request, const ProjectKeys& keys, std::int64_t now_s) {
  if (!request.has_header("apikey") && !request.parameter("apikey")) {
    refuse_gateway("No API key found in request", "Send the project's key in the header `apikey`.");
  }
  const Credentials credentials = read_credentials(request, keys, now_s);
  switch (credentials.kind) {
    case Credentials::Kind::kKey:
      return caller_of_role(credentials.role);
    case Credentials::Kind::kJwt:
      break;
    default:
      refuse_gateway("Invalid API key", "Compare the header `apikey` with the project's keys.");
  }
  Jwt jwt = check_jwt(credentials.token, keys.jwt_secret, now_s, kRestSkewS);
  if (jwt.verdict != JwtVerdict::kGood) refuse_rest_jwt(complaint_of(jwt.verdict));
  const std::string role = role_of(jwt.claims);
  if (!is_known_role(role)) refuse_rest_role();
  return {role, std::move(jwt.claims)};
}

std::optional<Caller> decide_storage_caller(const Request& request, const ProjectKeys& keys,
                                            std::int64_t now_s) {
  std::optional<Caller> caller = storage_role_of(request, keys, now_s);
  if (caller) {
    constexpr std::string_view kGatewayPrefix = "/storage/v1";
    caller->headers_json = request.headers_as_json();
    caller->method = request.method;
    caller->path = request.path.starts_with(kGatewayPrefix)
                       ? request.path.substr(kGatewayPrefix.size())
                       : request.path;
  }
  return caller;
}

}  // namespace waybill::standin
