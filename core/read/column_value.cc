#include "core/read/column_value.h"

#include <algorithm>
#include <chrono>

#include "core/ascii.h"

namespace waybill {

namespace {

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

/// JSON knows no leading zeros and no number without a digit in front of the point.
std::string_view as_json_integer(std::string_view digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? "0" : digits.substr(first);
}

bool write_integer(std::string_view text, char*& out) {
  if (text.size() > kNumberCharactersMax) return false;
  const bool is_minus = take_sign(text);
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.empty()) return false;
  const std::string_view whole = as_json_integer(digits);
  if (is_minus && whole != "0") *out++ = '-';
  out = write_raw(out, whole);
  return true;
}

bool write_decimal(std::string_view text, char*& out) {
  if (text.size() > kNumberCharactersMax) return false;
  const bool is_minus = take_sign(text);
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return false;
  const std::string_view exponent = text;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    take_sign(text);
    const std::string_view digits = take_digits(text);
    if (digits.empty() || digits.size() > 3) return false;
  }
  if (!text.empty()) return false;
  if (is_minus) *out++ = '-';
  out = write_raw(out, as_json_integer(whole));
  if (!fraction.empty()) {
    *out++ = '.';
    out = write_raw(out, fraction);
  }
  out = write_raw(out, exponent);
  return true;
}

/// Takes `least` to `most` digits as a number; -1 when they are not there.
int take_number(std::string_view& text, std::size_t least, std::size_t most) {
  int number = 0;
  std::size_t count = 0;
  for (; count < most && count < text.size() && is_ascii_digit(text[count]); ++count) {
    number = number * 10 + (text[count] - '0');
  }
  text.remove_prefix(count);
  return count >= least ? number : -1;
}

char* write_digits(char* out, unsigned number, int count) {
  for (int i = count - 1; i >= 0; --i, number /= 10) {
    out[i] = static_cast<char>('0' + number % 10);
  }
  return out + count;
}

bool contains_ignoring_case(const std::vector<std::string>& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return equal_ignoring_case(word, text); });
}

}  // namespace

ColumnValue::ColumnValue(const ColumnSpec& spec) : spec_(spec) {
  const std::string& format = spec_.date_format;
  for (std::size_t i = 0; i < format.size(); ++i) {
    DatePiece piece;
    if (format[i] == '%' && i + 1 < format.size()) {
      ++i;
      piece.is_directive = format[i] != '%';
    }
    piece.letter = format[i];
    if (piece.is_directive && !date_pieces_.empty() && date_pieces_.back().is_directive) {
      piece.is_fixed_width = true;
      date_pieces_.back().is_fixed_width = true;
    }
    date_pieces_.push_back(piece);
  }
}

std::string_view ColumnValue::content(std::string_view text) const {
  return spec_.trim ? trim_ascii_blanks(text) : text;
}

bool ColumnValue::is_null(std::string_view content) const {
  if (content.empty()) return true;
  return std::find(spec_.null_values.begin(), spec_.null_values.end(), content) !=
         spec_.null_values.end();
}

ValueOutcome ColumnValue::write(std::string_view text, char*& out) const {
  const std::string_view value = content(text);
  if (is_null(value)) {
    out = write_raw(out, "null");
    return ValueOutcome::kNull;
  }
  bool is_good = true;
  switch (spec_.type) {
    case ColumnType::kText:
      out = write_json_string(out, value);
      break;
    case ColumnType::kInteger:
      is_good = write_integer(value, out);
      break;
    case ColumnType::kDecimal:
      is_good = write_decimal(value, out);
      break;
    case ColumnType::kBoolean:
      is_good = write_boolean(value, out);
      break;
    case ColumnType::kDate:
      is_good = write_date(value, out);
      break;
  }
  return is_good ? ValueOutcome::kFilled : ValueOutcome::kInvalid;
}

bool ColumnValue::write_boolean(std::string_view content, char*& out) const {
  const bool is_true = contains_ignoring_case(spec_.true_values, content);
  if (!is_true && !contains_ignoring_case(spec_.false_values, content)) return false;
  out = write_raw(out, is_true ? "true" : "false");
  return true;
}

bool ColumnValue::write_date(std::string_view content, char*& out) const {
  int year = 0;
  int month = 0;
  int day = 0;
  for (const DatePiece& piece : date_pieces_) {
    if (!piece.is_directive) {
      if (content.empty() || content.front() != piece.letter) return false;
      content.remove_prefix(1);
    } else if (piece.letter == 'Y') {
      year = take_number(content, 4, 4);
    } else {
      const int number = take_number(content, piece.is_fixed_width ? 2 : 1, 2);
      if (number < 0) return false;
      if (piece.letter == 'm') month = number;
      if (piece.letter == 'd') day = number;
      if (piece.letter == 'H' && number > 23) return false;
      if ((piece.letter == 'M' || piece.letter == 'S') && number > 59) return false;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!content.empty() || year < 1 || !date.ok()) return false;
  *out++ = '"';
  out = write_digits(out, static_cast<unsigned>(year), 4);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(month), 2);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(day), 2);
  *out++ = '"';
  return true;
}

std::string ColumnValue::expectation() const {
  switch (spec_.type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInteger:
      return "a whole number";
    case ColumnType::kDecimal:
      return "a number with a decimal point";
    case ColumnType::kBoolean:
      return "one of the words for true and false that the file spec lists";
    case ColumnType::kDate:
      return "a date written as " + spec_.date_format;
  }
  return "text";
}

}  // namespace waybill
