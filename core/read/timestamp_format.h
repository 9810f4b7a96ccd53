// TimestampFormat: reads points in time written in one format, and writes them for PostgreSQL.
//
// Place:    core; ColumnValue above, MomentFormat below.
// Rule:     nothing is converted and nothing rounded, so both ends write the same without any time
//           zone data: the clock time as written, and beside it whose clock it was.
#pragma once

#include <string>
#include <string_view>

#include "core/read/moment_format.h"

namespace waybill {

class TimestampFormat {
 public:
  TimestampFormat() = default;
  /// `time_zone`: whose clock the times are of; "" when the format has %z.
  TimestampFormat(std::string_view format, std::string_view time_zone);

  [[nodiscard]] bool matches(std::string_view text) const {
    return format_.parse(text).has_value();
  }

  /// Writes the JSON string that PostgreSQL casts to timestamptz: "2026-11-21T18:40:00.5+01:00",
  /// "2026-11-21T17:40:00Z", "2026-11-21T18:40:00 Europe/Paris". False, and nothing written, when
  /// `text` is no such time. A fraction may have nine digits; PostgreSQL rounds to six.
  [[nodiscard]] bool write(std::string_view text, char*& out) const;

  /// Room that a value needs beyond what a JSON string of its text would.
  [[nodiscard]] std::size_t overhead_bytes() const { return zone_text_.size(); }

 private:
  MomentFormat format_;
  std::string zone_text_;  ///< behind every time: "Z", or a blank and the name; "": of %z
};

}  // namespace waybill
