// Suggest: the known word that somebody probably meant.
//
// Place:    core; for messages about unknown keys and values.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace waybill {

/// The word of `known` nearest to `word`, or empty when none is near (at most a third of its
/// letters changed, at least one may be). Words are compared over their first 64 octets.
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            std::span<const std::string_view> known);

/// "a, b, c", for saying what is allowed.
[[nodiscard]] std::string list_words(std::span<const std::string_view> words);

}  // namespace waybill
