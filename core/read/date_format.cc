#include "core/read/date_format.h"

#include "core/read/words.h"

namespace waybill {

namespace {

constexpr std::string_view kTimeDirectives = "HMS";
constexpr std::size_t kYearDigits = 4;
constexpr std::size_t kOtherDigits = 2;

int two_digits(const char* text) { return (text[0] - '0') * 10 + (text[1] - '0'); }

}  // namespace

DateFormat::DateFormat(std::string_view format) : format_(format) {
  bool has_time = false;
  for (const MomentFormat::Piece& piece : format_.pieces()) {
    add_to_layout(piece);
    if (piece.is_directive && kTimeDirectives.find(piece.letter) != std::string_view::npos) {
      has_time = true;
    }
  }
  if (!kWordsHaveOrder || has_time || layout_.size > Layout::kBytesMax) layout_.size = 0;
}

void DateFormat::add_to_layout(const MomentFormat::Piece& piece) {
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
    return calendar_date(
        two_digits(at + layout_.year_at) * 100 + two_digits(at + layout_.year_at + 2),
        two_digits(at + layout_.month_at), two_digits(at + layout_.day_at));
  }
  const std::optional<Moment> moment = format_.parse(text);
  if (!moment) return std::nullopt;
  return moment->date;
}

}  // namespace waybill
