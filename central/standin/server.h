// StandIn: the HTTP server in front of RpcService, StorageService and TusService.
//
// Place:    central/standin; with request_body, upload_body.cc and http_date.cc the owner of Poco.
// Parses a request, gives it to a
//           service, sends the answer, writes one access line.
// Threads:  one a connection, at most `threads`; the services are used from all of them.
// Rule:     an access line has method, path, status, size and time; never the query, never a
//           header. The id of a resumable upload holds no token.
// Errors:   WB-5006 for an address that is none or may not be used, WB-5007 when it is
// taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "central/standin/keys.h"
#include "central/standin/storage_service.h"
#include "central/standin/tus_service.h"

namespace waybill::standin {

struct StandInOptions {
  std::string database_url{};
  std::filesystem::path objects_folder{};
  ProjectKeys keys{};
  std::string listen = "127.0.0.1:8000";  ///< HOST:PORT; port 0 takes any free one
  bool allow_remote = false;              ///< listen on another address than loopback
  int threads = 64;
  int connections = 16;  ///< to the database, at most
  StorageLimits limits{};
  TusOptions resumable{};
};

class StandIn {
 public:
  /// Checks the options, reaches the database once and starts to serve.
  explicit StandIn(const StandInOptions& options);
  /// Stops: answers in progress are cut off.
  ~StandIn();
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  /// "http://127.0.0.1:8000", with the port that was taken.
  [[nodiscard]] std::string url() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace waybill::standin
