#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "core/error.h"
#include "core/local_day.h"

namespace waybill {

namespace {

class PosixLocalDay final : public LocalDay {
 public:
  [[nodiscard]] std::string date_of(std::int64_t utc_ms) const override {
    std::int64_t seconds = utc_ms / 1000;
    if (utc_ms % 1000 < 0) --seconds;
    const std::time_t moment = static_cast<std::time_t>(seconds);
    std::tm local{};
    if (::localtime_r(&moment, &local) == nullptr) {
      throw Error(error_code::kInternal, "find local day", std::to_string(utc_ms), "out of range");
    }
    char text[16];
    if (std::strftime(text, sizeof text, "%Y-%m-%d", &local) == 0) {
      throw Error(error_code::kInternal, "write local day", std::to_string(utc_ms), "out of range");
    }
    return text;
  }

  [[nodiscard]] std::int64_t utc_ms_of(const std::string& date,
                                       std::int32_t minutes) const override {
    const std::int64_t as_if_utc_s = utc_midnight_ms(date) / 1000 + std::int64_t{minutes} * 60;
    const std::int64_t offset_before_s = offset_s(as_if_utc_s - kDayS);
    const std::int64_t offset_after_s = offset_s(as_if_utc_s + kDayS);
    // Both offsets hold in autumn's doubled hour, neither in spring's skipped one.
    const std::int64_t with_after_s = as_if_utc_s - offset_after_s;
    if (offset_s(with_after_s) == offset_after_s) return with_after_s * 1000;
    return (as_if_utc_s - offset_before_s) * 1000;
  }

 private:
  static constexpr std::int64_t kDayS = 86'400;

  /// How far local clocks are ahead of UTC at that moment.
  static std::int64_t offset_s(std::int64_t utc_s) {
    const std::time_t moment = static_cast<std::time_t>(utc_s);
    std::tm local{};
    if (::localtime_r(&moment, &local) == nullptr) {
      throw Error(error_code::kInternal, "find local time", std::to_string(utc_s), "out of range");
    }
    return local.tm_gmtoff;
  }
};

/// The C library takes an unknown zone silently for UTC, so we look for its file ourselves.
bool is_known(const std::string& zone) {
  if (zone == "UTC") return true;
  if (zone.empty() || zone.front() == '/' || zone.find("..") != std::string::npos) return false;
  const char* folder = std::getenv("TZDIR");
  const std::filesystem::path root(folder != nullptr ? folder : "/usr/share/zoneinfo");
  std::error_code ignored;
  return std::filesystem::is_regular_file(root / zone, ignored);
}

}  // namespace

std::unique_ptr<LocalDay> system_local_day(const std::string& iana_zone) {
  if (!is_known(iana_zone)) {
    throw Error(error_code::kConfigInvalid, "use time zone", iana_zone,
                "this system does not know it; install its time zone data (tzdata)");
  }
  ::setenv("TZ", (":" + iana_zone).c_str(), 1);
  ::tzset();
  return std::make_unique<PosixLocalDay>();
}

}  // namespace waybill
