#include "central/storage/storage_client.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace waybill {

namespace {

constexpr std::string_view kRoutes = "/storage/v1/object/";
constexpr std::int64_t kStallTimeoutMs = 60'000;
constexpr int kPartialContent = 206;

constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

/// Percent-encodes what RFC 3986 does not let stand in a path; '/' stays.
std::string encode_path(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

/// What Storage really says: the status and code in the body count, where there are any.
struct Refusal {
  int status = 0;
  std::string code;
};

std::string text_of(const nlohmann::json& body, const char* key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

Refusal refusal_of(const HttpResponse& response) {
  Refusal refusal{response.status, ""};
  const nlohmann::json body = nlohmann::json::parse(response.body, nullptr, false);
  if (!body.is_object()) return refusal;
  refusal.code = text_of(body, "code");
  if (refusal.code.empty()) refusal.code = text_of(body, "error");
  const std::string status = text_of(body, "statusCode");
  int value = 0;
  const auto read = std::from_chars(status.data(), status.data() + status.size(), value);
  if (read.ec == std::errc() && value >= 400 && value < 600) refusal.status = value;
  return refusal;
}

const ErrorCode& code_of(const Refusal& refusal) {
  if (refusal.code == "NoSuchBucket") return error_code::kStorageRefused;
  if (refusal.status == 404) return error_code::kObjectMissing;
  if (refusal.status >= 500 || refusal.status == 429 || refusal.status == 408) {
    return error_code::kStorageUnavailable;
  }
  return error_code::kStorageRefused;
}

bool is_about_access(const Refusal& refusal) {
  return refusal.status == 401 || refusal.status == 403 || refusal.code == "NoSuchBucket";
}

/// What a refused request means. Throws StorageAccessRefused itself.
Error to_error(const HttpResponse& response, std::string_view operation, const std::string& path) {
  const Refusal refusal = refusal_of(response);
  // The code is a word of the service's own; anything longer is not for our logs.
  const std::string code = refusal.code.size() <= 40 ? refusal.code : "";
  const std::string cause =
      fmt::format("Storage answered {}{}{}", refusal.status, code.empty() ? "" : " ", code);
  if (is_about_access(refusal)) {
    throw StorageAccessRefused(error_code::kStorageRefused, operation, path, cause);
  }
  return {code_of(refusal), operation, path, cause};
}

bool is_transport_failure(const Error& error) { return error.code().id.substr(0, 5) == "WB-12"; }

}  // namespace

StorageClient::StorageClient(HttpClient& http, StorageOptions options)
    : http_(http), options_(std::move(options)) {
  while (!options_.project_url.empty() && options_.project_url.back() == '/') {
    options_.project_url.pop_back();
  }
}

HttpRequest StorageClient::request_for(std::string_view route, const std::string& bucket,
                                       const std::string& path) const {
  HttpRequest request;
  request.url.append(options_.project_url).append(kRoutes).append(route);
  if (!bucket.empty()) {
    request.url.append("/").append(encode_path(bucket)).append("/").append(encode_path(path));
  }
  request.headers = {{"apikey", options_.service_key}};
  // The gateway turns an sb_secret key into a role; older keys are tokens that Storage reads.
  if (options_.service_key.rfind("sb_", 0) != 0) {
    request.headers.emplace_back("authorization", "Bearer " + options_.service_key);
  }
  request.stall_timeout_ms = kStallTimeoutMs;
  return request;
}

HttpResponse StorageClient::send(const HttpRequest& request, std::string_view operation,
                                 const std::string& path) {
  try {
    return http_.send(request);
  } catch (const Error& error) {
    if (!is_transport_failure(error)) throw;
    throw Error(error_code::kStorageUnavailable, operation, path, error.cause());
  }
}

void StorageClient::read(const std::string& bucket, const std::string& path,
                         const std::function<void(std::string_view)>& on_bytes) {
  HttpRequest request = request_for("authenticated", bucket, path);
  request.timeout_ms = 0;  // large objects take their time; a stall ends them
  request.on_body = on_bytes;
  const HttpResponse response = send(request, "read object", path);
  if (!response.is_success()) throw to_error(response, "read object", path);
}

void StorageClient::read_range(const std::string& bucket, const std::string& path,
                               std::int64_t begin, std::int64_t end,
                               const std::function<void(std::string_view)>& on_bytes) {
  const auto wrong_range = [&path] {
    return Error(error_code::kStorageUnavailable, "read a range of an object", path,
                 "Storage gave other bytes than asked for");
  };
  std::int64_t left = end - begin;
  if (left <= 0) return;
  HttpRequest request = request_for("authenticated", bucket, path);
  request.timeout_ms = 0;
  request.headers.emplace_back("range", fmt::format("bytes={}-{}", begin, end - 1));
  request.on_body = [&](std::string_view bytes) {
    left -= static_cast<std::int64_t>(bytes.size());
    if (left < 0) throw wrong_range();  // all of it, from a server that knows no ranges
    on_bytes(bytes);
  };
  const HttpResponse response = send(request, "read a range of an object", path);
  if (!response.is_success()) throw to_error(response, "read a range of an object", path);
  if (response.status != kPartialContent || left != 0) throw wrong_range();
}

void StorageClient::upload(const std::string& bucket, const std::string& path,
                           std::int64_t size_bytes, const Source& source) {
  HttpRequest request = request_for("", "", "");
  request.url.append(encode_path(bucket)).append("/").append(encode_path(path));
  request.method = "POST";
  request.headers.emplace_back("content-type", "application/octet-stream");
  request.headers.emplace_back("x-upsert", "true");
  request.timeout_ms = 0;
  request.upload_size_bytes = size_bytes;
  request.upload_source = source;
  const HttpResponse response = send(request, "upload object", path);
  if (!response.is_success()) throw to_error(response, "upload object", path);
}

std::optional<ObjectInfo> StorageClient::info(const std::string& bucket, const std::string& path) {
  const HttpResponse response = send(request_for("info", bucket, path), "look at object", path);
  if (!response.is_success()) {
    const Error error = to_error(response, "look at object", path);
    if (&error.code() == &error_code::kObjectMissing) return std::nullopt;
    throw error;
  }
  const nlohmann::json body = nlohmann::json::parse(response.body, nullptr, false);
  if (!body.is_object()) {
    throw Error(error_code::kStorageUnavailable, "look at object", path,
                "the answer is no JSON object");
  }
  ObjectInfo info;
  if (const auto size = body.find("size"); size != body.end() && size->is_number_integer()) {
    info.size_bytes = size->get<std::int64_t>();
  }
  info.etag = text_of(body, "etag");
  return info;
}

void StorageClient::move(const std::string& bucket, const std::string& from,
                         const std::string& to) {
  HttpRequest request = request_for("move", "", "");
  request.method = "POST";
  request.headers.emplace_back("content-type", "application/json");
  request.body =
      nlohmann::json{{"bucketId", bucket}, {"sourceKey", from}, {"destinationKey", to}}.dump();
  const HttpResponse response = send(request, "move object", from);
  // A 2xx is proof only in Storage's own words: something on the way may have answered in its
  // place.
  if (response.is_success() && nlohmann::json::parse(response.body, nullptr, false).is_object()) {
    return;
  }
  const Error error = response.is_success() ? Error(error_code::kStorageUnavailable, "move object",
                                                    from, "the answer is no JSON object")
                                            : to_error(response, "move object", from);
  if (error.is_transient() && &error.code() != &error_code::kObjectMissing) throw error;
  // Refused because an earlier call did it and its answer was lost?
  if (!info(bucket, from) && info(bucket, to)) return;
  throw error;
}

void StorageClient::remove(const std::string& bucket, const std::string& path) {
  HttpRequest request = request_for("", "", "");
  request.url.append(encode_path(bucket)).append("/").append(encode_path(path));
  request.method = "DELETE";
  const HttpResponse response = send(request, "remove object", path);
  if (response.is_success()) return;
  const Error error = to_error(response, "remove object", path);
  if (&error.code() != &error_code::kObjectMissing) throw error;
}

}  // namespace waybill
