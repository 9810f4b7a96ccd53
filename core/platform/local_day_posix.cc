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
