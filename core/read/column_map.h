// ColumnMap: which field of a record fills which payload key.
//
// Place:    core; RowReader above. Made once a file: from the header, or from the spec alone.
// Rule:     header names are compared exactly, after trimming ASCII blanks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/read/column_value.h"
#include "core/read/value_rules.h"

namespace waybill {

struct ErrorCode;

/// A column of the file that goes into the payload, with the tally of what it held.
struct MappedColumn {
  MappedColumn(const ColumnSpec& spec, std::size_t index, std::string_view json_key);

  ColumnValue value;
  std::optional<ValueRules> rules;  ///< only when the spec has any for the column
  std::size_t field_index;          ///< 0-based place in the record
  /// Writes `,"key":`, in chunks of kKeyChunkBytes: the room is key_text's size. The first column's
  /// comma becomes the opening brace.
  char* write_key(char* out) const;

  static constexpr std::size_t kKeyChunkBytes = 16;
  std::string key_text;          ///< the key, filled up to whole chunks
  std::size_t key_bytes = 0;     ///< without the filling
  std::ptrdiff_t key_part = -1;  ///< place in the natural key, or -1
  std::int64_t filled = 0;
  std::int64_t null = 0;
  std::string unique_text;  ///< of a unique column: the row's value as JSON, "" when null
};

/// What is wrong with a header. `field_index` is kNoField when it is about an absent column.
/// Some are notices: that a column stands elsewhere, or under another name, leaves the map fit.
struct HeaderProblem {
  const ErrorCode* code = nullptr;
  std::string message;
  std::string column;
  std::size_t field_index = CsvProblem::kNoField;
};

/// Is it a name that may be shown and kept? A field of a header that holds line ends or control
/// characters, or is longer than a spec's names may be, is text that a lost quote has drawn in.
[[nodiscard]] bool is_column_name(std::string_view text);

class ColumnMap {
 public:
  /// Maps by header names (UTF-8, one a field, as the file has them). Problems that refuse the file
  /// leave the map unfit.
  static ColumnMap from_header(const FileSpec& spec, std::vector<std::string> names,
                               std::vector<HeaderProblem>& problems);
  /// Maps by place, in the order of the spec's columns.
  static ColumnMap from_places(const FileSpec& spec);

  /// One more column, met while reading and kept as text under its own name. References to columns
  /// end with it.
  MappedColumn& add_kept(const std::string& name);

  [[nodiscard]] std::vector<MappedColumn>& columns() { return columns_; }
  [[nodiscard]] const std::vector<MappedColumn>& columns() const { return columns_; }
  /// The name of a field for people, "" when it has none that is_column_name().
  [[nodiscard]] std::string_view field_name(std::size_t field_index) const;
  /// Of every field, as field_name() gives it.
  [[nodiscard]] const std::vector<std::string>& field_names() const { return names_; }
  /// Fields the header has or, without a header, columns the spec has.
  [[nodiscard]] std::size_t field_count() const { return names_.size(); }

 private:
  void add(const ColumnSpec& spec, std::size_t field_index);
  [[nodiscard]] std::size_t find_name(std::string_view name, std::size_t from = 0) const;
  [[nodiscard]] std::size_t find_column(const ColumnSpec& column,
                                        std::vector<HeaderProblem>& problems) const;
  void tell_moved(const FileSpec& spec, std::vector<HeaderProblem>& problems) const;
  void add_listed(const FileSpec& spec, std::vector<bool>& is_mapped,
                  std::vector<HeaderProblem>& problems);
  [[nodiscard]] std::vector<bool> hide_odd_names();
  void add_others(const FileSpec& spec, const std::vector<bool>& is_mapped,
                  const std::vector<bool>& is_hidden, std::vector<HeaderProblem>& problems);
  void keep_other(std::size_t index, std::vector<HeaderProblem>& problems);
  void mark_natural_key(const FileSpec& spec);

  std::vector<std::string> names_;
  std::vector<MappedColumn> columns_;
};

}  // namespace waybill
