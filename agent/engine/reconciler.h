// Reconciler: health and ledger head up, central's changes, specs and settings down.
//
// Place:    agent/engine; CentralApi above, ledger below.
// Rule:     the cursor is stored in the transaction that stores what it covers. Changes are applied
//           in order; news older than what the ledger knows changes nothing.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "agent/ledger/ledger.h"
#include "sync/central_api.h"

namespace waybill {

struct SyncOutcome {
  bool more = false;                ///< call again at once
  bool specs_changed = false;       ///< the spec book is to be filled again
  std::size_t change_count = 0;     ///< moves recorded
  std::int64_t clock_ahead_ms = 0;  ///< ours of central's; negative: behind
};

class Reconciler {
 public:
  /// `public_key`: PEM of the key that signs our manifests; told with every sync.
  Reconciler(const Clock& clock, CentralApi& central, Ledger& ledger, std::string public_key = {});

  /// Throws what CentralApi throws, and WB-2007 when central does not accept this ledger: then
  /// nothing of the answer was taken.
  SyncOutcome sync(const nlohmann::json& health);

 private:
  using WorkingCopies = std::map<FileId, JobFile>;

  JobFile* find(const wire::Change& change, WorkingCopies& files);
  [[nodiscard]] bool is_let_go(const JobFile& file, const wire::Change& change,
                               const WorkingCopies& files);
  [[nodiscard]] std::optional<Move> move_for(const JobFile& file, const wire::Change& change) const;
  [[nodiscard]] wire::Specs readable_specs(const wire::Specs& incoming);
  [[nodiscard]] wire::Json readable_plan(const wire::Json& incoming);

  const Clock& clock_;
  CentralApi& central_;
  Ledger& ledger_;
  std::string public_key_;
};

}  // namespace waybill
