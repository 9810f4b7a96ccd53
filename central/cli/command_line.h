// CommandLine: what main.cc and the files with the commands share.
//
// Place:    central/cli; with main.cc and *_commands.cc the owner of CLI11 on this side.
// Rule:     a command's function adds its options to the program and leaves in `chosen` what runs
//           when it was asked for. It returns the exit code; errors are thrown.
// Secrets:  only from files and the environment, never from an argument that `ps` would show.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "central/pg/copy_in.h"
#include "central/standin/server.h"
#include "central/worker/worker.h"
#include "core/error.h"
#include "core/named_file.h"

namespace waybill::cli {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

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
  std::string scratch;
  std::string webhook_file;
  std::string folder;
  std::string agency;
  std::int64_t ttl_s = 3600;
  std::string agent_id;
  std::string reason;
  std::string job_key;
  std::string job_file_id;
  std::string other_job_file_id;
  std::string file_tag;
  std::int64_t source_row = 0;
  std::int64_t days = 7;
  std::int64_t limit = 100;
  bool allow_older = false;
  bool is_meant = false;
  bool force = false;
  bool with_values = false;
  std::string time_zone;
  std::vector<std::string> files;
  std::string entity;
  std::string spec_file;
  std::string expected;
  bool json = false;
};

/// Refuses an argument that is no id before the database has to.
inline std::string id_problem(const std::string& text) {
  try {
    static_cast<void>(pg::parse_uuid(text));
    return "";
  } catch (const Error&) {
    return "an id is 32 hex digits in five groups, as reports and events show it";
  }
}

struct CommandLine {
  CLI::App& app;
  Arguments& args;
  std::function<int()>& chosen;

  /// A command that reaches the database.
  [[nodiscard]] CLI::App& add(CLI::App& parent, const std::string& name,
                              const std::string& description) const {
    CLI::App& command = *parent.add_subcommand(name, description);
    command
        .add_option("--database-url", args.database_url,
                    "PostgreSQL; better in the environment, where other users do not see it")
        ->envname("WAYBILL_DATABASE_URL")
        ->required();
    return command;
  }
  /// One whose act is recorded with its actor.
  [[nodiscard]] CLI::App& add_act(CLI::App& parent, const std::string& name,
                                  const std::string& description) const {
    CLI::App& command = add(parent, name, description);
    command.add_option("--actor", args.actor, "who is recorded as having done this")
        ->envname("USER")
        ->default_str("operator");
    return command;
  }
  /// Runs `action` when `command` was asked for.
  template <class Action>
  void on(CLI::App& command, Action action) const {
    command.callback([this_chosen = &chosen, &args = args, action] {
      *this_chosen = [&args, action] { return action(args); };
    });
  }
};

/// As the parts below want it: absolute. A relative path counts from the current folder.
[[nodiscard]] inline std::filesystem::path whole(const std::string& path) {
  return named_path(path);
}

void add_service_commands(const CommandLine& line);   ///< standin, migrate, work, keys
void add_agency_commands(const CommandLine& line);    ///< agency, enrolment-code, lineage
void add_agent_commands(const CommandLine& line);     ///< agent list ... key
void add_delivery_commands(const CommandLine& line);  ///< tenants ... retire
void add_spec_commands(const CommandLine& line);      ///< spec init, learn, lint, test
void add_trial_commands(const CommandLine& line);     ///< sandbox, diff

}  // namespace waybill::cli
