// FileNamePattern: the pattern that a spec's file_name has, from the names of its samples.
//
// Place:    central/authoring; SpecLearner above, core's glob decides what matches.
// Rule:     every sample matches its own pattern.
#pragma once

#include <string>
#include <vector>

namespace waybill::authoring {

/// "parts_20261120.csv" and "parts_20261121.csv": "parts_*.csv"; dates, also 2026-11-20 and
/// 20.11.2026, and numbers that differ become the star. What a pattern would read as its own is in
/// brackets ("a[[]1].csv"); bytes that are no UTF-8 and backslashes are "?".
[[nodiscard]] std::string file_name_pattern(const std::vector<std::string>& names);

}  // namespace waybill::authoring
