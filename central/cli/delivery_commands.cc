// tenants, deliveries, alerts, orphans: what is going on. resume, retry, skip, close-job, retire:
// what puts it right.
#include <fmt/core.h>

#include "central/cli/command_line.h"
#include "central/cli/operators.h"
#include "central/cli/table.h"

namespace waybill::cli {

namespace {

std::optional<std::string> agency_or_all(const Arguments& args) {
  return args.agency.empty() ? std::nullopt : std::optional(args.agency);
}

std::string text_of(const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

/// What an agency waits for and what fails, each in a few words.
nlohmann::json in_short(nlohmann::json rows) {
  for (nlohmann::json& row : rows) {
    if (const auto wait = row.find("wait"); wait != row.end() && wait->is_object()) {
      const std::string until = text_of(*wait, "until");
      std::string what;
      for (const auto& missing : wait->value("missing", nlohmann::json::array())) {
        what += (what.empty() ? "" : ", ") + missing.get<std::string>();
      }
      row["wait"] = what + (until.empty() ? "" : " until " + until);
    }
    const std::string scheduler =
        row.value(nlohmann::json::json_pointer("/scheduler/problem"), std::string());
    if (!scheduler.empty()) {
      row["failing"] = "no next step: " + scheduler;
    } else if (const auto failing = row.find("failing");
               failing != row.end() && !failing->empty()) {
      const nlohmann::json& first = failing->front();
      const std::string code =
          first.value(nlohmann::json::json_pointer("/error/code"), std::string());
      row["failing"] =
          fmt::format("{}: {} {}", failing->size(), text_of(first, "relative_path"), code);
    }
  }
  return rows;
}

/// Tags that have not come for too long, and what central can tell of the agent.
void show_stale(nlohmann::json& rows) {
  for (nlohmann::json& row : rows) {
    std::string tags;
    for (const nlohmann::json& stale : row.value("stale", nlohmann::json::array())) {
      tags += fmt::format("{}{} since {}", tags.empty() ? "" : ", ", text_of(stale, "file_tag"),
                          text_of(stale, "since"));
    }
    const std::string cause =
        row.value(nlohmann::json::json_pointer("/agent/cause"), std::string());
    row["stale"] = tags.empty() ? "" : fmt::format("{} ({})", tags, cause);
  }
}

int run_tenants(const Arguments& args) {
  nlohmann::json rows = Operators(args.database_url, args.actor).tenants();
  if (!args.json) {
    rows = in_short(std::move(rows));
    show_stale(rows);
  }
  print_rows(args.json,
             {{"AGENCY", "tenant"},
              {"STATE", "state"},
              {"FILES", "files"},
              {"WAITS FOR", "wait"},
              {"FAILING", "failing"},
              {"STALE", "stale"},
              {"REASON", "reason"}},
             rows, "no agency is registered");
  return kExitDone;
}

int run_deliveries(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  print_rows(args.json,
             {{"AGENCY", "tenant"},
              {"DATE", "date"},
              {"NAME", "name"},
              {"STATE", "state"},
              {"DEADLINE", "deadline_at"},
              {"FILES", "files"},
              {"MISSING", "missing"}},
             operators.deliveries(agency_or_all(args), args.days), "no delivery in these days");
  return kExitDone;
}

int run_alerts(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  print_rows(args.json,
             {{"CREATED", "created_at"},
              {"AGENCY", "tenant"},
              {"KIND", "kind"},
              {"CODE", "code"},
              {"SENT", "sent_at"},
              {"TRIES", "attempts"},
              {"PROBLEM", "last_problem"},
              {"MESSAGE", "message"}},
             operators.alerts(agency_or_all(args), args.limit), "no alert");
  return kExitDone;
}

/// What the last walk through each bucket saw.
void print_walks(const nlohmann::json& buckets) {
  for (const nlohmann::json& bucket : buckets) {
    const std::string name = text_of(bucket, "bucket");
    if (text_of(bucket, "walked_at").empty()) {
      fmt::print("{} has not been walked through yet\n", name);
      continue;
    }
    fmt::print("{}: {} objects, {} of them unknown to the registry and left alone ({})\n", name,
               bucket.value("objects", 0), bucket.value("unknown", 0),
               text_of(bucket, "walked_at"));
  }
}

int run_orphans(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const nlohmann::json report = operators.orphans(agency_or_all(args), args.limit);
  if (args.json) {
    fmt::print("{}\n", report.dump(2));
    return kExitDone;
  }
  print_walks(report.at("buckets"));
  print_rows(false,
             {{"AGENCY", "tenant"},
              {"REASON", "reason"},
              {"WAITING", "waiting"},
              {"REMOVED", "removed"},
              {"BYTES REMOVED", "removed_bytes"}},
             report.at("counts"), "no object was found that no file wants");
  if (!report.at("orphans").empty()) {
    fmt::print("\n");
    print_rows(false,
               {{"FOUND", "found_at"},
                {"REMOVED", "removed_at"},
                {"AGENCY", "tenant"},
                {"REASON", "reason"},
                {"BYTES", "size_bytes"},
                {"TRIES", "attempts"},
                {"PROBLEM", "problem"},
                {"OBJECT", "object_path"}},
               report.at("orphans"), "");
  }
  return kExitDone;
}

int run_resume(const Arguments& args) {
  Operators(args.database_url, args.actor).resume(args.agency, args.reason);
  fmt::print("{} is active\n", args.agency);
  return kExitDone;
}

int run_retry(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const std::string state = operators.retry(args.job_file_id, args.reason, args.allow_older);
  fmt::print("{} is {}{}\n", args.job_file_id, state,
             state == "awaiting_upload" ? "; the agent sends it again" : "");
  return kExitDone;
}

int run_skip(const Arguments& args) {
  const std::string state =
      Operators(args.database_url, args.actor).skip(args.job_file_id, args.reason);
  fmt::print("{} is {} and no longer waited for\n", args.job_file_id, state);
  return kExitDone;
}

int run_close_job(const Arguments& args) {
  const std::string state =
      Operators(args.database_url, args.actor).close_job(args.agency, args.job_key, args.reason);
  fmt::print("{} of {} is {}\n", args.job_key, args.agency, state);
  return kExitDone;
}

int run_retire(const Arguments& args) {
  Operators operators(args.database_url, args.actor);
  const std::int64_t rows = operators.retire(args.job_file_id, args.reason, args.is_meant);
  if (args.is_meant) {
    fmt::print("{} is retired; {} staged rows were removed\n", args.job_file_id, rows);
  } else {
    fmt::print("{} staged rows of {} would be removed; nothing was changed. Add --yes to do it.\n",
               rows, args.job_file_id);
  }
  return kExitDone;
}

void add_reports(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& tenants = line.add(line.app, "tenants", "Agencies: state, reason, waits, failures");
  tenants.add_flag("--json", args.json, "as JSON");
  line.on(tenants, run_tenants);

  CLI::App& deliveries = line.add(line.app, "deliveries", "Deliveries, and what each misses");
  deliveries.add_option("--agency", args.agency, "this agency's alone");
  deliveries.add_option("--days", args.days, "how many dates back")
      ->check(CLI::Range(1, 3660))
      ->capture_default_str();
  deliveries.add_flag("--json", args.json, "as JSON");
  line.on(deliveries, run_deliveries);

  CLI::App& alerts = line.add(line.app, "alerts", "Alerts: those that wait first, then those sent");
  alerts.add_option("--agency", args.agency, "this agency's alone");
  alerts.add_option("--limit", args.limit, "at most so many")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  alerts.add_flag("--json", args.json, "as JSON");
  line.on(alerts, run_alerts);

  CLI::App& orphans =
      line.add(line.app, "orphans", "Stored objects that no file wants: found, waiting, removed");
  orphans.add_option("--agency", args.agency, "this agency's alone");
  orphans.add_option("--limit", args.limit, "list at most so many")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  orphans.add_flag("--json", args.json, "as JSON");
  line.on(orphans, run_orphans);
}

CLI::App& add_decision(const CommandLine& line, const char* name, const char* description) {
  CLI::App& command = line.add_act(line.app, name, description);
  command.add_option("--reason", line.args.reason, "kept with the event; say it for who reads it")
      ->required();
  return command;
}

CLI::App& add_file_decision(const CommandLine& line, const char* name, const char* description) {
  CLI::App& command = add_decision(line, name, description);
  command.add_option("file", line.args.job_file_id, "job_file_id")->required()->check(id_problem);
  return command;
}

void add_decisions(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& resume = add_decision(line, "resume", "Work for a halted agency again");
  resume.add_option("agency", args.agency, "the agency's slug")->required();
  line.on(resume, run_resume);

  CLI::App& retry =
      add_file_decision(line, "retry", "Try a refused file again, by the newest file spec");
  retry.add_flag("--allow-older", args.allow_older,
                 "stage it though newer ones of its tag are processed");
  line.on(retry, run_retry);

  line.on(add_file_decision(line, "skip", "Set a file aside; nothing waits for it any more"),
          run_skip);

  CLI::App& close = add_decision(line, "close-job", "Close a job whose agent is gone");
  close.add_option("agency", args.agency, "the agency's slug")->required();
  close.add_option("job", args.job_key, "its job_key")->required();
  line.on(close, run_close_job);

  CLI::App& retire =
      add_file_decision(line, "retire", "Remove a file's staged rows; without --yes say how many");
  retire.add_flag("--yes", args.is_meant, "do it");
  line.on(retire, run_retire);
}

}  // namespace

void add_delivery_commands(const CommandLine& line) {
  add_reports(line);
  add_decisions(line);
}

}  // namespace waybill::cli
