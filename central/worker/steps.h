// Steps: what a worker does with one claim: verify, stage, or move the object.
//
// Place:    central/worker, between the loop (worker.cc) and registry, storage and core's reader.
// Owner:    one thread, one step at a time.
// Durable:  a step that returned has been committed by the registry, with its lease given back. One
//           that threw has left nothing but what it names: bytes are never changed, an object may
//           have been moved already, which the next attempt finds done.
// Errors:   what is wrong with the file ends in a refusal, not an error. Thrown: WB-4001, WB-4004,
//           WB-4005 (storage), WB-5001, WB-5005 (database), WB-5002 (lease lost), WB-5003, WB-9001.
// Rule:     no log line and no error holds a value of the file.
#pragma once

#include "central/pg/connection.h"
#include "central/storage/storage_client.h"
#include "central/worker/lease_keeper.h"
#include "central/worker/registry.h"

namespace waybill {

/// What a step works with; all of it outlives the step.
struct StepTools {
  pg::Connection& database;
  Registry& registry;
  StorageClient& storage;
};

/// Does the claim's step to its end and logs one line for a person.
void run_step(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold);

/// "verify", "stage", "rename", "archive".
[[nodiscard]] std::string_view to_string(Step step);

}  // namespace waybill
