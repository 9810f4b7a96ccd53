// SpecLint: what an author of file specs may want to know before operators publish them.
//
// Place:    central/authoring; `waybill-central spec lint` above.
// Rule:     an error is what parse_file_spec() refuses; everything else is advice, with its reason.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/file_spec.h"

namespace waybill::authoring {

struct Remark {
  std::string place;  ///< "columns[2].pattern"; "" is the spec as a whole
  std::string text;   ///< what, and why it matters
  bool is_error = false;

  bool operator==(const Remark&) const = default;
};

/// Advice on one spec that parse_file_spec() takes.
[[nodiscard]] std::vector<Remark> lint(const FileSpec& spec);

/// Advice on the specs of one agency together: names that more than one of them takes.
[[nodiscard]] std::vector<Remark> lint_together(const std::vector<FileSpec>& specs);

}  // namespace waybill::authoring
