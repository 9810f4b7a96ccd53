#include "central/standin/storage_service.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "central/standin/jwt.h"
#include "central/standin/storage_error.h"
#include "central/standin/upload_body.h"
#include "central/standin/upload_token.h"
#include "core/crypto.h"

namespace waybill::standin {

namespace {

constexpr std::int64_t kPoolWaitMs = 10'000;
constexpr std::size_t kKeyMaxBytes = 1024;

Reply ok(const nlohmann::ordered_json& body) {
  Reply reply;
  reply.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return reply;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// What a request says of the object that it means to store; row security may ask for it.
NewObject announced(const Request& request, const ObjectName& name, const Caller& caller) {
  NewObject out{.name = name,
                .version = "1",
                .metadata = nlohmann::json::object(),
                .user_metadata = read_user_metadata(request.header("x-metadata")),
                .owner_id = caller.subject()};
  if (request.has_header("content-type")) out.metadata["mimetype"] = request.header("content-type");
  if (request.body.declared_bytes) out.metadata["contentLength"] = *request.body.declared_bytes;
  return out;
}

/// The bucket, when row security lets the caller make the object, or replace it with `upsert`.
Bucket require_may_put(pg::Connection& connection, const Caller& caller, const NewObject& object,
                       bool upsert) {
  std::optional<Bucket> bucket = find_bucket(connection, object.name);
  if (!bucket) refuse_storage(kNoSuchBucket, "Bucket not found");
  // Row security speaks before the name does: who may not make it never learns that it is taken.
  probe_put(connection, caller, object, upsert);
  return std::move(*bucket);
}

}  // namespace

ObjectName parse_object_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size()) {
    refuse_storage(kInvalidRequest, "the path must be a bucket and a key");
  }
  ObjectName name{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  require_storable(name.key);
  return name;
}

/// ASCII letters and digits, '_', '/', and the marks that every store of objects takes.
bool is_storable(std::string_view key) {
  constexpr std::string_view kMarks = "_/!-.*'() &$@=;:+,?";
  return std::all_of(key.begin(), key.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

void require_storable(const std::string& key) {
  if (key.empty() || !is_storable(key) || key.size() > kKeyMaxBytes) {
    refuse_storage(kInvalidKey, "Invalid key: " + key);
  }
}

StorageService::StorageService(pg::ConnectionPool& connections, ObjectStore& store,
                               const ProjectKeys& keys, const Clock& clock, StorageLimits limits)
    : connections_(connections), store_(store), keys_(keys), clock_(clock), limits_(limits) {}

Caller StorageService::require_caller(const Request& request) const {
  std::optional<Caller> caller = decide_storage_caller(request, keys_, now_s());
  if (!caller) {
    refuse_storage(kInvalidRequest, "headers must have required property 'authorization'");
  }
  return std::move(*caller);
}

Reply StorageService::serve(const std::string& path, Request& request) {
  std::string_view rest = path;
  try {
    if (rest == "status" && request.method == "GET") return Reply{};
    if (rest == "object/move" && request.method == "POST") return move(request);
    if (take_prefix(rest, "object/")) return serve_object(rest, request);
  } catch (const pg::PgError& error) {
    refuse_storage_of(error);
  }
  refuse_storage(kNoSuchRoute, "Route " + request.method + ":" + request.path + " not found");
}

Reply StorageService::serve_object(std::string_view rest, Request& request) {
  const std::string& method = request.method;
  const bool is_read = method == "GET" || method == "HEAD";
  if (take_prefix(rest, "upload/sign/")) {
    if (method == "PUT") return put_signed(parse_object_name(rest), request);
    if (method == "POST") return mint_upload_token(parse_object_name(rest), request);
  } else if (is_read) {
    const bool is_info = take_prefix(rest, "info/");
    const Access access = take_prefix(rest, "authenticated/") ? Access::kAuthenticated
                          : take_prefix(rest, "public/")      ? Access::kPublic
                                                              : Access::kAuto;
    const ObjectName name = parse_object_name(rest);
    return is_info ? info(name, access, request) : read(name, access, request);
  } else if (method == "POST" || method == "PUT") {
    return put_as_caller(parse_object_name(rest), request);
  } else if (method == "DELETE") {
    return remove(parse_object_name(rest), request);
  }
  refuse_storage(kNoSuchRoute, "Route " + method + ":" + request.path + " not found");
}

Reply StorageService::put_signed(const ObjectName& name, Request& request) {
  const std::optional<std::string> token = request.parameter("token");
  if (!token) {
    refuse_storage(kInvalidRequest, "querystring must have required property 'token'");
  }
  const nlohmann::json claims = check_upload_token(*token, name, keys_.jwt_secret, now_s());
  const std::optional<Bucket> bucket = find_bucket(*connections_.take(kPoolWaitMs), name);
  if (!bucket) refuse_storage(kNoSuchBucket, "Bucket not found");
  if (bucket->holds_object && !allows_overwrite(claims)) {
    refuse_storage(kKeyAlreadyExists, "The resource already exists");
  }
  store_bytes(name, claims, *bucket, request);
  return ok({{"Key", name.path()}});
}

void StorageService::store_bytes(const ObjectName& name, const nlohmann::json& token,
                                 const Bucket& bucket, Request& request) {
  const UploadRules rules{
      .size_limit_bytes =
          std::min(bucket.file_size_limit_bytes.value_or(INT64_MAX), limits_.file_size_limit_bytes),
      .allowed_mime_types = bucket.allowed_mime_types};
  const std::string version = random_uuid();
  std::unique_ptr<StagedFile> file = store_.begin(version);
  const UploadFacts facts =
      receive_upload(request, rules, [&](std::string_view bytes) { file->write(bytes); });
  file->commit();  // the bytes first: a crash here leaves a file that no row names

  std::string replaced;
  try {
    replaced =
        put_object_row(*connections_.take(kPoolWaitMs),
                       {.name = name,
                        .version = version,
                        .metadata = object_metadata(version, facts.size_bytes, facts.mimetype,
                                                    facts.cache_control, clock_.now_ms()),
                        .user_metadata = facts.user_metadata,
                        .owner_id = owner_of(token)});
  } catch (const pg::PgError&) {
    store_.remove(version);  // the server said no, so no row names it
    throw;
  }
  if (!replaced.empty()) store_.remove(replaced);
}

Reply StorageService::put_as_caller(const ObjectName& name, Request& request) {
  const Caller caller = require_caller(request);
  const bool upsert = request.method == "PUT" || request.header("x-upsert") == "true";
  const Bucket bucket = require_may_put(*connections_.take(kPoolWaitMs), caller,
                                        announced(request, name, caller), upsert);
  store_bytes(name, {{"owner", caller.subject()}}, bucket, request);
  const auto object = find_object(*connections_.take(kPoolWaitMs), caller, name);
  return ok({{"Id", object ? object->id : ""}, {"Key", name.path()}});
}

Reply StorageService::mint_upload_token(const ObjectName& name, const Request& request) {
  const Caller caller = require_caller(request);
  const bool upsert = request.header("x-upsert") == "true";
  require_may_put(*connections_.take(kPoolWaitMs), caller, announced(request, name, caller),
                  upsert);
  nlohmann::json claims{{"url", name.path()},
                        {"upsert", upsert},
                        {"scope", "upload"},
                        {"iat", now_s()},
                        {"exp", now_s() + limits_.upload_token_ttl_s}};
  if (!caller.subject().empty()) claims["owner"] = caller.subject();
  const std::string token = sign_jwt(claims, keys_.jwt_secret);
  return ok({{"url", "/object/upload/sign/" + name.path() + "?token=" + token}, {"token", token}});
}

}  // namespace waybill::standin
