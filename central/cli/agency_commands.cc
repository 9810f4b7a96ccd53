// agency, enrolment-code, lineage: who delivers what, and where a row came from.
#include <fmt/core.h>

#include "central/cli/command_line.h"
#include "central/cli/operators.h"
#include "core/error.h"

namespace waybill::cli {

namespace {

int run_agency_put(const Arguments& args) {
  const AgencyFolder folder = read_agency_folder(whole(args.folder));
  const Operators::Agency agency = Operators(args.database_url, args.actor).put_agency(folder);
  fmt::print("agency {}\n", agency.slug);
  for (const auto& spec : agency.specs) {
    fmt::print("  {} version {}\n", spec.file_tag, spec.version);
  }
  for (const std::string& file_tag : agency.withdrawn) {
    fmt::print("  {} withdrawn: the folder has no spec of it; new files of it are not taken\n",
               file_tag);
  }
  if (agency.has_plan) {
    fmt::print("  delivery plan version {}\n", agency.plan_version);
  } else if (agency.plan_version > 0) {
    fmt::print("  no delivery plan any more; nothing is missed\n");
  }
  return kExitDone;
}

int run_enrolment_code(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  fmt::print("{}\n", operators.create_enrolment_code(args.agency, args.ttl_s));
  return kExitDone;
}

int run_lineage(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const nlohmann::ordered_json story = operators.lineage(args.job_file_id, args.source_row);
  if (story.is_null()) {
    throw Error(error_code::kJobFileNotFound, "find the row",
                fmt::format("{} of job_file {}", args.source_row, args.job_file_id),
                "no such row is staged");
  }
  if (args.json) {
    fmt::print("{}\n", story.dump(2));
    return kExitDone;
  }
  for (const auto& [key, value] : story.items()) {
    if (value.is_null()) continue;
    fmt::print("{:<18}  {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return kExitDone;
}

}  // namespace

void add_agency_commands(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& agency = *line.app.add_subcommand("agency", "Agencies")->require_subcommand(1);
  CLI::App& put = line.add_act(agency, "put", "Put an agency's file specs and plan in force");
  put.add_option("folder", args.folder, "holds _agency.json and <file_tag>.json")->required();
  line.on(put, run_agency_put);

  CLI::App& codes = *line.app.add_subcommand("enrolment-code", "Codes")->require_subcommand(1);
  CLI::App& create = line.add_act(codes, "create", "Print a code for one enrolment");
  create.add_option("--agency", args.agency, "the agency's slug")->required();
  create.add_option("--ttl", args.ttl_s, "seconds until it expires")
      ->check(CLI::Range(1, 2'592'000))
      ->capture_default_str();
  line.on(create, run_enrolment_code);

  CLI::App& lineage = line.add_act(line.app, "lineage", "Tell where a staged row came from");
  lineage.add_option("--file", args.job_file_id, "job_file_id of the row")
      ->required()
      ->check(id_problem);
  lineage.add_option("--row", args.source_row, "source_row: 1-based, header excluded")->required();
  lineage.add_flag("--json", args.json, "as JSON");
  line.on(lineage, run_lineage);
}

}  // namespace waybill::cli
