#include "central/authoring/file_name_pattern.h"

#include <algorithm>
#include <string_view>

#include "core/ascii.h"
#include "core/glob.h"
#include "core/utf8.h"

namespace waybill::authoring {

namespace {

constexpr std::size_t kDateDigits = 8;
constexpr std::size_t kPatternBytesMax = 255;
constexpr std::string_view kSeparators = "-_.";
constexpr char kStar = '\0';  // stands in no file name

std::size_t count_digits(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_ascii_digit(text[at + count])) ++count;
  return count;
}

bool is_separator(std::string_view text, std::size_t at) {
  return at < text.size() && kSeparators.find(text[at]) != std::string_view::npos;
}

/// The length of a date that begins at `at`, where no digit stands before: 20261120, 2026-11-20,
/// 20.11.2026; 0: none.
std::size_t date_length(std::string_view name, std::size_t at) {
  const std::size_t first = count_digits(name, at);
  if (first >= kDateDigits) return first;
  const std::size_t second_at = at + first + 1;
  if (!is_separator(name, at + first) || count_digits(name, second_at) != 2) return 0;
  const std::size_t third_at = second_at + 3;
  if (third_at > name.size() || name[third_at - 1] != name[at + first]) return 0;
  const std::size_t third = count_digits(name, third_at);
  const bool is_date = (first == 4 && third == 2) || (first == 2 && third == 4);
  return is_date ? third_at + third - at : 0;
}

/// A time behind a date changes with it: "_101500", "T10-15-00"; 0: none.
std::size_t time_length(std::string_view name, std::size_t at) {
  std::size_t length = 0;
  for (;;) {
    const bool may_follow =
        is_separator(name, at + length) || (at + length < name.size() && name[at + length] == 'T');
    const std::size_t digits = may_follow ? count_digits(name, at + length + 1) : 0;
    if (digits < 2) return length;
    length += 1 + digits;
  }
}

/// The name with a star in place of each date.
std::string without_dates(std::string_view name) {
  std::string text;
  for (std::size_t at = 0; at < name.size();) {
    const bool is_inside = at > 0 && is_ascii_digit(name[at - 1]);
    const std::size_t length = is_inside ? 0 : date_length(name, at);
    if (length == 0) {
      text += name[at++];
      continue;
    }
    text += kStar;
    at += length;
    at += time_length(name, at);
  }
  return text;
}

/// Is the byte inside a character?
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// What all have in common at both ends, with a star between; a number is a whole.
std::string common_form(const std::vector<std::string>& forms) {
  const std::string& first = forms.front();
  std::size_t head = first.size();
  std::size_t tail = first.size();
  for (const std::string& form : forms) {
    const auto ahead = std::mismatch(first.begin(), first.end(), form.begin(), form.end());
    const auto behind = std::mismatch(first.rbegin(), first.rend(), form.rbegin(), form.rend());
    head = std::min(head, static_cast<std::size_t>(ahead.first - first.begin()));
    tail = std::min(tail, static_cast<std::size_t>(behind.first - first.rbegin()));
  }
  const bool are_same = std::all_of(forms.begin(), forms.end(),
                                    [&](const std::string& form) { return form == first; });
  if (are_same) return first;
  while (head > 0 && (is_ascii_digit(first[head - 1]) ||
                      (head < first.size() && is_continuation(first[head])))) {
    --head;
  }
  const auto shortest = std::min_element(
      forms.begin(), forms.end(),
      [](const std::string& left, const std::string& right) { return left.size() < right.size(); });
  tail = std::min({tail, first.size() - head, shortest->size() - std::min(head, shortest->size())});
  while (tail > 0 && (is_ascii_digit(first[first.size() - tail]) ||
                      is_continuation(first[first.size() - tail]))) {
    --tail;
  }
  return first.substr(0, head) + kStar + first.substr(first.size() - tail);
}

std::string as_pattern(std::string_view form) {
  std::string pattern;
  while (!form.empty()) {
    const std::size_t good = std::min(find_invalid_utf8(form), form.size());
    for (const char c : form.substr(0, good)) {
      if (c == kStar) {
        if (!pattern.ends_with('*')) pattern += '*';
      } else if (c == '\\') {
        pattern += '?';  // a spec holds none, as it would be a folder
      } else if (std::string_view("*?[").find(c) != std::string_view::npos) {
        pattern += '[';
        pattern += c;
        pattern += ']';
      } else {
        pattern += c;
      }
    }
    form.remove_prefix(good);
    if (form.empty()) break;
    pattern += '?';
    form.remove_prefix(1);
  }
  return pattern;
}

}  // namespace

std::string file_name_pattern(const std::vector<std::string>& names) {
  std::vector<std::string> forms;
  forms.reserve(names.size());
  for (const std::string& name : names) forms.push_back(without_dates(name));
  std::string pattern = as_pattern(common_form(forms));
  const bool is_good = pattern.size() <= kPatternBytesMax && is_valid_glob(pattern) &&
                       !trim_ascii_blanks(pattern).empty() &&
                       std::all_of(names.begin(), names.end(), [&](const std::string& name) {
                         return matches_glob(pattern, name);
                       });
  return is_good ? pattern : "*";
}

}  // namespace waybill::authoring
