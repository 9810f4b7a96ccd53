// StageStep: the rows of one file into staging, all or none.
//
// Place:    central/worker, below steps.h; over channel, StagingWriter and registry.
// Owner:    one thread, inside one transaction of its own.
// Durable:  returned: committed with its lease given back, or refused and recorded.
#pragma once

#include "central/worker/step_tools.h"
#include "core/read/rows.h"

namespace waybill {

/// Throws WB-9001 when the reading ended early and no finding says why: what was read is not the
/// file, and nothing of it may be staged.
void check_reading_is_explained(const ReadSummary& read, std::string_view file);

/// Reads the object through its spec's channel, checks hash and rows, asks the history of what is
/// staged, and commits the rows, or refuses the file with the first finding. Throws as steps.h
/// says.
void stage_file(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold);

}  // namespace waybill
