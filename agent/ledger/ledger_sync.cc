#include "agent/ledger/database.h"
#include "agent/ledger/facts.h"
#include "agent/ledger/ledger.h"

namespace waybill {

namespace {

std::string to_text(const std::vector<wire::DeliveryStatus>& deliveries) {
  nlohmann::json out = nlohmann::json::array();
  for (const wire::DeliveryStatus& delivery : deliveries) {
    out.push_back({{"date", delivery.date},
                   {"name", delivery.name},
                   {"state", delivery.state},
                   {"missing", delivery.missing},
                   {"deadline_at_ms", delivery.deadline_at_ms}});
  }
  return out.dump();
}

}  // namespace

wire::LedgerProof Ledger::proof() {
  wire::LedgerProof out;
  out.ledger_id = meta(meta::kLedgerId);
  out.anchored = parse_head(meta(meta::kAnchoredHead));
  if (const auto pending = parse_head(meta(meta::kPendingHead))) {
    out.head = *pending;
    return out;
  }
  out.head = head();
  set_meta({{meta::kPendingHead, waybill::to_text(out.head)}});
  return out;
}

void Ledger::apply_sync(const SyncResult& result) {
  database_->transact("record", "sync", [&] {
    for (const Move& move : result.moves) move_one(move);
    for (const SyncResult::Seen& seen : result.seen) mark_seen(seen);
    for (const FileId file : result.withdrawn) withdraw(file, Told::kInChange);
    if (result.specs) store_specs(*result.specs);
    put_meta(meta::kSyncCursor, std::to_string(result.cursor));
    put_meta(meta::kSettings, result.settings.dump());
    put_meta(meta::kCentralDeliveries, to_text(result.deliveries));
    put_meta(meta::kTenantState, result.tenant_state);
    put_meta(meta::kTenantReason, result.tenant_reason);
    put_meta(meta::kLastContactAtMs, std::to_string(clock_.now_ms()));
    put_meta(meta::kContactProblem, "");
    const std::string acknowledged = meta(meta::kPendingHead);
    if (acknowledged.empty()) return;
    put_meta(meta::kAnchoredHead, acknowledged);
    put_meta(meta::kPendingHead, "");
  });
}

}  // namespace waybill
