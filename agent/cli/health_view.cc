#include "agent/cli/health_view.h"

#include <fmt/core.h>

#include "agent/cli/status_view.h"
#include "core/clock.h"
#include "core/error_code.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kUnsentLateMs = 3'600'000;
constexpr std::int64_t kSilentRedMs = 3'600'000;
constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

/// Collects reasons; the worst decides the colour.
class Judgement {
 public:
  void red(const std::string& reason) { add("red", reason); }
  void yellow(const std::string& reason) { add("yellow", reason); }
  [[nodiscard]] Json json() const { return {{"level", level_}, {"reasons", reasons_}}; }

 private:
  void add(const char* level, const std::string& reason) {
    if (level_ != "red") level_ = level;
    reasons_.push_back(reason);
  }
  std::string level_ = "green";
  Json reasons_ = Json::array();
};

std::string said(const Json& problem) {
  return problem.value("code", "") + " " + problem.value("name", "");
}

bool passes_by_itself(const Json& problem) {
  const ErrorCode* code = find_error_code(problem.value("code", ""));
  return code != nullptr && code->kind == ErrorKind::kTransient;
}

void judge_contact(Judgement& out, const Json& status, std::int64_t now_ms) {
  const Json& problem = status["contact_problem"];
  if (problem.is_null()) return;
  const Json& last = status["last_contact_at"];
  const bool is_long =
      !last.is_string() || now_ms - parse_utc(last.get<std::string>()) > kSilentRedMs;
  if (passes_by_itself(problem) && !is_long) {
    out.yellow("central cannot be reached: " + said(problem));
  } else {
    out.red("central: " + said(problem));
  }
}

void judge_ledger(Judgement& out, const Json& status) {
  if (!status["ledger_trouble"].is_null()) {
    out.red("the ledger: " + said(status["ledger_trouble"]));
  }
  if (!status["disk_problem"].is_null()) {
    out.red("the disk of the state folder: " + said(status["disk_problem"]));
  }
  if (status["rebuilding"].get<bool>()) {
    out.yellow("WB-1106 ledger-rebuilding: nothing is sent until central has told what it holds");
  }
  if (!status["backup"]["problem"].is_null()) {
    out.yellow("the last backup of the ledger failed: " + said(status["backup"]["problem"]));
  }
}

}  // namespace

void add_disk_facts(Json& status, const DiskFacts& facts) {
  if (facts.free_bytes && *facts.free_bytes < facts.reserve_bytes) {
    status["disk_problem"] =
        problem_json({std::string(error_code::kDiskLow.id),
                      fmt::format("{} has {} MiB free, {} are to be kept free", facts.state_folder,
                                  *facts.free_bytes / kMib, facts.reserve_bytes / kMib),
                      {}});
  }
  status["ledger_trouble"] = nullptr;
  if (facts.trouble) {
    status["ledger_trouble"] = problem_json({facts.trouble->code, facts.trouble->message, {}});
    status["ledger_trouble"]["at"] = facts.trouble->at;
  }
  status["backup"]["last_at"] =
      facts.last_backup_at_ms == 0 ? Json(nullptr) : Json(format_utc(facts.last_backup_at_ms));
}

void judge_health(Json& status, std::int64_t oldest_unsent_at_ms, std::int64_t now_ms) {
  Judgement out;
  if (!status["running"].get<bool>()) out.red("the agent is not running");
  judge_ledger(out, status);
  judge_contact(out, status, now_ms);
  if (!status["folder_problem"].is_null()) {
    out.red("the export folder: " + said(status["folder_problem"]));
  }
  if (status["today"]["verdict"] == "attention") out.yellow("today's delivery needs attention");
  if (oldest_unsent_at_ms != 0 && now_ms - oldest_unsent_at_ms > kUnsentLateMs) {
    out.yellow("a file waits to be sent since " + format_age(now_ms - oldest_unsent_at_ms));
  }
  status["health"] = out.json();
  status["health"]["oldest_unsent_at"] =
      oldest_unsent_at_ms == 0 ? Json(nullptr) : Json(format_utc(oldest_unsent_at_ms));
}

std::string health_text(const Json& status, std::int64_t now_ms) {
  const Json& health = status["health"];
  const std::string level = health["level"].get<std::string>();
  std::string out = fmt::format("Health: {}.", level == "red"      ? "RED"
                                               : level == "yellow" ? "YELLOW"
                                                                   : "GREEN");
  bool is_first = true;
  for (const Json& reason : health["reasons"]) {
    out += (is_first ? " " : "; ") + reason.get<std::string>();
    is_first = false;
  }
  if (!is_first) out += ".";
  const Json& oldest = health["oldest_unsent_at"];
  out += oldest.is_null() ? " No file waits to be sent.\n"
                          : fmt::format(" The oldest file that waits to be sent was met {} ago.\n",
                                        format_age(now_ms - parse_utc(oldest.get<std::string>())));
  const Json& backup = status["backup"]["last_at"];
  if (backup.is_string()) {
    out += fmt::format("Last backup of the ledger {} ago.\n",
                       format_age(now_ms - parse_utc(backup.get<std::string>())));
  }
  return out;
}

}  // namespace waybill
