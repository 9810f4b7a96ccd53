// LedgerAudit: a ledger, or a backup of one, read from end to end as an auditor does.
//
// Place:    agent/ledger; `waybill audit` above. A read-only connection of its own and one read
//           transaction: what it tells fits together, while the agent goes on.
// Memory:   one event and one file at a time, however long the ledger is.
// Errors:   WB-1107 naming the first thing that does not fit; otherwise as the ledger's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/ledger/event_chain.h"
#include "agent/ledger/identity.h"
#include "agent/ledger/job_file.h"
#include "core/wire.h"

namespace waybill {

class LedgerDatabase;

class LedgerAudit {
 public:
  explicit LedgerAudit(const std::filesystem::path& ledger_file);
  ~LedgerAudit();

  [[nodiscard]] std::optional<Identity> identity();
  [[nodiscard]] std::string ledger_id();

  /// Walks the chain from its first event: numbers without a gap, each hash as its fields give it,
  /// each following the one before; then that the last one is the head that was noted, that the
  /// heads told to central are in it, and that every file stands where its last event left it.
  /// `visit` is given each event once it is known to be good. Returns the head.
  wire::LedgerHead verify(const std::function<void(const LedgerEvent&)>& visit = {});

  /// What central has taken, or had before, of deliveries from `from` to `to` (dates, both
  /// included; "": no limit), in the order of paths.
  void for_each_delivered(const std::string& from, const std::string& to,
                          const std::function<void(const JobFile&)>& visit);
  /// Of each path in the export folder its newest version, when it is delivered as a whole.
  void for_each_present(
      const std::string& from, const std::string& to,
      const std::function<void(const std::string& relative_path, const Sha256Hex& sha256)>& visit);

 private:
  void check_heads(const wire::LedgerHead& last);
  void check_states();
  void check_preflights();

  std::unique_ptr<LedgerDatabase> database_;
};

}  // namespace waybill
