#include "core/read/timestamp_format.h"

#include "core/ascii.h"
#include "core/read/json_text.h"

namespace waybill {

namespace {

char* write_offset(char* out, const UtcOffset& offset) {
  *out++ = offset.sign;
  if (offset.sign == 'Z') return out;
  out = write_digits(out, static_cast<unsigned>(offset.hours), 2);
  *out++ = ':';
  return write_digits(out, static_cast<unsigned>(offset.minutes), 2);
}

char* write_time(char* out, const Moment& moment) {
  out = write_digits(out, static_cast<unsigned>(moment.hour), 2);
  *out++ = ':';
  out = write_digits(out, static_cast<unsigned>(moment.minute), 2);
  *out++ = ':';
  out = write_digits(out, static_cast<unsigned>(moment.second), 2);
  if (moment.fraction.empty()) return out;
  *out++ = '.';
  return write_raw(out, moment.fraction);
}

std::string zone_text(std::string_view time_zone) {
  if (time_zone.empty()) return "";
  return equal_ignoring_case(time_zone, "UTC") ? "Z" : " " + std::string(time_zone);
}

}  // namespace

TimestampFormat::TimestampFormat(std::string_view format, std::string_view time_zone)
    : format_(format), zone_text_(zone_text(time_zone)) {}

bool TimestampFormat::write(std::string_view text, char*& out) const {
  const std::optional<Moment> moment = format_.parse(text);
  if (!moment) return false;
  *out++ = '"';
  out = write_date(out, moment->date);
  *out++ = 'T';
  out = write_time(out, *moment);
  out = zone_text_.empty() ? write_offset(out, moment->offset) : write_raw(out, zone_text_);
  *out++ = '"';
  return true;
}

}  // namespace waybill
