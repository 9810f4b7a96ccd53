#include "agent/config/live_bandwidth.h"

#include "agent/config/agent_config.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kLookMs = 1'000;
constexpr std::int64_t kBytesOfKbit = 125;

bool begins_on(const BandwidthWindow& window, const std::string& date, const LocalDay& local_day,
               std::int64_t utc_ms) {
  if (!window.weekdays[weekday_of(date)]) return false;
  const bool ends_next_day = window.to_minute <= window.from_minute;
  const std::int64_t from = local_day.utc_ms_of(date, window.from_minute);
  const std::int64_t to =
      local_day.utc_ms_of(ends_next_day ? shifted_date(date, 1) : date, window.to_minute);
  return from <= utc_ms && utc_ms < to;
}

}  // namespace

std::int64_t limit_kbit_s(const BandwidthConfig& config, const LocalDay& local_day,
                          std::int64_t utc_ms) {
  if (config.windows.empty()) return config.limit_kbit_s;
  const std::string today = local_day.date_of(utc_ms);
  const std::string yesterday = shifted_date(today, -1);
  for (const BandwidthWindow& window : config.windows) {
    if (begins_on(window, today, local_day, utc_ms) ||
        begins_on(window, yesterday, local_day, utc_ms)) {
      return window.limit_kbit_s;
    }
  }
  return config.limit_kbit_s;
}

LiveBandwidth::LiveBandwidth(FileSystem& files, const Clock& clock, const LocalDay& local_day,
                             std::filesystem::path config_file, BandwidthConfig config)
    : files_(files),
      clock_(clock),
      local_day_(local_day),
      config_file_(std::move(config_file)),
      seen_(files.stat(config_file_)),
      looked_steady_ms_(clock.steady_ms()),
      config_(std::move(config)) {}

void LiveBandwidth::look() {
  const std::int64_t now = clock_.steady_ms();
  if (now - looked_steady_ms_ < kLookMs) return;
  looked_steady_ms_ = now;
  const std::optional<FileStat> stat = files_.stat(config_file_);
  if (stat == seen_) return;
  seen_ = stat;
  try {
    BandwidthConfig config = read_agent_config(files_, config_file_).upload.bandwidth;
    {
      const std::lock_guard lock(mutex_);
      config_ = std::move(config);
    }
    log_info(
        "the configuration has changed; its bandwidth limits count from now on, the rest of "
        "it when the agent is started again");
  } catch (const Error& error) {
    log_error(error);
    log_warning("the bandwidth limits stay as they were");
  }
}

std::int64_t LiveBandwidth::limit_bytes_s() {
  const std::lock_guard lock(mutex_);
  return limit_kbit_s(config_, local_day_, clock_.now_ms()) * kBytesOfKbit;
}

}  // namespace waybill
