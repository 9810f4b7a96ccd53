// waybill-central: the central side's one program.
//
// Place:    central/cli; the owner of CLI11 on this side. Reads arguments, calls the part that does
//           the work, turns what goes wrong into one line that says what to do.
// Secrets:  only from files and the environment, never from an argument that `ps` would show.
// Exit:     0 done, 1 refused or failed, 2 wrong usage.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>

#include "central/cli/migrate.h"
#include "central/cli/operators.h"
#include "central/standin/keys.h"
#include "central/standin/server.h"
#include "central/worker/worker.h"
#include "core/error.h"
#include "core/log.h"
#include "core/termination.h"

namespace waybill::cli {

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr std::int64_t kStopCheckMs = 1000;

/// What the command line says; each command reads its own part.
struct Arguments {
  std::string log_level = "info";
  std::string database_url;
  std::string keys;
  std::string actor;
  standin::StandInOptions standin;
  std::string objects;
  std::string migrations;
  bool bootstrap = false;
  WorkerOptions worker;
  std::string folder;
  std::string agency;
  std::int64_t ttl_s = 3600;
  std::string agent_id;
  std::string reason;
  std::string job_file_id;
  std::int64_t source_row = 0;
  bool json = false;
};

/// As the parts below want it: absolute. A relative path counts from the current folder.
std::filesystem::path whole(const std::string& path) { return std::filesystem::absolute(path); }

void run_standin(Arguments& args) {
  StopSource stop;
  arm_termination(stop);
  args.standin.database_url = args.database_url;
  args.standin.objects_folder = whole(args.objects);
  args.standin.keys = standin::read_keys(whole(args.keys));
  const standin::StandIn server(args.standin);
  fmt::print("listening on {}\n", server.url());
  std::fflush(stdout);
  while (!stop.wait_for(kStopCheckMs)) {
  }
  log_info("stopping");
}

void run_migrate(const Arguments& args) {
  MigrateOptions options{.database_url = args.database_url,
                         .migrations = whole(args.migrations),
                         .bootstrap = args.bootstrap,
                         .keys = std::nullopt};
  if (!args.keys.empty()) options.keys = standin::read_keys(whole(args.keys));
  const std::vector<std::string> applied = migrate(options);
  for (const std::string& name : applied) fmt::print("applied {}\n", name);
  if (applied.empty()) fmt::print("nothing to apply; the database is up to date\n");
}

void run_work(Arguments& args) {
  StopSource stop;
  arm_termination(stop);
  args.worker.database_url = args.database_url;
  args.worker.service_key = standin::read_secret_key(whole(args.keys));
  run_worker(args.worker, stop);
}

void run_keys_create(const Arguments& args) {
  standin::write_keys(whole(args.keys), standin::make_keys());
  fmt::print("wrote {}\n", args.keys);
}

void run_agency_put(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const Operators::Agency agency = operators.put_agency(whole(args.folder));
  fmt::print("agency {}\n", agency.slug);
  for (const auto& spec : agency.specs) {
    fmt::print("  {} version {}\n", spec.file_tag, spec.version);
  }
}

void run_enrolment_code(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  fmt::print("{}\n", operators.create_enrolment_code(args.agency, args.ttl_s));
}

void run_agent_revoke(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  operators.revoke_agent(args.agent_id, args.reason);
  fmt::print("revoked {}\n", args.agent_id);
}

void run_lineage(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const nlohmann::ordered_json story = operators.lineage(args.job_file_id, args.source_row);
  if (story.is_null()) {
    throw Error(error_code::kJobFileNotFound, "find the row",
                fmt::format("{} of job_file {}", args.source_row, args.job_file_id),
                "no such row is staged");
  }
  if (args.json) {
    fmt::print("{}\n", story.dump(2));
    return;
  }
  for (const auto& [key, value] : story.items()) {
    if (value.is_null()) continue;
    fmt::print("{:<18}  {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

void add_database(CLI::App& command, Arguments& args) {
  command
      .add_option("--database-url", args.database_url,
                  "PostgreSQL; better in the environment, where other users do not see it")
      ->envname("WAYBILL_DATABASE_URL")
      ->required();
}

void add_actor(CLI::App& command, Arguments& args) {
  command.add_option("--actor", args.actor, "who is recorded as having done this")
      ->envname("USER")
      ->default_str("operator");
}

void add_standin(CLI::App& app, Arguments& args, std::function<void()>& chosen) {
  CLI::App& command =
      *app.add_subcommand("standin", "Serve the Supabase surface that Waybill uses");
  add_database(command, args);
  command.add_option("--listen", args.standin.listen, "HOST:PORT; port 0 takes any free one")
      ->capture_default_str();
  command.add_flag("--allow-remote", args.standin.allow_remote,
                   "accept an address that other machines reach, in plain http");
  command.add_option("--keys", args.keys, "the project's keys file")->required();
  command.add_option("--objects", args.objects, "folder of the stored objects")->required();
  command.add_option("--threads", args.standin.threads, "connections served at once")
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  command.add_option("--connections", args.standin.connections, "to the database, at most")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      .add_option("--file-size-limit", args.standin.limits.file_size_limit_bytes,
                  "largest object in bytes; a bucket may say less")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.callback([&] { chosen = [&] { run_standin(args); }; });
}

void add_migrate(CLI::App& app, Arguments& args, std::function<void()>& chosen) {
  CLI::App& command = *app.add_subcommand("migrate", "Bring a database up to date");
  add_database(command, args);
  command.add_option("--migrations", args.migrations, "folder of <number>_<name>.sql")->required();
  command.add_flag("--bootstrap", args.bootstrap,
                   "first make what a Supabase project brings; for a plain PostgreSQL");
  command.add_option("--keys", args.keys,
                     "keys file whose jwt_secret goes into Vault, to sign upload URLs");
  command.callback([&] { chosen = [&] { run_migrate(args); }; });
}

void add_work(CLI::App& app, Arguments& args, std::function<void()>& chosen) {
  CLI::App& command = *app.add_subcommand("work", "Verify, stage and file away what arrives");
  add_database(command, args);
  command.add_option("--project-url", args.worker.project_url, "where /storage/v1 is served")
      ->required();
  command.add_option("--keys", args.keys, "keys file; only its secret_key is read")->required();
  command.add_option("--ca-file", args.worker.ca_file, "authorities to trust, PEM");
  command.add_option("--name", args.worker.name, "shown as the holder of leases");
  command.add_option("--workers", args.worker.threads, "steps done side by side")
      ->check(CLI::Range(1, kWorkerThreadsMax))
      ->capture_default_str();
  command.add_option("--poll-ms", args.worker.poll_ms, "pause when nothing is due")
      ->check(CLI::Range(10, 600'000))
      ->capture_default_str();
  command.add_option("--lease-s", args.worker.lease_s, "how long a dead worker's step waits")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command.callback([&] { chosen = [&] { run_work(args); }; });
}

void add_operators(CLI::App& app, Arguments& args, std::function<void()>& chosen) {
  CLI::App& agency = *app.add_subcommand("agency", "Agencies")->require_subcommand(1);
  CLI::App& put = *agency.add_subcommand("put", "Register an agency and its file specs");
  add_database(put, args);
  add_actor(put, args);
  put.add_option("folder", args.folder, "holds _agency.json and <file_tag>.json")->required();
  put.callback([&] { chosen = [&] { run_agency_put(args); }; });

  CLI::App& codes = *app.add_subcommand("enrolment-code", "Codes")->require_subcommand(1);
  CLI::App& create = *codes.add_subcommand("create", "Print a code for one enrolment");
  add_database(create, args);
  add_actor(create, args);
  create.add_option("--agency", args.agency, "the agency's slug")->required();
  create.add_option("--ttl", args.ttl_s, "seconds until it expires")
      ->check(CLI::Range(1, 2'592'000))
      ->capture_default_str();
  create.callback([&] { chosen = [&] { run_enrolment_code(args); }; });

  CLI::App& agents = *app.add_subcommand("agent", "Agents")->require_subcommand(1);
  CLI::App& revoke = *agents.add_subcommand("revoke", "Refuse an agent from now on");
  add_database(revoke, args);
  add_actor(revoke, args);
  revoke.add_option("agent", args.agent_id, "the agent's id")->required();
  revoke.add_option("--reason", args.reason, "kept in the registry")->required();
  revoke.callback([&] { chosen = [&] { run_agent_revoke(args); }; });

  CLI::App& lineage = *app.add_subcommand("lineage", "Tell where a staged row came from");
  add_database(lineage, args);
  add_actor(lineage, args);
  lineage.add_option("--file", args.job_file_id, "job_file_id of the row")->required();
  lineage.add_option("--row", args.source_row, "source_row: 1-based, header excluded")->required();
  lineage.add_flag("--json", args.json, "as JSON");
  lineage.callback([&] { chosen = [&] { run_lineage(args); }; });
}

void add_keys(CLI::App& app, Arguments& args, std::function<void()>& chosen) {
  CLI::App& keys = *app.add_subcommand("keys", "Project keys")->require_subcommand(1);
  CLI::App& create = *keys.add_subcommand("create", "Write fresh keys to a private file");
  create.add_option("file", args.keys, "must not exist yet")->required();
  create.callback([&] { chosen = [&] { run_keys_create(args); }; });
}

int complain(std::string_view what, std::string_view way_out) {
  fmt::print(stderr, "waybill-central: {}. What to do: {}\n", what, way_out);
  return kExitFailed;
}

int run(int argc, char** argv) {
  Arguments args;
  std::function<void()> chosen;
  CLI::App app("Waybill's central side", "waybill-central");
  app.set_version_flag("--version", WAYBILL_VERSION);
  app.add_option("--log-level", args.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  add_standin(app, args, chosen);
  add_migrate(app, args, chosen);
  add_work(app, args, chosen);
  add_operators(app, args, chosen);
  add_keys(app, args, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  LogLevel lowest = LogLevel::kInfo;
  (void)parse_log_level(args.log_level, lowest);
  start_log("waybill-central", lowest);
  if (args.actor.empty()) args.actor = "operator";
  try {
    chosen();
    return 0;
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
