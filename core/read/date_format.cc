#include "core/read/date_format.h"

#include "core/ascii.h"
#include "core/read/words.h"

namespace waybill {

namespace {

constexpr std::string_view kTimeDirectives = "HMS";
constexpr std::size_t kYearDigits = 4;
constexpr std::size_t kOtherDigits = 2;

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

int two_digits(const char* text) { return (text[0] - '0') * 10 + (text[1] - '0'); }

std::optional<std::chrono::year_month_day> date_of(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || !date.ok()) return std::nullopt;
  return date;
}

}  // namespace

DateFormat::DateFormat(std::string_view format) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    Piece piece;
    if (format[i] == '%' && i + 1 < format.size()) {
      ++i;
      piece.is_directive = format[i] != '%';
    }
    piece.letter = format[i];
    if (piece.is_directive && !pieces_.empty() && pieces_.back().is_directive) {
      piece.is_fixed_width = true;
      pieces_.back().is_fixed_width = true;
    }
    pieces_.push_back(piece);
  }
  bool has_time = false;
  for (const Piece& piece : pieces_) {
    add_to_layout(piece);
    if (piece.is_directive && kTimeDirectives.find(piece.letter) != std::string_view::npos) {
      has_time = true;
    }
  }
  if (!kWordsHaveOrder || has_time || layout_.size > Layout::kBytesMax) layout_.size = 0;
}

void DateFormat::add_to_layout(const Piece& piece) {
  if (piece.is_directive && piece.letter == 'Y') layout_.year_at = layout_.size;
  if (piece.is_directive && piece.letter == 'm') layout_.month_at = layout_.size;
  if (piece.is_directive && piece.letter == 'd') layout_.day_at = layout_.size;
  const std::size_t digits = piece.letter == 'Y' ? kYearDigits : kOtherDigits;
  const std::size_t count = piece.is_directive ? digits : 1;
  for (std::size_t i = 0; i < count; ++i, ++layout_.size) {
    if (layout_.size >= Layout::kBytesMax) continue;
    const char expected = piece.is_directive ? '0' : piece.letter;
    const std::size_t word = layout_.size / kWordBytes;
    const std::size_t shift = 8 * (layout_.size % kWordBytes);
    layout_.expected[word] |= std::uint64_t{static_cast<unsigned char>(expected)} << shift;
    layout_.difference[word] |= std::uint64_t{piece.is_directive ? 9U : 0U} << shift;
  }
}

/// Has the text a digit wherever the layout has one, and the same characters elsewhere?
bool DateFormat::has_layout(std::string_view text) const {
  const std::size_t size = text.size();
  if (size != layout_.size || size < kWordBytes) return false;
  const std::uint64_t head = load_word(text.data()) ^ layout_.expected[0];
  const std::uint64_t tail =
      load_up_to_word(text.data() + kWordBytes, size - kWordBytes) ^ layout_.expected[1];
  return (bytes_above(head, layout_.difference[0]) | bytes_above(tail, layout_.difference[1])) == 0;
}

std::optional<std::chrono::year_month_day> DateFormat::parse(std::string_view text) const {
  if (has_layout(text)) {
    const char* at = text.data();
    return date_of(two_digits(at + layout_.year_at) * 100 + two_digits(at + layout_.year_at + 2),
                   two_digits(at + layout_.month_at), two_digits(at + layout_.day_at));
  }
  int year = 0;
  int month = 0;
  int day = 0;
  for (const Piece& piece : pieces_) {
    if (!piece.is_directive) {
      if (text.empty() || text.front() != piece.letter) return std::nullopt;
      text.remove_prefix(1);
    } else if (piece.letter == 'Y') {
      year = take_number(text, kYearDigits, kYearDigits);
    } else {
      const int number = take_number(text, piece.is_fixed_width ? kOtherDigits : 1, kOtherDigits);
      if (number < 0) return std::nullopt;
      if (piece.letter == 'm') month = number;
      if (piece.letter == 'd') day = number;
      if (piece.letter == 'H' && number > 23) return std::nullopt;
      if ((piece.letter == 'M' || piece.letter == 'S') && number > 59) return std::nullopt;
    }
  }
  if (!text.empty()) return std::nullopt;
  return date_of(year, month, day);
}

}  // namespace waybill
