// BandwidthConfig: how much of the site's line the uploads may take, by the hours of the week.
//
// Place:    agent/config; read from the configuration's upload.bandwidth.
// Units:    *_kbit_s are 1,000 bits a second; minutes are of the local day.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace waybill {

/// One line of the timetable. `to_minute` at or before `from_minute` ends on the next day.
struct BandwidthWindow {
  std::array<bool, 7> weekdays{};  ///< on which it begins; Monday first
  std::int32_t from_minute = 0;    ///< 0 to 1439
  std::int32_t to_minute = 0;
  std::int64_t limit_kbit_s = 0;  ///< 0: no limit
};

struct BandwidthConfig {
  std::int64_t limit_kbit_s = 0;           ///< where no window is open; 0: no limit
  std::vector<BandwidthWindow> windows{};  ///< the first that is open counts
};

}  // namespace waybill
