// SpecTest: runs an export through its spec and compares the rows with those its author expects.
//
// Place:    central/authoring; `waybill-central spec test` above, the worker's own channels below.
// Source:   expected rows: one JSON object a line, {source_row, natural_key, payload}, in order.
// Rule:     differences name rows and payload keys, never a value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file_spec.h"
#include "core/file_system.h"
#include "core/read/rows.h"

namespace waybill::authoring {

struct SpecTestResult {
  std::int64_t rows_staged = 0;
  ReadSummary summary;
  std::vector<Finding> findings;
  std::int64_t differences_count = 0;
  std::vector<std::string> differences;  ///< the first ones, in words

  [[nodiscard]] bool passed() const { return differences_count == 0 && summary.is_accepted(); }
};

/// Throws WB-1303 (a file cannot be read) and WB-3014 (an expected row is no JSON object).
[[nodiscard]] SpecTestResult test_spec(FileSystem& files, const FileSpec& spec,
                                       const std::filesystem::path& file,
                                       const std::filesystem::path& expected);

/// The rows that the spec gives, in the form of expected ones; for an author to look over.
[[nodiscard]] std::string expected_rows(FileSystem& files, const FileSpec& spec,
                                        const std::filesystem::path& file);

}  // namespace waybill::authoring
