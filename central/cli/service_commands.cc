// standin, migrate, work, keys: the programs that run, and what they need to start.
#include <fmt/core.h>

#include <cstdio>

#include "central/cli/command_line.h"
#include "central/cli/migrate.h"
#include "central/standin/keys.h"
#include "core/log.h"
#include "core/termination.h"

namespace waybill::cli {

namespace {

constexpr std::int64_t kStopCheckMs = 1000;

int run_standin(Arguments& args) {
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
  return kExitDone;
}

int run_migrate(const Arguments& args) {
  MigrateOptions options{.database_url = args.database_url,
                         .migrations = whole(args.migrations),
                         .bootstrap = args.bootstrap,
                         .keys = std::nullopt};
  if (!args.keys.empty()) options.keys = standin::read_keys(whole(args.keys));
  const std::vector<std::string> applied = migrate(options);
  for (const std::string& name : applied) fmt::print("applied {}\n", name);
  if (applied.empty()) fmt::print("nothing to apply; the database is up to date\n");
  return kExitDone;
}

int run_work(Arguments& args) {
  StopSource stop;
  arm_termination(stop);
  args.worker.database_url = args.database_url;
  args.worker.service_key = standin::read_secret_key(whole(args.keys));
  if (!args.scratch.empty()) args.worker.scratch_folder = whole(args.scratch);
  if (!args.webhook_file.empty()) {
    args.worker.alerts.webhook_url = read_webhook_file(whole(args.webhook_file));
  }
  return run_worker(args.worker, stop);
}

int run_keys_create(const Arguments& args) {
  standin::write_keys(whole(args.keys), standin::make_keys());
  fmt::print("wrote {}\n", args.keys);
  return kExitDone;
}

void add_standin(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& command = line.add(line.app, "standin", "Serve the Supabase surface that Waybill uses");
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
  command
      .add_option("--upload-token-life", args.standin.limits.upload_token_ttl_s,
                  "seconds that an upload token signed here is good for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--upload-life", args.standin.resumable.upload_life_s,
                  "seconds that a resumable upload may be continued")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option(
          "--upload-chunk", args.standin.resumable.chunk_bytes,
          "bytes that every chunk of a resumable upload but the last must have; 0 takes any")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  line.on(command, run_standin);
}

void add_migrate(const CommandLine& line) {
  CLI::App& command = line.add(line.app, "migrate", "Bring a database up to date");
  command.add_option("--migrations", line.args.migrations, "folder of <number>_<name>.sql")
      ->required();
  command.add_flag("--bootstrap", line.args.bootstrap,
                   "first make what a Supabase project brings; for a plain PostgreSQL");
  command.add_option("--keys", line.args.keys,
                     "keys file whose jwt_secret goes into Vault, to sign upload URLs");
  line.on(command, run_migrate);
}

void add_work(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& command = line.add(line.app, "work", "Verify, stage and file away what arrives");
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
  command.add_option("--scratch", args.scratch,
                     "folder for databases and archives while they are read; the system's own");
  command.add_option("--alert-webhook-file", args.webhook_file,
                     "private file with the https address that alerts are posted to, as JSON");
  command.add_option("--alert-command", args.worker.alerts.command,
                     "program that gets each alert as JSON on its standard input; no shell");
  line.on(command, run_work);
}

void add_keys(const CommandLine& line) {
  CLI::App& keys = *line.app.add_subcommand("keys", "Project keys")->require_subcommand(1);
  CLI::App& create = *keys.add_subcommand("create", "Write fresh keys to a private file");
  create.add_option("file", line.args.keys, "must not exist yet")->required();
  line.on(create, run_keys_create);
}

}  // namespace

void add_service_commands(const CommandLine& line) {
  add_standin(line);
  add_migrate(line);
  add_work(line);
  add_keys(line);
}

}  // namespace waybill::cli
