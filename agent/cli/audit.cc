#include <fmt/core.h>

#include <iostream>

#include "agent/cli/audit_export.h"
#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/config/agent_key.h"
#include "agent/ledger/ledger.h"
#include "core/error.h"
#include "core/local_day.h"

namespace waybill {

namespace {

std::filesystem::path ledger_file(FileSystem& files, const CommandOptions& options) {
  if (!options.file.empty()) return options.file;
  return read_agent_config(files, options.config_file).state_folder / kLedgerFileName;
}

void check_date(const std::string& date, const char* option) {
  if (date.empty() || is_date(date)) return;
  throw Error(error_code::kConfigInvalid, "export audit", date,
              std::string(option) + " must be a date, YYYY-MM-DD");
}

}  // namespace

int verify_audit(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  LedgerAudit audit(ledger_file(files, options));
  const wire::LedgerHead head = audit.verify();
  std::cout << fmt::format(
      "The chain is whole: {} events, ledger {}, head {}.\n"
      "Every file stands where its last event left it.\n",
      head.seq, audit.ledger_id(), head.hash);
  return kExitOk;
}

int export_audit_folder(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  check_date(options.from_date, "--from");
  check_date(options.to_date, "--to");
  LedgerAudit audit(config.state_folder / kLedgerFileName);
  const SigningKey key = read_or_make_agent_key(files, config.state_folder);
  const std::filesystem::path folder = std::filesystem::absolute(options.folder);
  const AuditSummary summary = export_audit(files, audit, key, {options.from_date, options.to_date},
                                            folder, SystemClock().now_ms());
  std::cout << fmt::format(
      "Exported to {}: {} events, {} delivered files, {} of them as they should lie in the export "
      "folder.\nHow anybody checks it: {}\n",
      folder.string(), summary.head.seq, summary.delivered_count, summary.present_count,
      (folder / "README.txt").string());
  return kExitOk;
}

}  // namespace waybill
