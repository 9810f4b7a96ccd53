// PatternOverlap: is there a file name that two patterns both take?
//
// Place:    central/authoring; SpecLint above, core's glob decides what one element takes.
// Limits:   of two sets, ASCII characters and those that the sets name are tried.
#pragma once

#include <string_view>

namespace waybill::authoring {

/// Both are valid. Time grows with the product of the lengths.
[[nodiscard]] bool have_common_name(std::string_view left, std::string_view right);

}  // namespace waybill::authoring
