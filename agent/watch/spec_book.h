// SpecBook: which file spec a name in the export folder belongs to.
//
// Place:    agent/watch; filled from the ledger's last good specs.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/file_spec.h"
#include "core/wire.h"

namespace waybill {

enum class NoMatch : std::uint8_t { kUnknown, kAmbiguous };

class SpecBook {
 public:
  /// Specs that this program cannot read are left out and their errors (WB-3014) returned.
  std::vector<std::string> fill(const std::vector<wire::Specs::Entry>& specs);

  /// The tag whose spec matches the file's base name, or why there is none.
  [[nodiscard]] std::variant<FileTag, NoMatch> match(const std::string& relative_path) const;

  [[nodiscard]] bool empty() const { return specs_.empty(); }

 private:
  std::vector<FileSpec> specs_;
};

}  // namespace waybill
