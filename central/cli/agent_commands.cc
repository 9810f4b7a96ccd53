// agent list, revoke, accept-ledger, key: who may deliver, and from which ledger.
#include <fmt/core.h>

#include "central/cli/command_line.h"
#include "central/cli/operators.h"
#include "central/cli/table.h"

namespace waybill::cli {

namespace {

int run_agent_revoke(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  operators.revoke_agent(args.agent_id, args.reason);
  fmt::print("revoked {}\n", args.agent_id);
  return kExitDone;
}

int run_agent_list(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  print_rows(args.json,
             {{"AGENT", "agent_id"},
              {"NAME", "agent_name"},
              {"STATE", "state"},
              {"LAST SEEN", "last_seen_at"},
              {"LEDGER", "ledger_id"},
              {"HEAD", "ledger_seq"},
              {"REASON", "reason"}},
             operators.agents(args.agency), "no agent is enrolled for this agency");
  return kExitDone;
}

int run_agent_accept_ledger(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  operators.accept_ledger(args.agent_id, args.reason);
  fmt::print("the ledger of the next sync of {} counts\n", args.agent_id);
  return kExitDone;
}

int run_agent_key(const Arguments& args) {
  const std::string key = Operators(args.database_url, args.actor).agent_key(args.agent_id);
  if (key.empty()) {
    fmt::print(stderr, "agent {} has not told its key yet\n", args.agent_id);
    return kExitFailed;
  }
  fmt::print("{}{}", key, key.ends_with('\n') ? "" : "\n");
  return kExitDone;
}

CLI::App& add_agent_id(CLI::App& command, Arguments& args) {
  command.add_option("agent", args.agent_id, "the agent's id")->required()->check(id_problem);
  return command;
}

}  // namespace

void add_agent_commands(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& agents = *line.app.add_subcommand("agent", "Agents")->require_subcommand(1);
  CLI::App& list = line.add(agents, "list", "The agents of an agency, and how they stand");
  list.add_option("agency", args.agency, "the agency's slug")->required();
  list.add_flag("--json", args.json, "as JSON");
  line.on(list, run_agent_list);

  CLI::App& revoke =
      add_agent_id(line.add_act(agents, "revoke", "Refuse an agent from now on"), args);
  revoke.add_option("--reason", args.reason, "kept in the registry")->required();
  line.on(revoke, run_agent_revoke);

  CLI::App& accept = add_agent_id(
      line.add_act(agents, "accept-ledger", "Let an agent whose ledger is refused go on"), args);
  accept.add_option("--reason", args.reason, "kept in the registry")->required();
  line.on(accept, run_agent_accept_ledger);

  line.on(
      add_agent_id(line.add(agents, "key", "Print the key that an agent signs with (PEM)"), args),
      run_agent_key);
}

}  // namespace waybill::cli
