// FetchRecord: how far the reading of one of the partner's HTTP APIs has come.
//
// Place:    agent/ledger; the fetcher moves it, status shows it.
// Source:   a row of the ledger's table fetch; field names are column names.
// Units:    *_ms are UTC milliseconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/wire.h"

namespace waybill {

enum class FetchState : std::uint8_t {
  kIdle,      ///< waits for its next run
  kFetching,  ///< so many pages are on disk, the next one starts at run_cursor
  kPlacing,   ///< all pages are on disk; the file is to be put into the export folder
};

inline constexpr std::array<std::string_view, 3> kFetchStateNames = {"idle", "fetching", "placing"};

struct FetchRecord {
  std::string name;
  FetchState state = FetchState::kIdle;
  std::string cursor;      ///< where the next run starts; "" at the beginning
  std::string run_cursor;  ///< where the running run asks next
  std::string file_name;   ///< of the running or last run
  std::int64_t started_at_ms = 0;
  std::int64_t page_count = 0;
  std::int64_t row_count = 0;
  std::int64_t last_good_at_ms = 0;  ///< end of the last run that came through; 0: none yet
  std::int64_t last_row_count = 0;
  std::int32_t failures = 0;  ///< in a row
  std::int64_t next_try_at_ms = 0;
  std::optional<wire::FileProblem> problem{};
};

}  // namespace waybill
