// "Sat, 21 Nov 2026 03:00:00 GMT" (RFC 9110), as HTTP headers write times.
#pragma once

#include <cstdint>
#include <string>

namespace waybill::standin {

[[nodiscard]] std::string http_date(std::int64_t utc_ms);

}  // namespace waybill::standin
