// AuditExport: the chain of custody as a folder of plain files, signed, for a third party who has
// neither Waybill nor access to anything.
//
// Place:    agent/cli; `waybill audit export` above, the ledger's audit below.
// Rule:     what is written is checked while it is written: a broken chain (WB-1107) ends it. The
//           signature is over SHA256SUMS, which names the hash of every other file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "agent/ledger/ledger_audit.h"
#include "core/file_system.h"
#include "core/signing_key.h"

namespace waybill {

struct AuditRange {
  std::string from;  ///< delivery date, "YYYY-MM-DD"; "": from the first
  std::string to;    ///< the last one included; "": to the newest
};

struct AuditSummary {
  wire::LedgerHead head;
  std::int64_t delivered_count = 0;  ///< entries of MANIFEST.tsv
  std::int64_t present_count = 0;    ///< lines of files.sha256
};

/// Writes the files into `folder`, which must be absent or empty (WB-1002).
AuditSummary export_audit(FileSystem& files, LedgerAudit& audit, const SigningKey& key,
                          const AuditRange& range, const std::filesystem::path& folder,
                          std::int64_t utc_ms);

/// A line of a checksum file as sha256sum writes and reads it, whatever the name holds.
[[nodiscard]] std::string checksum_line(std::string_view sha256, std::string_view name);

}  // namespace waybill
