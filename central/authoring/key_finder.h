// KeyFinder: which column, or pair of columns, names the rows of every sample.
//
// Place:    central/authoring; SpecLearner above, ColumnProfile below.
// Rule:     keys are unique within a file, as natural_key_unique is: two nights' exports hold the
//           same keys. A pair is the first column with another one.
// Memory:   at most ColumnProfile::kDistinctMax hashes a pair, of one file.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "central/authoring/column_profile.h"

namespace waybill::authoring {

/// Fewer rows than this in every sample tell nothing.
inline constexpr std::int64_t kKeyRowsMin = 10;

class KeyFinder {
 public:
  struct Key {
    std::vector<std::size_t> columns;  ///< their places; empty: no key was found
    std::string why;                   ///< for the evidence; "" when there are too few rows
  };

  /// The rows of another file follow.
  void begin_sample();
  void add_row() { most_rows_ = std::max(most_rows_, ++sample_rows_); }
  /// The fields of that row, where rows have as many each.
  void add_pairs(const std::vector<std::string>& fields);

  /// Among the columns at `candidates`, each of `rows` rows.
  [[nodiscard]] Key find(const std::vector<ColumnProfile>& profiles,
                         const std::vector<std::size_t>& candidates, std::int64_t rows) const;

 private:
  struct Pair {
    std::unordered_set<std::size_t> distinct;
    Uniqueness uniqueness = Uniqueness::kUnique;
  };

  std::vector<Pair> pairs_;
  std::int64_t sample_rows_ = 0;
  std::int64_t most_rows_ = 0;
};

}  // namespace waybill::authoring
