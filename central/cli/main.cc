// waybill-central: the central side's one program.
//
// Place:    central/cli. Reads arguments, calls the part that does the work, turns what goes wrong
//           into one line that says what to do.
// Exit:     0 done, 1 refused or failed, 2 wrong usage.
#include <fmt/core.h>

#include <cstdio>
#include <exception>

#include "central/cli/command_line.h"
#include "central/cli/operators.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill::cli {

namespace {

int complain(std::string_view what, std::string_view way_out) {
  fmt::print(stderr, "waybill-central: {}. What to do: {}\n", what, way_out);
  return kExitFailed;
}

int run(int argc, char** argv) {
  Arguments args;
  std::function<int()> chosen;
  CLI::App app("Waybill's central side", "waybill-central");
  app.set_version_flag("--version", WAYBILL_VERSION);
  app.add_option("--log-level", args.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  const CommandLine line{app, args, chosen};
  add_service_commands(line);
  add_agency_commands(line);
  add_agent_commands(line);
  add_delivery_commands(line);
  add_spec_commands(line);
  add_trial_commands(line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  LogLevel lowest = LogLevel::kInfo;
  (void)parse_log_level(args.log_level, lowest);
  start_log("waybill-central", lowest);
  if (args.actor.empty()) args.actor = "operator";
  try {
    return chosen();
  } catch (const OperatorRefusal& refusal) {
    return complain(refusal.what(), refusal.way_out());
  } catch (const Error& error) {
    return complain(error.what(), error.code().way_out);
  }
}

}  // namespace

}  // namespace waybill::cli

int main(int argc, char** argv) {
  try {
    return waybill::cli::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(
        stderr, "waybill-central: WB-9001 internal: %s. What to do: Report it; this is a defect.\n",
        error.what());
    return 1;
  }
}
