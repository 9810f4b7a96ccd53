#include "central/standin/http_date.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/Timestamp.h>

namespace waybill::standin {

std::string http_date(std::int64_t utc_ms) {
  return Poco::DateTimeFormatter::format(Poco::Timestamp(utc_ms * 1000),
                                         "%w, %d %b %Y %H:%M:%S GMT");
}

}  // namespace waybill::standin
