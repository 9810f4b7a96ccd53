#include "central/worker/orphan_sweep.h"

#include <fmt/format.h>

#include <string>

#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::int64_t kObjectsLookedAtMax = 2000;
constexpr std::int64_t kRemovalsMax = 20;

/// Why the object could not be removed; "" when it is gone.
std::string problem_of_removal(StorageClient& storage, const Orphan& orphan) {
  try {
    storage.remove(orphan.bucket, orphan.object_path);
    return "";
  } catch (const Error& error) {
    // Also a refused key: the steps meet that too, and end the worker with a word to a person.
    return fmt::format("{} {}", error.code().id, error.cause());
  }
}

}  // namespace

OrphanCount sweep_orphans(Registry& registry, StorageClient& storage) {
  OrphanCount count;
  count.found = registry.find_orphans(kObjectsLookedAtMax);
  for (const Orphan& orphan : registry.next_orphans(kRemovalsMax)) {
    const std::string problem = problem_of_removal(storage, orphan);
    if (registry.finish_orphan(orphan.id, problem)) {
      ++count.removed;
      log_info(fmt::format("removed {} {}: {}", orphan.tenant, orphan.object_path, orphan.reason));
    } else {
      // Its fellows would fail likewise; all are due again later.
      log_warning(fmt::format("not removed {} {}: {}", orphan.tenant, orphan.object_path,
                              problem.empty() ? "it is still there" : problem));
      break;
    }
  }
  return count;
}

}  // namespace waybill
