// LocalDay: the port that tells which calendar day it is where the agency is.
//
// Place:    core; the system's time zone data in core/platform/, a fixed offset in tests.
// Source:   the zone is the IANA name that central gave at enrolment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace waybill {

class LocalDay {
 public:
  virtual ~LocalDay() = default;
  /// "YYYY-MM-DD" of that moment in the agency's zone, daylight saving and all.
  [[nodiscard]] virtual std::string date_of(std::int64_t utc_ms) const = 0;
};

/// The system's own zone rules for `iana_zone`. Sets the zone of the whole process, so call it
/// once, in main(), before any thread is started. Throws WB-1002 when the system does not know it.
[[nodiscard]] std::unique_ptr<LocalDay> system_local_day(const std::string& iana_zone);

}  // namespace waybill
