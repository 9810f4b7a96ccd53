// file_names: names of stored objects, patterns on partners' names, and what those names tell.
//
// Input: a byte that chooses the grammar, then what that grammar's function takes.
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "core/ascii.h"
#include "core/error.h"
#include "core/file_name.h"
#include "core/glob.h"
#include "core/name_fields.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

constexpr std::size_t kNameBytesMax = 255;  // what file systems allow

void claim_object_text(std::string_view text) {
  const std::optional<ObjectName> name = parse_object_name(text);
  if (name) claim(format_object_name(*name) == text, "a name that parses is written the same");
  const std::string extension = object_extension(text);
  claim(!extension.empty() && extension.size() <= 8, "an extension is short");
  for (const char c : extension) claim(is_ascii_lower(c) || is_ascii_digit(c), "... and plain");
}

void claim_object_parts(Input input) {
  ObjectName name;
  name.state = input.take_flag() ? ObjectState::kProcessed : ObjectState::kUnprocessed;
  for (int i = 0; i < 8; ++i) {
    name.utc_us = static_cast<std::int64_t>(static_cast<std::uint64_t>(name.utc_us) << 8U |
                                            input.take_byte());
  }
  if (input.take_flag()) {
    const unsigned high = input.take_byte();
    name.part_number = static_cast<std::int32_t>(high << 9U | input.take_byte());
  }
  name.file_tag = FileTag(std::string(input.take_until('\0')));
  name.extension = input.take_until('\0');
  try {
    claim(parse_object_name(format_object_name(name)) == name, "a name written is read the same");
  } catch (const Error& error) {
    claim(&error.code() == &error_code::kInternal, "parts outside the grammar are a defect");
  }
}

/// Characters of a text as patterns count them: a byte each where it is no UTF-8. ASCII letters in
/// lower case.
std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  while (!text.empty()) {
    std::size_t size = 1;
    for (const std::size_t longer : {2, 3, 4}) {
      const bool is_one = static_cast<unsigned char>(text.front()) >= 0xC0 &&
                          longer <= text.size() && is_valid_utf8(text.substr(0, longer));
      if (is_one && size == 1) size = longer;
    }
    std::string character(text.substr(0, size));
    if (size == 1) character.front() = to_ascii_lower(character.front());
    characters.push_back(std::move(character));
    text.remove_prefix(size);
  }
  return characters;
}

/// Where the set that begins behind `at` (on its '[') ends, and whether it holds `character`.
struct SetMatch {
  std::size_t end;
  bool is_match;
};

SetMatch match_set(const std::vector<std::string>& pattern, std::size_t at,
                   const std::string& character) {
  std::size_t i = at + 1;
  const bool is_negated = pattern[i] == "!";
  if (is_negated) ++i;
  bool is_member = false;
  for (bool is_first = true; is_first || pattern[i] != "]"; is_first = false) {
    const std::string& low = pattern[i];
    const bool is_range = pattern[i + 1] == "-" && pattern[i + 2] != "]";
    const std::string& high = is_range ? pattern[i + 2] : low;
    if (low <= character && character <= high) is_member = true;
    i += is_range ? 3 : 1;
  }
  return {i + 1, is_member != is_negated};
}

/// Does a set begin on this '['? A ']' that comes first, or first behind '!', is a member.
bool is_closed_set(const std::vector<std::string>& pattern, std::size_t at) {
  const bool is_negated = at + 1 < pattern.size() && pattern[at + 1] == "!";
  for (std::size_t i = at + (is_negated ? 3 : 2); i < pattern.size(); ++i) {
    if (pattern[i] == "]") return true;
  }
  return false;
}

/// The pattern by its definition, a table over all places of pattern and name.
bool matches_reference(const std::vector<std::string>& pattern,
                       const std::vector<std::string>& name) {
  std::vector<std::vector<bool>> matches(pattern.size() + 1,
                                         std::vector<bool>(name.size() + 1, false));
  matches[pattern.size()][name.size()] = true;
  for (std::size_t p = pattern.size(); p-- > 0;) {
    for (std::size_t n = name.size() + 1; n-- > 0;) {
      if (pattern[p] == "*") {
        matches[p][n] = matches[p + 1][n] || (n < name.size() && matches[p][n + 1]);
      } else if (n == name.size()) {
        matches[p][n] = false;
      } else if (pattern[p] == "[") {
        if (!is_closed_set(pattern, p)) continue;  // a '[' inside a set is none, and never asked
        const SetMatch set = match_set(pattern, p, name[n]);
        matches[p][n] = set.is_match && matches[set.end][n + 1];
      } else {
        matches[p][n] = (pattern[p] == "?" || pattern[p] == name[n]) && matches[p + 1][n + 1];
      }
    }
  }
  return matches[0][0];
}

void claim_glob(Input input) {
  const std::string_view pattern = input.take_until('\0').substr(0, kNameBytesMax);
  const std::string_view name = input.rest().substr(0, kNameBytesMax);
  const bool is_match = matches_glob(pattern, name);
  claim(matches_glob("*", name), "a star matches all");
  claim(name.empty() || matches_glob("*?", name), "... and a character behind it any end");
  if (name.find_first_of("*?[") == std::string_view::npos) {
    claim(matches_glob(name, name), "a plain pattern matches itself");
  }
  std::string upper(name);
  for (char& c : upper) c = is_ascii_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  claim(matches_glob(pattern, upper) == is_match, "ASCII case says nothing");
  if (!is_valid_glob(pattern)) return;
  claim(matches_reference(characters_of(pattern), characters_of(name)) == is_match,
        "a pattern matches what its definition says");
}

bool is_date(std::string_view text) {
  const auto digits = [&](std::size_t from, std::size_t count) {
    const std::string_view part = text.substr(from, count);
    return std::all_of(part.begin(), part.end(), is_ascii_digit);
  };
  return text.size() == 10 && digits(0, 4) && text[4] == '-' && digits(5, 2) && text[7] == '-' &&
         digits(8, 2);
}

/// A name that the pattern, which has no wildcards, was written with.
std::string fill_in(std::string_view pattern, unsigned day, std::int32_t chunk) {
  std::string name;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      name += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'Y':
        name += "2026";
        break;
      case 'm':
        name += "02";
        break;
      case 'd':
        name += fmt::format("{:02}", day);
        break;
      case 'i':
        name += std::to_string(chunk);
        break;
      case 'n':
        name += std::to_string(chunk + 1);
        break;
      case '%':
        name += '%';
        break;
      default:
        name += "07";
    }
  }
  return name;
}

/// Is the directive in the pattern? "%%i" is a percent sign and an i.
bool has_directive(std::string_view pattern, char directive) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    if (pattern[++i] == directive) return true;
  }
  return false;
}

/// Does a digit, or something that may be one, stand behind a chunk's number?
bool is_ambiguous(std::string_view pattern) {
  for (std::size_t i = 0; i + 2 < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    ++i;
    const bool is_chunk = pattern[i] == 'i' || pattern[i] == 'n';
    const bool runs_on = is_ascii_digit(pattern[i + 1]) ||
                         (pattern[i + 1] == '%' && i + 2 < pattern.size() && pattern[i + 2] != '%');
    if (is_chunk && runs_on) return true;
  }
  return false;
}

void claim_name_fields(Input input) {
  const unsigned day = 1 + input.take_byte() % 28;
  const std::int32_t chunk = 1 + static_cast<std::int32_t>(input.take_byte()) * 392;
  const std::string_view pattern = input.take_until('\0').substr(0, kNameBytesMax);
  const std::string_view name = input.rest().substr(0, kNameBytesMax);
  if (!name_fields_problem(pattern).empty()) return;
  if (const std::optional<NameFields> fields = read_name_fields(pattern, name)) {
    claim(fields->date.empty() || is_date(fields->date), "a date is written as one");
    claim(fields->chunk_number >= 1 && fields->chunk_number <= fields->chunk_count,
          "a chunk is one of its count");
    claim(fields->chunk_count <= kChunkCountMax, "chunks have a limit");
  }
  if (pattern.find_first_of("*?") != std::string_view::npos || is_ambiguous(pattern)) return;
  NameFields expected;
  if (has_directive(pattern, 'Y')) expected.date = fmt::format("2026-02-{:02}", day);
  const bool has_chunks = has_directive(pattern, 'i');
  if (has_chunks) expected.chunk_number = chunk;
  if (has_chunks) expected.chunk_count = chunk + 1;
  claim(read_name_fields(pattern, fill_in(pattern, day, chunk)) == expected,
        "a name made by the pattern is read back");
}

}  // namespace

void fuzz_file_names(std::string_view bytes) {
  Input input(bytes);
  switch (input.take_byte() % 4) {
    case 0:
      return claim_object_text(input.rest());
    case 1:
      return claim_object_parts(input);
    case 2:
      return claim_glob(input);
    default:
      return claim_name_fields(input);
  }
}

}  // namespace waybill::fuzz
