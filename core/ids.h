// Named identifiers: a job_file id cannot be passed where a job id is wanted.
//
// Place:    core. Central ids are UUIDs in lower case as PostgreSQL prints them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace waybill {

/// A string with a meaning. `Tag` only tells one kind from another.
template <class Tag>
struct NamedText {
  std::string value;

  NamedText() = default;
  explicit NamedText(std::string text) : value(std::move(text)) {}
  [[nodiscard]] bool empty() const { return value.empty(); }
  auto operator<=>(const NamedText&) const = default;
};

using TenantId = NamedText<struct TenantIdTag>;
using JobId = NamedText<struct JobIdTag>;
using JobFileId = NamedText<struct JobFileIdTag>;  ///< central's id of one file of a job
using JobKey =
    NamedText<struct JobKeyTag>;  ///< the agent's key of a delivery, made before the first send
using AgentId = NamedText<struct AgentIdTag>;
using FileTag = NamedText<struct FileTagTag>;  ///< selects the file spec, e.g. "recipe_line"
using ObjectPath = NamedText<struct ObjectPathTag>;

/// The ledger's own number of a file version.
struct FileId {
  std::int64_t value = 0;
  auto operator<=>(const FileId&) const = default;
};

}  // namespace waybill
