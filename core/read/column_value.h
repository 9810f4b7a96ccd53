// ColumnValue: turns the text of one field into the JSON value its column's type asks for.
//
// Place:    core; RowReader above, json_text.h below.
// Rule:     a number keeps its digits; nothing is rounded, cut or guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/read/json_text.h"

namespace waybill {

/// Room a value needs beyond kJsonGrowthMax octets for each octet of its text.
inline constexpr std::size_t kValueOverheadBytes = kJsonRoomBytes;

/// The longest number that is read; far below what PostgreSQL's numeric holds.
inline constexpr std::size_t kNumberCharactersMax = 128;

enum class ValueOutcome : std::uint8_t { kFilled, kNull, kInvalid };

/// One column's rules, made ready once a file. Keeps a copy of the column's spec.
class ColumnValue {
 public:
  explicit ColumnValue(const ColumnSpec& spec);

  /// Writes the JSON value of `text` (valid UTF-8) at `out` and moves `out` behind it. An invalid
  /// value writes nothing.
  [[nodiscard]] ValueOutcome write(std::string_view text, char*& out) const;

  /// What a value of this column must be: "a date written as %Y-%m-%d".
  [[nodiscard]] std::string expectation() const;

  [[nodiscard]] const ColumnSpec& spec() const { return spec_; }
  /// `text` as the column's rules see it: trimmed, when the spec says so.
  [[nodiscard]] std::string_view content(std::string_view text) const;

 private:
  /// One piece of a date format: a directive, or a character that stands for itself.
  struct DatePiece {
    bool is_directive = false;
    bool is_fixed_width = false;  ///< no separator beside it: two digits, not one or two
    char letter = 0;
  };

  [[nodiscard]] bool is_null(std::string_view content) const;
  [[nodiscard]] bool write_boolean(std::string_view content, char*& out) const;
  [[nodiscard]] bool write_date(std::string_view content, char*& out) const;

  ColumnSpec spec_;
  std::vector<DatePiece> date_pieces_;
};

}  // namespace waybill
