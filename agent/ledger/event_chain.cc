#include "agent/ledger/event_chain.h"

namespace waybill {

namespace {

void add(std::string& text, std::string_view field) {
  text.append(std::to_string(field.size())).append(":").append(field).append(",");
}

}  // namespace

Sha256Hex chain_hash(const LedgerEvent& event) {
  std::string text;
  add(text, event.prev_hash);
  add(text, std::to_string(event.seq));
  add(text, std::to_string(event.at_ms));
  add(text, event.kind);
  add(text, event.relative_path);
  add(text, event.content_sha256);
  add(text, event.file_number ? std::to_string(event.file_number->value) : "");
  add(text, event.from_state);
  add(text, event.to_state);
  add(text, event.detail);
  return sha256_hex(text);
}

}  // namespace waybill
