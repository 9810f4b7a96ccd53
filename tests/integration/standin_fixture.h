// StandInFixture: a stand-in of its own on a fresh database, spoken to by real HTTP.
//
// Place:    tests/integration; each fixture has its own database, objects folder and port.
#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "central/pg/connection.h"
#include "central/standin/jwt.h"
#include "central/standin/keys.h"
#include "central/standin/server.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "sync/http/http_client.h"
#include "tests/support/private_postgres.h"

namespace waybill {

inline std::filesystem::path fresh_folder() {
  auto folder = std::filesystem::temp_directory_path() / ("waybill-standin-" + random_uuid());
  std::filesystem::create_directories(folder);
  return folder;
}

class StandInFixture {
 public:
  static constexpr const char* kBucket = "waybill-exports";

  explicit StandInFixture(standin::StorageLimits limits = {}, standin::TusOptions resumable = {})
      : folder(fresh_folder()),
        keys(standin::make_keys()),
        database_url(PrivatePostgres::shared().fresh_database()),
        database(database_url),
        server(options(limits, resumable)),
        client(HttpOptions{}) {}
  ~StandInFixture() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  StandInFixture(const StandInFixture&) = delete;
  StandInFixture& operator=(const StandInFixture&) = delete;

  // HTTP

  HttpResponse send(const std::string& method, const std::string& target, HttpHeaders headers = {},
                    const std::string& body = {}) {
    HttpRequest request;
    request.method = method;
    request.url = server.url() + target;
    request.headers = std::move(headers);
    if (method == "PUT" || method == "POST" || method == "PATCH") {
      // A length is announced also for an empty body.
      request.upload_size_bytes = static_cast<std::int64_t>(body.size());
      request.upload_source = [rest = std::string_view(body)](char* into,
                                                              std::size_t capacity) mutable {
        const std::size_t count = rest.copy(into, capacity);
        rest.remove_prefix(count);
        return count;
      };
    }
    return client.send(request);
  }

  /// POST of a function as `anon`.
  HttpResponse rpc(const std::string& function, const std::string& body, HttpHeaders headers = {}) {
    headers.emplace_back("apikey", keys.publishable_key);
    headers.emplace_back("content-type", "application/json");
    return send("POST", "/rest/v1/rpc/" + function, std::move(headers), body);
  }

  // Storage

  [[nodiscard]] nlohmann::json upload_claims(const std::string& key) const {
    return {{"url", std::string(kBucket) + "/" + key},
            {"upsert", false},
            {"scope", "upload"},
            {"iat", now_s()},
            {"exp", now_s() + 600}};
  }
  [[nodiscard]] std::string signed_target(const std::string& key,
                                          const nlohmann::json& claims) const {
    return "/storage/v1/object/upload/sign/" + std::string(kBucket) + "/" + key +
           "?token=" + standin::sign_jwt(claims, keys.jwt_secret);
  }
  [[nodiscard]] std::string signed_target(const std::string& key) const {
    return signed_target(key, upload_claims(key));
  }
  HttpResponse put(const std::string& key, const std::string& bytes, HttpHeaders headers = {}) {
    return send("PUT", signed_target(key), std::move(headers), bytes);
  }
  HttpResponse get_as_service(const std::string& key, HttpHeaders headers = {}) {
    headers.emplace_back("apikey", keys.secret_key);
    return send("GET", "/storage/v1/object/" + std::string(kBucket) + "/" + key,
                std::move(headers));
  }

  // What is on the other side

  std::int64_t count(const std::string& sql) { return database.exec(sql).integer(0, 0); }
  std::int64_t object_rows() { return count("SELECT count(*) FROM storage.objects"); }
  /// Files of versions; anything half-written counts too.
  [[nodiscard]] std::int64_t object_files() const {
    return files_below(folder / "objects") - upload_files() - 1;  // the lock
  }
  /// Files of resumable uploads: bytes, and what was said of them.
  [[nodiscard]] std::int64_t upload_files() const {
    return files_below(folder / "objects" / "uploads");
  }

  static std::int64_t files_below(const std::filesystem::path& root) {
    std::int64_t found = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) ++found;
    }
    return found;
  }

  static std::int64_t now_s() { return SystemClock().now_ms() / 1000; }

  std::filesystem::path folder;
  standin::ProjectKeys keys;
  std::string database_url;
  pg::Connection database;
  standin::StandIn server;
  HttpClient client;

 private:
  standin::StandInOptions options(standin::StorageLimits limits,
                                  standin::TusOptions resumable) const {
    return {.database_url = database_url,
            .objects_folder = folder / "objects",
            .keys = keys,
            .listen = "127.0.0.1:0",
            .allow_remote = false,
            .threads = 8,
            .connections = 4,
            .limits = limits,
            .resumable = resumable};
  }
};

/// A connection that sends exactly the bytes it is told to.
class RawClient {
 public:
  explicit RawClient(const StandInFixture& fixture)
      : socket_(Poco::Net::SocketAddress(fixture.server.url().substr(7))) {
    socket_.setReceiveTimeout(Poco::Timespan(10, 0));
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int count = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// What comes until the other side closes or `until` was seen.
  std::string receive(const std::string& until) {
    std::string text;
    std::vector<char> block(4096);
    while (text.find(until) == std::string::npos) {
      const int count = socket_.receiveBytes(block.data(), static_cast<int>(block.size()));
      if (count <= 0) break;
      text.append(block.data(), static_cast<std::size_t>(count));
    }
    return text;
  }
  void close() { socket_.close(); }

 private:
  Poco::Net::StreamSocket socket_;
};

/// The body as JSON; what is none becomes null, which equals no expectation.
inline nlohmann::json json_of(const HttpResponse& response) {
  auto value = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? nlohmann::json(nullptr) : value;
}

}  // namespace waybill
