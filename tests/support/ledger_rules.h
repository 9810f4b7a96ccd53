// LedgerRules: how central judges the ledger that an agent proves with each sync.
//
// Place:    tests/support; what ingest.check_ledger does in SQL, for the model of central.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "core/wire.h"

namespace waybill {

class LedgerRules {
 public:
  /// Is it the ledger we know, further on or as it was? A false answer stays until accept().
  bool take(const wire::LedgerProof& proof) {
    if (is_refused_) return false;
    if (!newest_ || is_accepted_whatever_) {
      begin(proof);
    } else if (proof.ledger_id == newest_->ledger_id) {
      const bool is_repeat = is_same(newest_->head, proof.head);
      const bool goes_on = proof.anchored && is_same(newest_->head, *proof.anchored) &&
                           proof.head.seq >= newest_->head.seq;
      is_refused_ = !is_repeat && !goes_on;
      if (!is_refused_) newest_->head = proof.head;
    } else if (!replaced_.contains(proof.ledger_id) && !proof.anchored) {
      begin(proof);
      ++replaced_count;
    } else {
      is_refused_ = true;
    }
    return !is_refused_;
  }

  /// The operator's word: the next head is accepted, whatever it is.
  void accept() {
    is_refused_ = false;
    is_accepted_whatever_ = true;
  }

  [[nodiscard]] bool is_refused() const { return is_refused_; }

  int replaced_count = 0;  ///< new ledgers in place of a known one

 private:
  struct Newest {
    std::string ledger_id;
    wire::LedgerHead head;
  };

  static bool is_same(const wire::LedgerHead& one, const wire::LedgerHead& other) {
    return one.seq == other.seq && one.hash == other.hash;
  }

  void begin(const wire::LedgerProof& proof) {
    if (newest_ && newest_->ledger_id != proof.ledger_id) replaced_.insert(newest_->ledger_id);
    replaced_.erase(proof.ledger_id);
    newest_ = Newest{proof.ledger_id, proof.head};
    is_accepted_whatever_ = false;
  }

  std::optional<Newest> newest_;
  std::set<std::string> replaced_;
  bool is_refused_ = false;
  bool is_accepted_whatever_ = false;
};

}  // namespace waybill
