// The stand-in in front of a worker test's database, and an agent's signed PUT to it.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "central/standin/server.h"
#include "sync/http/http_client.h"
#include "tests/integration/worker_fixture.h"

namespace waybill::test {

/// The stand-in in front of Central's database, its objects in a folder of their own.
class RunningStandIn {
 public:
  explicit RunningStandIn(Central& central)
      : folder_(std::filesystem::temp_directory_path() / ("waybill-objects-" + random_uuid())) {
    options_.database_url = central.url;
    options_.objects_folder = folder_;
    options_.listen = "127.0.0.1:0";
    options_.keys = {"sb_publishable_of_the_tests", kServiceKey,
                     central.value("SELECT decrypted_secret FROM vault.decrypted_secrets WHERE "
                                   "name = 'waybill_storage_signing_secret'")};
    server_ = std::make_unique<standin::StandIn>(options_);
  }
  ~RunningStandIn() {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  RunningStandIn(const RunningStandIn&) = delete;
  RunningStandIn& operator=(const RunningStandIn&) = delete;

  [[nodiscard]] std::string url() const { return server_->url(); }
  /// Files on its disk: one for each object, and what it keeps of its own.
  [[nodiscard]] std::int64_t stored_files() const {
    std::int64_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }

 private:
  const std::filesystem::path folder_;
  standin::StandInOptions options_;
  std::unique_ptr<standin::StandIn> server_;
};

inline HttpResponse put(HttpClient& http, const std::string& url, const std::string& content) {
  HttpRequest request;
  request.method = "PUT";
  request.url = url;
  request.headers = {{"content-type", "text/csv"}};
  request.upload_size_bytes = static_cast<std::int64_t>(content.size());
  std::size_t sent = 0;
  request.upload_source = [&](char* into, std::size_t room) {
    const std::size_t count = std::min(room, content.size() - sent);
    content.copy(into, count, sent);
    sent += count;
    return count;
  };
  HttpResponse response = http.send(request);
  UNSCOPED_INFO(response.body);
  return response;
}

}  // namespace waybill::test
