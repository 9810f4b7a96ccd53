// StepTools: what every step works with, and the reading of a stored object they share.
//
// Place:    central/worker, below steps.h.
// Owner:    one thread of the worker; all of it outlives the step.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "central/pg/connection.h"
#include "central/storage/storage_client.h"
#include "central/worker/lease_keeper.h"
#include "central/worker/registry.h"
#include "core/crypto.h"

namespace waybill {

struct StepTools {
  pg::Connection& database;
  Registry& registry;
  StorageClient& storage;
  StorageClient& range_storage;  ///< reads while `storage` uploads: a connection of its own
  const std::filesystem::path& scratch_folder;
  const std::atomic<bool>& stop;
};

/// What was read of an object: the measure that the ledger's own is held against.
struct Measured {
  Sha256Hex sha256;
  std::int64_t size_bytes = 0;
};

/// Throws when the step must be dropped: the lease is lost (WB-5002), or a stop was requested.
void check_may_go_on(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold);

/// Streams the object once, through the hash and to `taker` (may be empty), for as long as the
/// lease is ours.
Measured read_object(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold,
                     const std::function<void(std::string_view)>& taker);

/// Other bytes were read than the verified ones: nothing of them may be used. They are read again
/// (throws WB-4004), and when they stay other the file is refused: the agency may send it again,
/// and the record shows that the copy was altered centrally.
void refuse_altered(const StepTools& tools, const Claim& claim);

void log_refusal(const Claim& claim, const nlohmann::json& error);

/// "1.25 s", of steady time.
[[nodiscard]] std::string seconds_since(std::int64_t started_ms);

/// "1 row", "2 rows"

}  // namespace waybill
