// Contact: may central be called now, and what people are told about it.
//
// Place:    agent/engine. One for all calls: when one call finds the line dead, none is tried until
//           the pause is over.
#pragma once

#include <cstdint>

#include "agent/engine/chance.h"
#include "agent/ledger/ledger.h"
#include "core/clock.h"
#include "core/error.h"

namespace waybill {

class Contact {
 public:
  Contact(const Clock& clock, Ledger& ledger, Chance& chance);

  [[nodiscard]] bool may_call() const;
  /// When it may be called again, on the steady clock; 0 when now.
  [[nodiscard]] std::int64_t not_before_steady_ms() const { return not_before_steady_ms_; }

  void succeeded();
  /// Counts the failure, records it for status and keeps away for a while. A refusal of the agent
  /// itself (unknown, revoked, agency closed) keeps away for as long as any pause lasts.
  void failed(const Error& error);

 private:
  const Clock& clock_;
  Ledger& ledger_;
  Chance& chance_;
  std::int32_t failures_ = 0;
  std::int64_t not_before_steady_ms_ = 0;
};

/// {"code", "message"} for the ledger's meta table and for status.
[[nodiscard]] std::string problem_text(const Error& error);

}  // namespace waybill
