// waybill: the agent's program. Commands are read here and done in the files beside this one.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <iostream>

#include "agent/cli/commands.h"
#include "core/error.h"
#include "core/log.h"
#include "core/printable.h"

namespace {

constexpr const char* kDefaultConfig = "/etc/waybill/waybill.json";

void add_backfill_options(CLI::App& backfill, waybill::CommandOptions& options) {
  backfill.add_option("folder", options.folder, "the folder; only read, and kept until it is done")
      ->required();
  backfill
      .add_option("--as-of", options.as_of,
                  "delivery date, YYYY-MM-DD, of the files whose names tell none")
      ->required();
  auto* ahead =
      backfill.add_flag("--ahead", options.is_ahead, "nightly files wait until it is done");
  backfill.add_flag("--behind", options.is_behind, "nightly files go first (the default)")
      ->excludes(ahead);
  backfill.add_flag("--allow-older", options.allow_older,
                    "also files older than the newest processed of their tag");
  backfill.add_option("--name", options.delivery_name, "the deliveries' name")
      ->capture_default_str();
}

struct AuditCommands {
  CLI::App* verify;
  CLI::App* to_folder;
};

AuditCommands add_audit_commands(CLI::App& app, waybill::CommandOptions& options) {
  auto* audit = app.add_subcommand("audit", "the chain of custody: check it, hand it to others");
  audit->require_subcommand(1);
  auto* verify =
      audit->add_subcommand("verify", "walk the ledger's events and name the first bad one");
  verify->add_option("--ledger", options.file, "this ledger or backup, not the agent's own");
  auto* to_folder = audit->add_subcommand(
      "export", "a signed manifest that anybody checks with sha256sum and openssl");
  to_folder->add_option("folder", options.folder, "a new or empty folder")->required();
  to_folder->add_option("--from", options.from_date, "first delivery date, YYYY-MM-DD");
  to_folder->add_option("--to", options.to_date, "last delivery date, YYYY-MM-DD");
  return {verify, to_folder};
}

CLI::App* add_check_command(CLI::App& app, waybill::CommandOptions& options) {
  auto* check = app.add_subcommand("check", "what is wrong with a file; nothing is sent");
  check->add_option("file", options.file, "the file, wherever it lies")->required();
  check->add_option("--spec", options.spec_file, "by this file spec, not the agent's own");
  check->add_option("--quarantine", options.quarantine_file,
                    "write the rows that would be set aside to this new file");
  check->add_flag("--json", options.as_json, "the preflight report, for programs");
  return check;
}

int run(int argc, char** argv) {
  CLI::App app("Waybill: carries this agency's exports to its central Supabase.", "waybill");
  app.set_version_flag("--version", "waybill " WAYBILL_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  waybill::CommandOptions options;
  options.config_file = kDefaultConfig;
  app.add_option("--config", options.config_file, "configuration file")->capture_default_str();

  auto* run_command =
      app.add_subcommand("run", "watch the export folder and deliver, until told to end");
  auto* enroll =
      app.add_subcommand("enroll", "make this machine an agent, with a code from the central team");
  enroll->add_option("--code", options.code,
                     "enrolment code; read from standard input when absent");
  enroll->add_option("--name", options.agent_name,
                     "how the central team sees this agent; the machine's name when absent");
  auto* status =
      app.add_subcommand("status", "did today's delivery arrive, and if not, what to do");
  status->add_flag("--json", options.as_json, "for programs");
  auto* trace = app.add_subcommand("trace", "where a file is, and what became of it");
  trace
      ->add_option("file", options.file, "a file in the export folder, as a path or relative to it")
      ->required()
      ->check([](const std::string& name) {
        return name.empty() ? "the name of a file is needed, not an empty one" : "";
      });
  trace->add_flag("--json", options.as_json, "for programs");

  auto* backfill = app.add_subcommand("backfill", "load a folder of history beside the nights");
  add_backfill_options(*backfill, options);
  const AuditCommands audit = add_audit_commands(app, options);

  const auto* check = add_check_command(app, options);
  auto* retry = app.add_subcommand("retry", "try a file again that was given up, or waits");
  auto* every = retry->add_flag("--all", options.is_all, "every file that was given up");
  retry->add_option("file", options.file, "a file in the export folder")->excludes(every);

  try {
    app.parse(argc, argv);
    if (*retry && !options.is_all && options.file.empty()) {
      throw CLI::RequiredError("a file, or --all,");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? waybill::kExitOk : waybill::kExitUsage;
  }
  if (*check) return waybill::check_file(options);
  if (*run_command) return waybill::run_agent(options);
  if (*enroll) return waybill::enroll_agent(options);
  if (*backfill) return waybill::backfill_folder(options);
  if (*retry) return waybill::retry_files(options);
  if (*audit.verify) return waybill::verify_audit(options);
  if (*audit.to_folder) return waybill::export_audit_folder(options);
  if (*status) return waybill::show_status(options);
  return waybill::trace_file(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const waybill::Error& error) {
    std::cerr << "waybill: " << waybill::printable(error.what())
              << "\nWhat to do: " << error.code().way_out << '\n';
  } catch (const std::exception& error) {
    std::cerr << "waybill: WB-9001 internal: " << error.what() << '\n';
  }
  return waybill::kExitFailed;
}
