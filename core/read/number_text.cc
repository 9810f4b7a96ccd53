#include "core/read/number_text.h"

#include <bit>

#include "core/ascii.h"
#include "core/read/json_text.h"
#include "core/read/words.h"

namespace waybill {

namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
constexpr std::size_t kExponentDigitsMax = 3;

/// The digits at the front of `text`, taken off it.
std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_ascii_digit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

/// The sign at the front, taken off; true for minus.
bool take_sign(std::string_view& text) {
  if (text.empty() || (text.front() != '-' && text.front() != '+')) return false;
  const bool is_minus = text.front() == '-';
  text.remove_prefix(1);
  return is_minus;
}

/// A number taken apart; the pieces are views of its text.
struct Pieces {
  bool is_minus = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view rest;  ///< an exponent, or what makes it no number
};

Pieces take_apart(std::string_view text) {
  Pieces pieces;
  pieces.is_minus = take_sign(text);
  pieces.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    pieces.fraction = take_digits(text);
  }
  pieces.rest = text;
  return pieces;
}

bool is_exponent(std::string_view text) {
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  take_sign(text);
  const std::string_view digits = take_digits(text);
  return !digits.empty() && digits.size() <= kExponentDigitsMax && text.empty();
}

/// A bit in each of the low `count` bytes of `word` that is no digit.
std::uint64_t other_than_digits(std::uint64_t word, std::size_t count) {
  return bytes_above(word ^ (kEveryByte * '0'), kEveryByte * 9) & low_bytes(count);
}

/// Nothing but digits and at most one character between them, as most numbers are.
struct DigitRun {
  bool is_one = false;
  std::size_t break_at = kNowhere;  ///< place of the one other character
};

DigitRun digit_run(std::string_view text) {
  const std::size_t size = text.size();
  if (!kWordsHaveOrder || size == 0 || size > 2 * kWordBytes) return {};
  const std::size_t head = size < kWordBytes ? size : kWordBytes;
  const std::uint64_t first = other_than_digits(load_up_to_word(text.data(), head), head);
  const std::size_t tail = size - head;
  std::uint64_t last = 0;
  if (tail > 0) last = other_than_digits(load_up_to_word(text.data() + head, tail), tail);
  if ((first | last) == 0) return {true, kNowhere};
  const bool is_in_head = first != 0;
  const std::uint64_t others = is_in_head ? first : last;
  const bool is_single = (others & (others - 1)) == 0 && (!is_in_head || last == 0);
  if (!is_single) return {};
  const auto at = static_cast<std::size_t>(std::countr_zero(others)) / 8;
  return {true, is_in_head ? at : at + head};
}

/// JSON knows no leading zeros and no number without a digit in front of the point.
std::string_view as_json_integer(std::string_view digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? "0" : digits.substr(first);
}

constexpr std::size_t kGroupDigits = 3;

/// What else stands where the mark should, as word processors and ICU write it.
constexpr std::array<std::string_view, 2> kNoBreakBlanks = {"\xC2\xA0", "\xE2\x80\xAF"};
constexpr std::string_view kCurvedApostrophe = "\xE2\x80\x99";

/// Octets of the group mark at the front of `text`; 0: there is none.
std::size_t group_mark_bytes(std::string_view text, char mark) {
  if (mark == 0 || text.empty()) return 0;
  if (text.front() == mark) return 1;
  if (mark == '\'') return text.starts_with(kCurvedApostrophe) ? kCurvedApostrophe.size() : 0;
  if (mark != ' ') return 0;
  for (const std::string_view blank : kNoBreakBlanks) {
    if (text.starts_with(blank)) return blank.size();
  }
  return 0;
}

/// The digits in front of the decimal mark, groups or not, taken off `text` and written at `out`.
bool take_whole(std::string_view& text, char group_mark, char*& out) {
  const std::string_view first = take_digits(text);
  out = write_raw(out, first);
  std::size_t mark_bytes = group_mark_bytes(text, group_mark);
  if (mark_bytes == 0) return true;
  if (first.empty() || first.size() > kGroupDigits || first.front() == '0') return false;
  for (; mark_bytes > 0; mark_bytes = group_mark_bytes(text, group_mark)) {
    text.remove_prefix(mark_bytes);
    const std::string_view group = take_digits(text);
    if (group.size() != kGroupDigits) return false;
    out = write_raw(out, group);
  }
  return true;
}

}  // namespace

std::optional<std::string_view> plain_number(std::string_view text, const NumberMarks& marks,
                                             NumberRoom& room) {
  if (text.size() > room.size()) return std::nullopt;
  char* out = room.data();
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    *out++ = text.front();
    text.remove_prefix(1);
  }
  if (!take_whole(text, marks.group, out)) return std::nullopt;
  if (!text.empty() && text.front() == marks.decimal) {
    *out++ = '.';
    text.remove_prefix(1);
  } else if (text.starts_with('.')) {
    return std::nullopt;
  }
  out = write_raw(out, text);  // a fraction and exponent, or what makes it no number
  return std::string_view(room.data(), static_cast<std::size_t>(out - room.data()));
}

NumberForm integer_form(std::string_view text) {
  if (text.size() > kNumberCharactersMax) return NumberForm::kNone;
  const bool is_minus = text.starts_with('-');
  const std::string_view body = text.substr(is_minus ? 1 : 0);
  if (const DigitRun run = digit_run(body); run.is_one && run.break_at == kNowhere) {
    const bool is_zero = body.size() == 1 && !is_minus;
    return body.front() != '0' || is_zero ? NumberForm::kJson : NumberForm::kRewrite;
  }
  take_sign(text);
  const std::string_view digits = take_digits(text);
  return digits.empty() || !text.empty() ? NumberForm::kNone : NumberForm::kRewrite;
}

NumberForm decimal_form(std::string_view text) {
  if (text.size() > kNumberCharactersMax) return NumberForm::kNone;
  const std::string_view body = text.substr(text.starts_with('-') ? 1 : 0);
  if (const DigitRun run = digit_run(body); run.is_one) {
    const bool has_point = run.break_at != kNowhere && body[run.break_at] == '.';
    const std::size_t whole = run.break_at == kNowhere ? body.size() : run.break_at;
    const bool is_plain = whole == 1 || (whole > 1 && body.front() != '0');
    const bool has_fraction = has_point && whole + 1 < body.size();
    if (is_plain && (whole == body.size() || has_fraction)) return NumberForm::kJson;
  }
  const Pieces pieces = take_apart(text);
  if (pieces.whole.empty() && pieces.fraction.empty()) return NumberForm::kNone;
  const bool is_number = pieces.rest.empty() || is_exponent(pieces.rest);
  return is_number ? NumberForm::kRewrite : NumberForm::kNone;
}

char* write_json_number(char* out, std::string_view text, bool is_integer) {
  const Pieces pieces = take_apart(text);
  const std::string_view whole = as_json_integer(pieces.whole);
  // A decimal keeps the sign of its zero: "-0.0" is what was measured.
  if (pieces.is_minus && !(is_integer && whole == "0")) *out++ = '-';
  out = write_raw(out, whole);
  if (!pieces.fraction.empty()) {
    *out++ = '.';
    out = write_raw(out, pieces.fraction);
  }
  return write_raw(out, pieces.rest);
}

}  // namespace waybill
