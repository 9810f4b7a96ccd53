// SpecBook: which file spec a name in the export folder belongs to.
//
// Place:    agent/watch; filled from the ledger's last good specs.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/file_spec.h"
#include "core/name_fields.h"
#include "core/wire.h"

namespace waybill {

enum class NoMatch : std::uint8_t { kUnknown, kAmbiguous };

/// The spec of a name, and what the name itself tells by it.
struct SpecMatch {
  const FileSpec* spec = nullptr;  ///< never null; good until the book is filled again
  std::int32_t version = 0;        ///< central's, of the spec
  NameFields fields;
};

class SpecBook {
 public:
  /// Specs that this program cannot read are left out and their errors (WB-3014) returned.
  std::vector<std::string> fill(const std::vector<wire::Specs::Entry>& specs);

  /// The spec whose pattern matches the file's base name, or why there is none. A name that fits
  /// file_name but not name_fields belongs to no spec: its date or chunk would be a guess.
  [[nodiscard]] std::variant<SpecMatch, NoMatch> match(const std::string& relative_path) const;

  /// The spec of a tag and what the name tells by it; a name that tells nothing has no fields.
  /// Nothing when the tag has no spec (any more).
  [[nodiscard]] std::optional<SpecMatch> find(const FileTag& tag,
                                              const std::string& relative_path) const;

  [[nodiscard]] bool empty() const { return specs_.empty(); }

 private:
  struct Entry {
    FileSpec spec;
    std::int32_t version = 0;  ///< central's
  };

  std::vector<Entry> specs_;
};

}  // namespace waybill
