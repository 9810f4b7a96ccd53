// A page of a partner's HTTP API, turned into JSON lines.
//
// Place:    agent/fetch. Pure: text in, text out.
// Rule:     numbers go through as they were written, digit by digit: a price keeps its zeros and a
//           long id its last digits. Keys stay in their order.
// Errors:   WB-1403 naming what is not as configured, never a value of the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

/// Where in an answer the rows and the cursor of the next page are; JSON pointers (RFC 6901).
struct PageShape {
  std::string rows;                 ///< "/data/items"; "" when the answer is the list itself
  std::optional<std::string> next;  ///< "/paging/next"; nothing when there is one page only
};

struct PageLines {
  std::string lines;  ///< one JSON object a line, each ended by a newline
  std::int64_t row_count = 0;
  std::optional<std::string> next;  ///< nothing when the answer has none, or null or ""
};

[[nodiscard]] PageLines read_page(std::string_view fetch_name, std::string_view body,
                                  const PageShape& shape);

/// What is wrong with a JSON pointer, for the person who wrote it; "" when nothing is.
[[nodiscard]] std::string json_pointer_problem(std::string_view pointer);

}  // namespace waybill
