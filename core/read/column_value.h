// ColumnValue: turns the text of one field into the JSON value its column's type asks for.
//
// Place:    core; RowReader above; number_text.h, date_format.h, timestamp_format.h and json_text.h
//           below.
// Rule:     a number keeps its digits; nothing is rounded, cut or guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_spec.h"
#include "core/read/date_format.h"
#include "core/read/json_text.h"
#include "core/read/number_text.h"
#include "core/read/timestamp_format.h"

namespace waybill {

enum class ValueOutcome : std::uint8_t { kFilled, kNull, kInvalid };

/// Whose marks a number's text has.
enum class ValueSource : std::uint8_t {
  kText,        ///< those that the column's spec names
  kJsonNumber,  ///< JSON's own: a point, and no groups
};

/// One column's rules, made ready once a file. Keeps a copy of the column's spec.
class ColumnValue {
 public:
  explicit ColumnValue(const ColumnSpec& spec);

  /// Writes the JSON value of `text` (valid UTF-8) at `out` and moves `out` behind it. An invalid
  /// value writes nothing.
  [[nodiscard]] ValueOutcome write(std::string_view text, char*& out,
                                   ValueSource source = ValueSource::kText) const;

  /// What write() would say of `text`, without writing.
  [[nodiscard]] ValueOutcome check(std::string_view text,
                                   ValueSource source = ValueSource::kText) const;

  /// Room a value needs beyond kJsonGrowthMax octets for each octet of its text.
  [[nodiscard]] std::size_t overhead_bytes() const {
    return kJsonRoomBytes + timestamp_format_.overhead_bytes();
  }

  /// What a value of this column must be: "a date written as %Y-%m-%d".
  [[nodiscard]] std::string expectation() const;

  [[nodiscard]] const ColumnSpec& spec() const { return spec_; }
  /// `text` as the column's rules see it: trimmed, when the spec says so.
  [[nodiscard]] std::string_view content(std::string_view text) const;

 private:
  [[nodiscard]] bool is_null(std::string_view content) const;
  [[nodiscard]] std::optional<bool> boolean_of(std::string_view content) const;
  [[nodiscard]] NumberForm number_form(std::string_view content) const;
  /// false: it is none.
  [[nodiscard]] bool write_number(NumberForm form, std::string_view content, char*& out) const;
  [[nodiscard]] bool is_marked_number(std::string_view content) const;
  [[nodiscard]] bool write_marked_number(std::string_view content, char*& out) const;

  ColumnSpec spec_;
  NumberMarks marks_;
  bool has_marks_ = false;  ///< not only those of JSON
  DateFormat date_format_;
  TimestampFormat timestamp_format_;
};

}  // namespace waybill
