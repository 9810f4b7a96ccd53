// QuotedName: a name out of a file, for a line that a terminal shows.
//
// Place:    central/authoring; whatever writes messages above.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace waybill::authoring {

/// The name as JSON writes it, so that no terminal obeys its control characters; bytes that are no
/// UTF-8 are replaced.
[[nodiscard]] inline std::string quoted_name(std::string_view name) {
  return nlohmann::json(std::string(name))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace waybill::authoring
