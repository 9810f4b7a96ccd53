// Steps: what a worker does with one claim: verify, split, stage, or move the object.
//
// Place:    central/worker, between the loop (worker.cc) and registry, storage and channels.
// Owner:    one thread, one step at a time.
// Durable:  a step that returned has been committed by the registry, with its lease given back. One
//           that threw has left nothing but what it names: bytes are never changed, an object may
//           have been moved already, which the next attempt finds done.
// Errors:   what is wrong with the file ends in a refusal, not an error. Thrown: WB-4001, WB-4004,
//           WB-4005 (storage), WB-5001, WB-5005 (database), WB-5002 (lease lost), WB-5003, WB-9001,
//           WB-1310 (scratch folder), WB-3014 and WB-3110 (a spec that this version cannot read).
// Rule:     no log line and no error holds a value of the file.
#pragma once

#include "central/worker/step_tools.h"

namespace waybill {

/// Does the claim's step to its end and logs one line for a person.
void run_step(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold);

}  // namespace waybill
