// "1 row", "12 rows": a count in what people read.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace waybill {

/// `thing` in the singular; its plural is made with an s.
[[nodiscard]] inline std::string count_of(std::int64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace waybill
