// The event log's hash chain: what exactly is hashed.
//
// Place:    agent/ledger. Pure; the ledger appends with it and an audit verifies with it.
// Rule:     hash = SHA-256 over the ten fields of a row in this order, each written as a netstring
//           ("<number of octets in decimal>:<octets>,"): prev_hash, seq, at_ms, kind,
//           relative_path, content_sha256, file_number, from_state, to_state, detail. Numbers are
//           decimal digits; a null file_number is the empty string. The first row's prev_hash is 64
//           zeros. Anybody can check it with sha256sum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/crypto.h"
#include "core/ids.h"

namespace waybill {

inline constexpr std::string_view kChainStart =
    "0000000000000000000000000000000000000000000000000000000000000000";

struct LedgerEvent {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  std::string kind;
  std::string relative_path;
  Sha256Hex content_sha256;
  std::optional<FileId> file_number;
  std::string from_state;
  std::string to_state;
  std::string detail = "{}";
  Sha256Hex prev_hash;
  Sha256Hex hash;
};

[[nodiscard]] Sha256Hex chain_hash(const LedgerEvent& event);

}  // namespace waybill
