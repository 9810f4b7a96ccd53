// HistoryChecks: what only staging can say of a file: usual size, keys that came before,
// references.
//
// Place:    central/worker, below the stage step; over the registry's functions, which do the SQL.
// Owner:    one stage step, inside the transaction that has staged the file's rows.
// Source:   docs/decisions/0020; the actions are the spec's "on_finding", like those of the reader.
//           A rule that is ignored is not asked about.
// Rule:     no finding holds a value of the file; counts and row numbers are none.
#pragma once

#include "central/worker/registry.h"
#include "core/file_spec.h"
#include "core/read/finding_list.h"
#include "core/read/rows.h"

namespace waybill {

/// Recent files that must be there before a row count is compared with theirs.
inline constexpr std::int64_t kUsualFilesMin = 3;

/// Adds to `findings` what the history says of the rows that were staged as `read` tells.
void check_history(Registry& registry, const Claim& claim, const FileSpec& spec,
                   const ReadSummary& read, FindingList& findings);

}  // namespace waybill
