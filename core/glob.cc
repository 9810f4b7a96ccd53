#include "core/glob.h"

#include <algorithm>
#include <cstddef>

#include "core/ascii.h"
#include "core/utf8.h"

namespace waybill {

namespace {

/// The first character of `text`, which is not empty: one byte when it is not UTF-8.
std::string_view first_character(std::string_view text) {
  const unsigned lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0xC0U ? 1 : lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
  const std::string_view character = text.substr(0, size);
  return is_valid_utf8(character) ? character : text.substr(0, 1);
}

std::string_view take_character(std::string_view& text) {
  const std::string_view character = first_character(text);
  text.remove_prefix(character.size());
  return character;
}

/// A letter in lower case; other characters as they are. UTF-8 sorts as its code points do.
struct Folded {
  explicit Folded(std::string_view character)
      : lower(character.size() == 1 ? to_ascii_lower(character.front()) : '\0'), text(character) {}
  [[nodiscard]] std::string_view view() const {
    return text.size() == 1 ? std::string_view(&lower, 1) : text;
  }
  char lower;
  std::string_view text;
};

/// The set at the front of `pattern`, '[' already taken: does it hold `character`? Takes the set
/// off the pattern. `is_valid` tells whether it was well formed.
bool take_set(std::string_view& pattern, std::string_view character, bool& is_valid) {
  const Folded wanted(character);
  const bool is_negated = !pattern.empty() && pattern.front() == '!';
  if (is_negated) pattern.remove_prefix(1);
  bool is_member = false;
  is_valid = false;
  // A ']' in first place is a member, so that it can be one at all.
  for (bool is_first = true; !pattern.empty(); is_first = false) {
    if (pattern.front() == ']' && !is_first) {
      pattern.remove_prefix(1);
      is_valid = true;
      return is_member != is_negated;
    }
    const Folded low(take_character(pattern));
    std::string_view high_text = low.text;
    if (pattern.size() >= 2 && pattern[0] == '-' && pattern[1] != ']') {
      pattern.remove_prefix(1);
      high_text = take_character(pattern);
    }
    const Folded high(high_text);
    if (high.view() < low.view()) return false;
    if (low.view() <= wanted.view() && wanted.view() <= high.view()) is_member = true;
  }
  return false;
}

/// Takes one pattern element that is not '*' and one character of the name; do they match?
bool take_match(std::string_view& pattern, std::string_view& name) {
  const std::string_view element = take_character(pattern);
  const std::string_view character = take_character(name);
  if (element == "?") return true;
  bool is_valid = false;
  if (element == "[") return take_set(pattern, character, is_valid);
  return Folded(element).view() == Folded(character).view();
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view name) {
  std::string_view after_star;
  std::string_view retry_name;
  bool has_star = false;
  for (;;) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      after_star = pattern;
      retry_name = name;
      has_star = true;
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty() && !name.empty() && take_match(pattern, name)) continue;
    // The last star takes one character more.
    if (!has_star || retry_name.empty()) return false;
    take_character(retry_name);
    name = retry_name;
    pattern = after_star;
  }
}

bool is_valid_glob(std::string_view pattern) {
  while (!pattern.empty()) {
    if (take_character(pattern) != "[") continue;
    bool is_valid = false;
    take_set(pattern, "x", is_valid);
    if (!is_valid) return false;
  }
  return true;
}

}  // namespace waybill
