#include "central/authoring/pattern_overlap.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/glob.h"
#include "core/utf8.h"

namespace waybill::authoring {

namespace {

constexpr char kFirstVisible = ' ';
constexpr char kLastVisible = '~';

/// Octets of the character that `text` begins with; 1 when it is no UTF-8.
std::size_t character_size(std::string_view text) {
  for (std::size_t size = 1; size <= std::min(kUtf8BytesMax, text.size()); ++size) {
    if (is_valid_utf8(text.substr(0, size))) return size;
  }
  return 1;
}

/// The pattern's elements: "*", "?", a set, or a character.
std::vector<std::string_view> elements_of(std::string_view pattern) {
  std::vector<std::string_view> elements;
  while (!pattern.empty()) {
    // A ']' in first place is a member of its set.
    const std::size_t members = pattern.substr(0, 2) == "[!" ? 2 : 1;
    const std::size_t size =
        pattern.front() == '[' ? pattern.find(']', members + 1) + 1 : character_size(pattern);
    elements.push_back(pattern.substr(0, size));
    pattern.remove_prefix(size);
  }
  return elements;
}

bool is_set(std::string_view element) { return element.size() > 1 && element.front() == '['; }

/// Is there a character that both take?
bool have_common_character(std::string_view left, std::string_view right) {
  if (left == "?" || right == "?") return true;  // a set that takes nothing is no pattern
  if (!is_set(left)) return matches_glob(right, left);
  if (!is_set(right)) return have_common_character(right, left);
  for (char c = kFirstVisible; c <= kLastVisible; ++c) {
    const std::string_view one(&c, 1);
    if (matches_glob(left, one) && matches_glob(right, one)) return true;
  }
  for (std::string_view members : {left, right}) {
    while (!members.empty()) {
      const std::string_view member = members.substr(0, character_size(members));
      if (matches_glob(left, member) && matches_glob(right, member)) return true;
      members.remove_prefix(member.size());
    }
  }
  return false;
}

}  // namespace

bool have_common_name(std::string_view left, std::string_view right) {
  const std::vector<std::string_view> lefts = elements_of(left);
  const std::vector<std::string_view> rights = elements_of(right);
  // above[j]: have the rests from i + 1 and from j a common name? row[j]: those from i and j?
  std::vector<bool> above;
  for (std::size_t i = lefts.size() + 1; i-- > 0;) {
    std::vector<bool> row(rights.size() + 1);
    for (std::size_t j = rights.size() + 1; j-- > 0;) {
      const bool has_left = i < lefts.size();
      const bool has_right = j < rights.size();
      if (!has_left && !has_right) {
        row[j] = true;
      } else if (has_left && lefts[i] == "*") {
        row[j] = above[j] || (has_right && row[j + 1]);
      } else if (has_right && rights[j] == "*") {
        row[j] = row[j + 1] || (has_left && above[j]);
      } else {
        row[j] =
            has_left && has_right && above[j + 1] && have_common_character(lefts[i], rights[j]);
      }
    }
    above = std::move(row);
  }
  return above.front();
}

}  // namespace waybill::authoring
