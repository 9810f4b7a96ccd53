// LiveBandwidth: the limit that counts now, by the configuration as it stands now.
//
// Place:    agent/config; the program's loop looks after it, upload threads ask it through a Pacer.
// Rule:     upload.bandwidth is read again when the configuration's file has changed; nothing else
//           of it is. A file that cannot be read is told once, and what was good stays.
// Threads:  look() by the program's loop alone, limit_bytes_s() by any.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>

#include "agent/config/bandwidth_config.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "core/local_day.h"

namespace waybill {

/// The limit at that moment; windows are of the agency's local time, daylight saving and all.
[[nodiscard]] std::int64_t limit_kbit_s(const BandwidthConfig& config, const LocalDay& local_day,
                                        std::int64_t utc_ms);

class LiveBandwidth {
 public:
  LiveBandwidth(FileSystem& files, const Clock& clock, const LocalDay& local_day,
                std::filesystem::path config_file, BandwidthConfig config);

  /// Reads the file again when it has changed; looks at most once a second.
  void look();
  [[nodiscard]] std::int64_t limit_bytes_s();

 private:
  FileSystem& files_;
  const Clock& clock_;
  const LocalDay& local_day_;
  std::filesystem::path config_file_;
  std::optional<FileStat> seen_;
  std::int64_t looked_steady_ms_;
  std::mutex mutex_;  // guards what follows
  BandwidthConfig config_;
};

}  // namespace waybill
