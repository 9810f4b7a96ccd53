// OrphanSweep: removes stored objects that no file wants any more.
//
// Place:    central/worker, called by the loop (worker.cc) between two steps; registry and storage
//           below. Which object is an orphan is decided in SQL (ingest.find_orphans), under the
//           agency's lock and recorded there first; here is only done what is recorded.
// Owner:    one worker thread. Others may sweep at the same time: each orphan is one worker's for a
//           while, and to remove what is gone already is success.
// Durable:  a crash between removal and its record is harmless: the orphan is due again, and found
//           gone. The record is made only when the registry sees no such object any more.
// Errors:   what Storage refuses is kept with the orphan, which is tried again by itself; database
//           errors pass through.
#pragma once

#include "central/storage/storage_client.h"
#include "central/worker/registry.h"

namespace waybill {

struct OrphanCount {
  std::int64_t found = 0;
  std::int64_t removed = 0;
};

/// One bounded round: looks at the next objects of a bucket, removes some of what was found.
OrphanCount sweep_orphans(Registry& registry, StorageClient& storage);

}  // namespace waybill
