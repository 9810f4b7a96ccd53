#include "central/authoring/key_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/read/rows.h"

namespace waybill::authoring {

void KeyFinder::begin_sample() {
  sample_rows_ = 0;
  for (Pair& pair : pairs_) pair.distinct.clear();
}

void KeyFinder::add_pairs(const std::vector<std::string>& fields) {
  pairs_.resize(fields.size());
  for (std::size_t i = 1; i < fields.size(); ++i) {
    Pair& pair = pairs_[i];
    if (pair.uniqueness != Uniqueness::kUnique) continue;
    const std::size_t hash = std::hash<std::string>{}(fields[0] + kNaturalKeySeparator + fields[i]);
    if (pair.distinct.size() == ColumnProfile::kDistinctMax) {
      pair.uniqueness = Uniqueness::kTooManyToTell;
    } else if (!pair.distinct.insert(hash).second) {
      pair.uniqueness = Uniqueness::kRepeats;
    }
    if (pair.uniqueness != Uniqueness::kUnique) pair.distinct = {};
  }
}

KeyFinder::Key KeyFinder::find(const std::vector<ColumnProfile>& profiles,
                               const std::vector<std::size_t>& candidates,
                               std::int64_t rows) const {
  if (most_rows_ < kKeyRowsMin) return {};
  bool has_unknown = false;
  const auto is_unique = [&](Uniqueness uniqueness) {
    has_unknown |= uniqueness == Uniqueness::kTooManyToTell;
    return uniqueness == Uniqueness::kUnique;
  };
  const auto is_filled = [&](std::size_t i) { return profiles[i].filled() == rows; };
  for (const std::size_t i : candidates) {
    if (!is_filled(i) || !is_unique(profiles[i].uniqueness())) continue;
    return {{i}, "one column: filled in every row, and no value comes twice in a file"};
  }
  for (const std::size_t i : candidates) {
    if (i == 0 || i >= pairs_.size() || candidates.front() != 0) continue;
    if (!is_filled(0) || !is_filled(i) || !is_unique(pairs_[i].uniqueness)) continue;
    return {{0, i}, "two columns: filled in every row, and no pair comes twice in a file"};
  }
  if (!has_unknown) return {{}, "none was found among single columns and pairs with the first"};
  return {{},
          fmt::format("too many rows to tell: values are compared up to {} a file; choose the key",
                      ColumnProfile::kDistinctMax)};
}

}  // namespace waybill::authoring
