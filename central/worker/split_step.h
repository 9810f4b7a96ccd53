// SplitStep: a file that arrived larger than its spec allows becomes parts, cut where rows begin.
//
// Place:    central/worker, below steps.h; over core/split, storage and registry.
// Memory:   one block of the object, whatever its size. The object is read twice: once to plan the
//           parts, once, in ranges, to upload them.
// Durable:  parts are uploaded before the registry hears of them, to paths that only this file can
//           have; a step that is done again replaces them by the same bytes.
#pragma once

#include "central/worker/step_tools.h"

namespace waybill {

/// Cuts the claim's object, or records that it fits as it is. Throws as steps.h says.
void split_file(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold);

}  // namespace waybill
