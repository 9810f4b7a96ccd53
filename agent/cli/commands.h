// The commands of `waybill`, one function each.
//
// Place:    agent/cli; main.cc reads the command line, these do the work.
// Errors:   Error leaves them; main() prints it with its way out and ends with kExitFailed.
#pragma once

#include <filesystem>
#include <string>

namespace waybill {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitRefused = 3;        ///< check: the file would be refused
inline constexpr int kExitUnknownFile = 4;    ///< trace: the ledger has never seen the file
inline constexpr int kExitLedgerDamaged = 5;  ///< run: start again, and it is rebuilt

struct CommandOptions {
  std::filesystem::path config_file;
  std::string code;
  std::string agent_name;
  std::filesystem::path file;
  bool is_all = false;  ///< retry: every file that was given up
  bool as_json = false;
  std::filesystem::path folder;  ///< backfill: of history
  std::string as_of;             ///< backfill: date of files whose names tell none
  std::string delivery_name = "history";
  bool is_ahead = false;
  bool is_behind = false;  ///< the default, for those who like to say it
  bool allow_older = false;
  std::string from_date;  ///< audit export: first delivery date, "" for all
  std::string to_date;
  std::filesystem::path spec_file;        ///< check: this spec, not the agent's own
  std::filesystem::path quarantine_file;  ///< check: a new file for the rows that are set aside
};

int check_file(const CommandOptions& options);
int run_agent(const CommandOptions& options);
int enroll_agent(const CommandOptions& options);
int show_status(const CommandOptions& options);
int backfill_folder(const CommandOptions& options);
int retry_files(const CommandOptions& options);
int trace_file(const CommandOptions& options);
int verify_audit(const CommandOptions& options);
int export_audit_folder(const CommandOptions& options);

}  // namespace waybill
