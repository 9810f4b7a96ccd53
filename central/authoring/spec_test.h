// SpecTest: runs an export through its spec and compares the rows with those its author expects.
//
// Place:    central/authoring; `waybill-central spec test` above, the worker's own channels below.
// Source:   expected rows, as ExpectedRows has them.
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

/// A finding and where it is, in one line for a person: "WB-3012 value-invalid at row 3, ...".
[[nodiscard]] std::string in_words(const Finding& finding);

/// Throws WB-1303 (a file cannot be read), WB-1313 (it is not there) and WB-3014 (a line is no
/// expected row).
[[nodiscard]] SpecTestResult test_spec(FileSystem& files, const FileSpec& spec,
                                       const std::filesystem::path& file,
                                       const std::filesystem::path& expected);

/// The rows that the spec gives, in the form of expected ones; for an author to look over. Throws
/// WB-3014 with the finding when the spec refuses the file.
[[nodiscard]] std::string expected_rows(FileSystem& files, const FileSpec& spec,
                                        const std::filesystem::path& file);

enum class [[nodiscard]] WriteOutcome : std::uint8_t{
    kWritten,
    kUnchanged,  ///< the same rows are there already; nothing was written
};

/// Writes them to `target`. Throws WB-1314 when it holds something else already and `replace` is
/// false: what an author has looked over and mended is not lost by a slip.
WriteOutcome write_expected_rows(FileSystem& files, const std::string& rows,
                                 const std::filesystem::path& target, bool replace);

/// Throws WB-1314 when expected rows would be written over a file they are made from.
void refuse_source_as_target(FileSystem& files, const std::filesystem::path& target,
                             const std::vector<std::filesystem::path>& sources);

}  // namespace waybill::authoring
