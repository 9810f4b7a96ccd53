// One page of a partner's HTTP API over the wire.
//
// Place:    agent/fetch; BackgroundPages calls it, over sync/http.
// Safety:   TLS as everywhere (https, or http to loopback); no redirect is followed. Credentials
//           are read from a private file for each request and are in no message.
// Errors:   WB-1401 no answer, or one that passes (408, 429, 5xx); WB-1402 refused (401, 403) or
//           no usable credentials file; WB-1403 another answer than configured.
#pragma once

#include <filesystem>
#include <string>

#include "agent/fetch/page_lines.h"
#include "core/file_system.h"
#include "sync/http/http_client.h"

namespace waybill {

struct PageRequest {
  std::string fetch_name;
  std::string url;  ///< without the cursor; its query stays out of messages
  std::string cursor_parameter;
  std::string cursor;                  ///< "" for the first page
  std::filesystem::path headers_file;  ///< JSON object of header names and values; "" for none
  PageShape shape;
};

[[nodiscard]] PageLines fetch_page(FileSystem& files, HttpClient& http, const PageRequest& request);

}  // namespace waybill
