// FetchConfig: one HTTP API of the partner's that is read on a schedule.
//
// Place:    agent/fetch; read from the configuration's key "fetch".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/fetch/page_lines.h"
#include "core/ids.h"

namespace waybill {

struct FetchConfig {
  std::string name;  ///< [a-z0-9_-]; names the fetch in ledger, logs and status
  std::string url;   ///< https, or http to loopback
  std::int64_t every_minutes = 60;
  FileTag file_tag;       ///< of the files it makes; their names must match the tag's spec
  std::string file_name;  ///< with %Y %m %d %H %M %S, the start of the run in UTC
  PageShape shape;
  std::string cursor_parameter;        ///< of the query; given exactly when shape.next is
  bool is_incremental = false;         ///< a run goes on where the last one ended
  std::filesystem::path headers_file;  ///< private JSON file; "" for none
  std::int64_t page_limit = 10'000;    ///< pages in one run
};

}  // namespace waybill
