// Glob: file name patterns, as file specs use them.
//
// Place:    core. `*` any characters, `?` one, `[abc]` `[a-z]` `[!abc]` one of a set; ASCII case
//           is ignored. A character is a Unicode one; in names that are not UTF-8, a byte.
#pragma once

#include <string_view>

namespace waybill {

/// Does all of `name` match? Time grows with the product of the lengths at most.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view name);

/// Is every set closed and not empty, and every range the right way round?
[[nodiscard]] bool is_valid_glob(std::string_view pattern);

}  // namespace waybill
