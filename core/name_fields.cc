#include "core/name_fields.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "core/ascii.h"

namespace waybill {

namespace {

constexpr std::string_view kDirectives = "YmdHMSin%";

/// Digits read so far, by directive.
struct Found {
  std::array<std::int32_t, 128> value{};
  std::array<bool, 128> is_there{};
};

struct DigitCount {
  std::size_t least;
  std::size_t most;
};

DigitCount digits_of(char directive) {
  if (directive == 'Y') return {4, 4};
  if (directive == 'i' || directive == 'n') return {1, 5};
  return {2, 2};
}

bool match(std::string_view pattern, std::string_view name, Found& found);

bool match_directive(char directive, std::string_view pattern, std::string_view name,
                     Found& found) {
  const auto place = static_cast<unsigned char>(directive);
  const DigitCount digits = digits_of(directive);
  std::int32_t value = 0;
  std::size_t count = 0;
  while (count < digits.most && count < name.size() && is_ascii_digit(name[count])) {
    value = value * 10 + (name[count] - '0');
    ++count;
    const bool ends_here = count == name.size() || !is_ascii_digit(name[count]);
    // A chunk number takes all the digits that stand there, so "1_of_12" is never 1 of 1.
    if (count < digits.least || (digits.least != digits.most && !ends_here)) continue;
    if (!match(pattern, name.substr(count), found)) return false;
    found.value[place] = value;
    found.is_there[place] = true;
    return true;
  }
  return false;
}

/// The first `*` from the left takes as little as it can; patterns are short, names at most 255.
bool match(std::string_view pattern, std::string_view name, Found& found) {
  while (!pattern.empty()) {
    const char sign = pattern.front();
    if (sign == '*') {
      for (std::size_t skip = 0; skip <= name.size(); ++skip) {
        if (match(pattern.substr(1), name.substr(skip), found)) return true;
      }
      return false;
    }
    if (sign == '%' && pattern[1] != '%') {
      return match_directive(pattern[1], pattern.substr(2), name, found);
    }
    if (sign == '%') pattern.remove_prefix(1);
    const bool is_same =
        !name.empty() && (sign == '?' || to_ascii_lower(sign) == to_ascii_lower(name.front()));
    if (!is_same) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(1);
  }
  return name.empty();
}

}  // namespace

std::string name_fields_problem(std::string_view pattern) {
  std::string seen;
  std::size_t stars = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') ++stars;
    if (pattern[i] != '%') continue;
    ++i;
    if (i == pattern.size() || kDirectives.find(pattern[i]) == std::string_view::npos) {
      return "allowed after % are: Y, m, d, H, M, S, i, n, %";
    }
    if (pattern[i] == '%') continue;
    if (seen.find(pattern[i]) != std::string::npos) return fmt::format("has %{} twice", pattern[i]);
    seen += pattern[i];
  }
  const auto has = [&](char c) { return seen.find(c) != std::string::npos; };
  if (stars > 4) return "has more than four *";
  if (has('Y') != has('m') || has('m') != has('d')) return "needs all of %Y, %m and %d, or none";
  if (has('i') != has('n')) return "needs both %i and %n, or none";
  if (!has('Y') && !has('i')) return "needs a date (%Y %m %d) or a chunk (%i and %n)";
  return "";
}

std::optional<NameFields> read_name_fields(std::string_view pattern, std::string_view base_name) {
  Found found;
  if (!match(pattern, base_name, found)) return std::nullopt;
  NameFields fields;
  if (found.is_there['Y']) {
    const std::chrono::year_month_day date(
        std::chrono::year(found.value['Y']),
        std::chrono::month(static_cast<unsigned>(found.value['m'])),
        std::chrono::day(static_cast<unsigned>(found.value['d'])));
    if (!date.ok() || found.value['Y'] == 0) return std::nullopt;
    fields.date =
        fmt::format("{:04}-{:02}-{:02}", found.value['Y'], found.value['m'], found.value['d']);
  }
  if (found.is_there['i']) {
    fields.chunk_number = found.value['i'];
    fields.chunk_count = found.value['n'];
    if (fields.chunk_number < 1 || fields.chunk_number > fields.chunk_count) return std::nullopt;
  }
  return fields;
}

}  // namespace waybill
