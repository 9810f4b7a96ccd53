// The partner's file as a whole, told from the parts in which it travels.
//
// Place:    agent/ledger; values only, no SQL. People look at files, not at parts.
#pragma once

#include <span>
#include <vector>

#include "agent/ledger/job_file.h"

namespace waybill {

/// Where a file stands whose parts are in these states: refused or given up when one part is,
/// otherwise where the part is that has come least far. `states` is not empty.
[[nodiscard]] FileState whole_state(std::span<const FileState> states);

/// The whole file of all its parts, in their order: its bytes and hash, the state of the whole, the
/// sum of its rows once all are known, and the problem that tells most. `parts` is not empty.
[[nodiscard]] JobFile whole_of(std::span<const JobFile> parts);

/// Versions of a name, oldest first, each with its parts in order.
[[nodiscard]] std::vector<std::vector<JobFile>> group_parts(std::vector<JobFile> files);

}  // namespace waybill
