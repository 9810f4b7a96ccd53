// SpecLint: what an author of file specs may want to know before operators publish them.
//
// Place:    central/authoring; `waybill-central spec lint` above.
// Rule:     an error is what parse_file_spec() refuses, and one tag for two specs; everything else
//           is advice, with its reason.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/file_spec.h"

namespace waybill::authoring {

/// What `spec init` writes in place of a column; lint finds what was left of it.
inline constexpr const char* kPlaceholderName = "Name of the column in the export";
inline constexpr const char* kPlaceholderKey = "payload_key";

struct Remark {
  std::string place;  ///< "columns[2].pattern"; "" is the spec as a whole
  std::string text;   ///< what, and why it matters
  bool is_error = false;

  bool operator==(const Remark&) const = default;
};

/// Advice on one spec that parse_file_spec() takes.
[[nodiscard]] std::vector<Remark> lint(const FileSpec& spec);

/// Advice on the name of the file that the spec stands in.
[[nodiscard]] std::vector<Remark> lint_name(const FileSpec& spec,
                                            const std::filesystem::path& path);

/// Remarks on the specs of one agency together: tags that two of them have, which is an error, and
/// names that more than one of them takes.
[[nodiscard]] std::vector<Remark> lint_together(const std::vector<FileSpec>& specs);

}  // namespace waybill::authoring
