// Header: does an export begin with the names of its columns, and is there something above them?
//
// Place:    central/authoring; SpecLearner above, ColumnProfile below.
// Rule:     a record that breaks the type which all rows below have in a column is no row, so it is
//           never taken for one silently: it is the header, or its author has to say what it is.
// Limits:   looks at the first kHeaderRecordsMax records; above the header at most kTitleRecordsMax
//           are recognised.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace waybill::authoring {

inline constexpr std::size_t kHeaderRecordsMax = 1000;
inline constexpr std::size_t kTitleRecordsMax = 10;

using Fields = std::vector<std::string>;

struct Header {
  bool is_there = false;
  std::size_t records_above = 0;   ///< titles, blank records and the like, which are no rows
  std::vector<std::string> names;  ///< one a column; "" where it has none or cannot be listed by it
  std::size_t named_count = 0;     ///< columns up to the last one with a name
  std::string why;                 ///< for the evidence; places and counts, no field's content
  std::string undecided;           ///< what its author has to look at; "" when it is certain
};

/// `records`: the first ones of a sample, as UTF-8; `field_count`: that most records have.
[[nodiscard]] Header find_header(const std::vector<Fields>& records, std::size_t field_count);

}  // namespace waybill::authoring
