// RequestFolder: what commands ask of the running agent, as small files in the state folder.
//
// Place:    agent/engine; commands write, the engine takes. No socket, no port: whoever may write
//           into the state folder may ask.
// Rule:     a request is done and recorded first, then its file goes: a kill between leads to the
//           same request again, and so each must bear being done twice.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file_system.h"

namespace waybill {

/// The kind of requests for another try: {"relative_path"}, "" for all that were given up.
inline constexpr const char* kRetryRequests = "retry";

class RequestFolder {
 public:
  /// `kind` as in "backfill": the requests lie in <state folder>/backfill-requests.
  RequestFolder(FileSystem& files, const std::filesystem::path& state_folder, std::string kind);

  /// Writes it durably; a running agent takes it within seconds, another at its next start.
  void put(const std::string& request_id, const nlohmann::json& request);

  /// Gives each request to `take`, in the order of their names, and removes it. What is no request
  /// (json::exception) is told and removed; when `take` throws Error, it stays.
  void take_all(const std::function<void(const nlohmann::json&)>& take);

 private:
  FileSystem& files_;
  std::filesystem::path folder_;
  std::string kind_;
};

}  // namespace waybill
