// RowBuilder: makes the row for staging out of the texts of its columns.
//
// Place:    core; every reader of rows above, ColumnMap and ColumnValue below.
// Owner:    one reader, one file, one thread.
// Memory:   one row's JSON; nothing is allocated per row.
// Rule:     put() lies in the header because a file of a gigabyte calls it a hundred million times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error_code.h"
#include "core/read/column_map.h"
#include "core/read/key_set.h"
#include "core/read/rows.h"
#include "core/utf8.h"

namespace waybill {

/// Staging indexes keys; longer ones are refused.
inline constexpr std::size_t kNaturalKeyBytesMax = 1000;

/// For each row: begin_row(), put() for every column that is in it, then hand_over() or nothing.
/// Without a sink the rows are checked all the same, and no JSON is made of them.
class RowBuilder {
 public:
  explicit RowBuilder(RowSink sink);

  /// The columns, known at last.
  void start(ColumnMap map, const FileSpec& spec);
  [[nodiscard]] ColumnMap& map() { return map_; }
  [[nodiscard]] const ColumnMap& map() const { return map_; }
  /// One more column, between two rows.
  MappedColumn& add_kept(const std::string& name);

  /// `text_bytes`: at most so many octets of text will be put.
  void begin_row(std::size_t text_bytes);
  /// Takes the column's value; the text is valid UTF-8, and empty when there is none. nullptr, or
  /// what is wrong with the value: WB-3006, WB-3012, WB-3019 or WB-3020.
  const ErrorCode* put(MappedColumn& column, std::string_view text,
                       ValueSource source = ValueSource::kText);
  /// The longest part of the row's natural key when that is longer than kNaturalKeyBytesMax.
  [[nodiscard]] const MappedColumn* column_of_long_key();
  /// Which of the row's keys an earlier row had: calls `found` for each column, and with nullptr
  /// for the natural key. Only rows that are good so far are asked about, and remembered.
  template <typename Found>
  void check_keys(std::int64_t source_row, const Found& found);
  void hand_over(std::int64_t source_row);
  /// First row whose keys were not checked, as KeySet was full; 0: there is none.
  [[nodiscard]] std::int64_t keys_unchecked_from_row() const { return keys_unchecked_from_row_; }

  [[nodiscard]] std::vector<ColumnSummary> summary() const;

 private:
  ValueOutcome write(MappedColumn& column, std::string_view text, ValueSource source);
  void make_room(std::size_t needed);
  void note_key_part(const MappedColumn& column, std::string_view text, std::string_view json);
  [[nodiscard]] std::optional<std::string_view> join_key();
  void count_key_bytes(const MappedColumn& column);
  [[nodiscard]] bool key_is_written() const {
    return key_is_unique_ || has_unique_columns_ || key_may_be_long_;
  }

  RowSink sink_;
  ColumnMap map_;
  std::vector<std::string> key_parts_;
  bool key_is_null_ = true;
  bool key_is_unique_ = false;
  bool has_unique_columns_ = false;
  bool key_may_be_long_ = false;
  KeySet keys_;
  std::int64_t keys_unchecked_from_row_ = 0;
  std::string key_;
  std::size_t keys_bytes_ = 0;  ///< what a payload holds besides its values
  std::unique_ptr<char[]> payload_;
  std::size_t payload_capacity_ = 0;
  char* out_ = nullptr;
};

/// What is wrong with keys, in words for a person.
inline constexpr const char* kKeyTooLong = "the natural key is longer than 1000 bytes";
inline constexpr const char* kValueTwice =
    "an earlier row has the same value, and it must be unique";
inline constexpr const char* kKeyTwice = "an earlier row has the same natural key";

/// What is wrong with a value that put() did not take, in words for a person.
[[nodiscard]] std::string value_problem(const MappedColumn& column, const ErrorCode& code);

template <typename Found>
void RowBuilder::check_keys(std::int64_t source_row, const Found& found) {
  if (!has_unique_columns_ && !key_is_unique_) return;
  if (keys_.full() && keys_unchecked_from_row_ == 0) keys_unchecked_from_row_ = source_row;
  for (MappedColumn& column : map_.columns()) {
    if (!column.value.spec().unique || column.unique_text.empty()) continue;
    if (!keys_.insert(column.field_index + 1, column.unique_text)) found(&column);
  }
  if (!key_is_unique_) return;
  const std::optional<std::string_view> key = join_key();
  if (key && !keys_.insert(0, *key)) found(nullptr);
}

inline void RowBuilder::begin_row(std::size_t text_bytes) {
  // In its own encoding a text may be shorter than in UTF-8.
  key_may_be_long_ = !key_parts_.empty() && text_bytes > kNaturalKeyBytesMax / kUtf8BytesMax;
  if (!sink_ && !key_is_written()) return;
  // The worst a row can become: every octet as \u00XX, every value at its longest.
  const std::size_t needed = keys_bytes_ + kJsonGrowthMax * text_bytes;
  if (needed > payload_capacity_) make_room(needed);
  key_is_null_ = true;
  out_ = payload_.get();
}

inline ValueOutcome RowBuilder::write(MappedColumn& column, std::string_view text,
                                      ValueSource source) {
  char* out = column.write_key(out_);
  const char* const value_begin = out;
  const ValueOutcome outcome = column.value.write(text, out, source);
  out_ = out;
  const std::string_view json(value_begin, static_cast<std::size_t>(out - value_begin));
  const bool is_filled = outcome == ValueOutcome::kFilled;
  if (is_filled && column.value.spec().unique) column.unique_text = json;
  if (column.key_part < 0) return outcome;
  if (is_filled) {
    note_key_part(column, text, json);
  } else {
    key_parts_[static_cast<std::size_t>(column.key_part)].clear();
  }
  return outcome;
}

inline const ErrorCode* RowBuilder::put(MappedColumn& column, std::string_view text,
                                        ValueSource source) {
  const bool is_key = column.key_part >= 0 && key_is_written();
  const bool is_written = sink_ || is_key || column.value.spec().unique;
  const ValueOutcome outcome =
      is_written ? write(column, text, source) : column.value.check(text, source);
  if (outcome == ValueOutcome::kFilled) {
    ++column.filled;
    return column.rules ? column.rules->check(column.value.content(text)) : nullptr;
  }
  if (outcome == ValueOutcome::kInvalid) return &error_code::kValueInvalid;
  ++column.null;
  if (column.value.spec().unique) column.unique_text.clear();
  return column.value.spec().required ? &error_code::kValueMissing : nullptr;
}

}  // namespace waybill
