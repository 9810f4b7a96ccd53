#include "agent/cli/status_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "agent/cli/delivery_view.h"
#include "agent/cli/health_view.h"
#include "agent/cli/preflight_view.h"
#include "agent/engine/central_moves.h"
#include "agent/ledger/ledger.h"
#include "core/clock.h"
#include "core/count_of.h"
#include "core/error_code.h"
#include "core/local_day.h"
#include "core/printable.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeliveriesShown = 5;
constexpr std::size_t kProblemsShown = 50;
constexpr std::size_t kFilesListed = 10'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kTroubleShownMs = 3 * kDayMs;  // for a file that is gone from the folder
constexpr std::int64_t kContactLateMs = 5 * 60'000;

Json counts_json(const std::vector<StateCount>& counts) {
  Json out = Json::object();
  for (const StateCount& entry : counts) out[entry.state] = entry.count;
  return out;
}

Json time_or_null(std::int64_t utc_ms) {
  return utc_ms == 0 ? Json(nullptr) : Json(format_utc(utc_ms));
}

Json fact_problem(const std::string& text) {
  const Json problem = Json::parse(text, nullptr, false);
  if (!problem.is_object()) return nullptr;
  return problem_json({problem.value("code", ""), problem.value("message", ""), {}});
}

/// Sums of a delivery's files in the four groups people ask about.
struct Tally {
  std::int64_t done = 0;
  std::int64_t duplicate = 0;
  std::int64_t refused = 0;
  std::int64_t under_way = 0;
  std::int64_t not_sent = 0;  ///< superseded or vanished before they were sent

  void add(const Json& states) {
    for (const auto& [name, count] : states.items()) {
      const std::int64_t number = count.get<std::int64_t>();
      if (name == "processed" || name == "archived") {
        done += number;
      } else if (name == "duplicate") {
        duplicate += number;
      } else if (name == "refused") {
        refused += number;
      } else if (name == "superseded" || name == "vanished") {
        not_sent += number;
      } else {
        under_way += number;
      }
    }
  }
  [[nodiscard]] std::int64_t total() const {
    return done + duplicate + refused + under_way + not_sent;
  }
  [[nodiscard]] Json json() const {
    return {{"done", done},
            {"duplicate", duplicate},
            {"refused", refused},
            {"under_way", under_way},
            {"not_sent", not_sent}};
  }
  [[nodiscard]] std::string text() const {
    std::string out = fmt::format("{}: {} done", count_of(total(), "file"), done);
    if (duplicate > 0) out += fmt::format(", {} delivered before", duplicate);
    if (under_way > 0) out += fmt::format(", {} under way", under_way);
    if (refused > 0) out += fmt::format(", {} refused", refused);
    if (not_sent > 0) out += fmt::format(", {} changed or removed before sending", not_sent);
    return out;
  }
};

Json deliveries_json(LedgerReport& report) {
  Json out = Json::array();
  for (const DeliveryReport& delivery : report.deliveries(kDeliveriesShown)) {
    const Json states = counts_json(delivery.states);
    Tally tally;
    tally.add(states);
    out.push_back({{"date", delivery.job.delivery_date},
                   {"job_key", delivery.job.job_key.value},
                   {"open", delivery.job.is_open},
                   {"summary", tally.json()},
                   {"states", states}});
  }
  return out;
}

Json path_error_json(const PathRecord& path) {
  const ErrorCode* code = find_error_code(path.error_code);
  return problem_json({path.error_code, code ? std::string(code->waybill_does) : "", {}});
}

Json problems_json(LedgerReport& report, std::int64_t since_ms) {
  Json out = Json::array();
  for (const JobFile& file : report.troubled_files(since_ms, kProblemsShown)) {
    Json line = problem_json(*file.problem);
    line["relative_path"] = file.relative_path;
    line["state"] = to_string(file.state);
    line["at"] = format_utc(file.updated_at_ms);
    line["gave_up"] = file.gave_up_at_ms != 0;
    if (is_in_our_hands(file.state) && file.gave_up_at_ms == 0) {
      line["next_try_at"] = time_or_null(file.next_attempt_at_ms);
    }
    out.push_back(std::move(line));
  }
  for (const PathRecord& path : report.troubled_paths(kProblemsShown)) {
    Json line = path_error_json(path);
    line["relative_path"] = path.relative_path;
    line["state"] = to_string(path.state);
    line["at"] = format_utc(path.first_seen_at_ms);
    out.push_back(std::move(line));
  }
  return out;
}

/// One entry a name: its newest version, or what it is while it has none. `error` is there only
/// when there is one.
Json files_json(LedgerReport& report) {
  std::map<std::string, Json> names;
  for (const JobFile& file : report.newest_files(kFilesListed)) {
    Json entry = {{"relative_path", file.relative_path},
                  {"state", to_string(file.state)},
                  {"file_tag", file.file_tag.value},
                  {"content_sha256", file.content_sha256},
                  {"size_bytes", file.size_bytes},
                  {"rows_staged", file.rows_staged < 0 ? Json(nullptr) : Json(file.rows_staged)},
                  {"updated_at", format_utc(file.updated_at_ms)}};
    if (file.problem) entry["error"] = problem_json(*file.problem);
    names[file.relative_path] = std::move(entry);
  }
  for (const PathRecord& path : report.unrecorded_paths(kFilesListed)) {
    Json entry = {{"relative_path", path.relative_path}, {"state", to_string(path.state)}};
    if (!path.error_code.empty()) entry["error"] = path_error_json(path);
    const auto [known, is_new] = names.try_emplace(path.relative_path, std::move(entry));
    if (!is_new) known->second["folder_state"] = to_string(path.state);
  }
  Json out = Json::array();
  for (auto& [name, entry] : names) out.push_back(std::move(entry));
  return out;
}

/// Trouble of the last day needs a person now. Older trouble stays listed, but a file that was
/// unknown last week does not spoil today's delivery.
bool has_recent_trouble(const Json& problems, std::int64_t now_ms) {
  return std::any_of(problems.begin(), problems.end(), [&](const Json& problem) {
    return parse_utc(problem["at"].get<std::string>()) > now_ms - kDayMs;
  });
}

/// The delivery that "today" means. Where nights begin at noon, a file that is dated by the
/// calendar is a day ahead in the morning: then that one is meant.
std::string current_date(const Json& deliveries, const std::string& today) {
  std::string current = today;
  for (const Json& delivery : deliveries) {
    if (delivery["date"] == shifted_date(today, 1)) current = delivery["date"].get<std::string>();
  }
  return current;
}

/// The one sentence at the top.
Json today_json(const Json& deliveries, const Json& folder, const StatusFacts& facts) {
  const std::string date = current_date(deliveries, facts.today);
  Tally tally;
  for (const Json& delivery : deliveries) {
    if (delivery["date"] == date) tally.add(delivery["states"]);
  }
  const std::int64_t arriving =
      folder.value("settling", std::int64_t{0}) + folder.value("due", std::int64_t{0});
  std::string verdict = "complete";
  if (tally.total() == 0) verdict = "nothing_yet";
  if (arriving > 0 || tally.under_way > 0) verdict = "under_way";
  return {{"date", date},
          {"verdict", verdict},
          {"arriving", arriving},
          {"summary", tally.json()},
          {"sentence", tally.total() == 0 ? "no file yet" : tally.text()}};
}

std::string mark(const std::string& verdict) {
  if (verdict == "complete") return "OK";
  if (verdict == "under_way") return "UNDER WAY";
  if (verdict == "waiting") return "WAITING";
  if (verdict == "nothing_yet") return "NOTHING YET";
  return "NEEDS ATTENTION";
}

std::string ago(const Json& time, std::int64_t now_ms) {
  if (!time.is_string()) return "never";
  return format_age(now_ms - parse_utc(time.get<std::string>())) + " ago";
}

void add_problem(std::string& out, const Json& problem) {
  out += fmt::format("  {} {}{}\n", problem.value("code", ""),
                     printable(problem.value("message", "")), place_text(problem));
  out += fmt::format("      What to do: {}\n", problem.value("what_to_do", ""));
}

void add_trouble(std::string& out, const Json& status) {
  for (const char* key : {"ledger_trouble", "disk_problem", "contact_problem", "folder_problem",
                          "watch_problem", "clock_problem"}) {
    if (status[key].is_null()) continue;
    out += "\n";
    add_problem(out, status[key]);
  }
  const Json& problems = status["problems"];
  if (problems.empty()) return;
  out += fmt::format("\nProblems ({}):\n", status["problem_count"].get<std::int64_t>());
  for (const Json& problem : problems) {
    out += fmt::format("  {}  [{}]\n", printable(problem["relative_path"].get<std::string>()),
                       problem["state"].get<std::string>());
    out += fmt::format("      {} {}{}\n", problem.value("code", ""),
                       printable(problem.value("message", "")), place_text(problem));
    out += fmt::format("      What to do: {}\n", problem.value("what_to_do", ""));
    if (problem.value("gave_up", false)) {
      out += fmt::format("      It is tried no more. Then: waybill retry {}\n",
                         problem["relative_path"].get<std::string>());
    }
  }
  const std::int64_t more =
      status["problem_count"].get<std::int64_t>() - static_cast<std::int64_t>(problems.size());
  if (more > 0) out += fmt::format("  ... and {} more; see --json\n", more);
}

void add_counts(std::string& out, const Json& status) {
  out += "\nFiles by state:\n";
  for (const FileStateName& entry : kFileStateNames) {
    const std::int64_t count = status["counts"].value(std::string(entry.name), std::int64_t{0});
    if (count > 0) out += fmt::format("  {:<11}{:>8}  {}\n", entry.name, count, entry.sentence);
  }
  for (const auto& [name, count] : status["folder"].items()) {
    if (name == "recorded") continue;
    const std::string sentence = name == "settling" ? "seen, waits until it rests"
                                 : name == "due"    ? "at rest, waits to be read"
                                                    : "left alone";
    out += fmt::format("  {:<11}{:>8}  {}\n", name, count.get<std::int64_t>(), sentence);
  }
}

}  // namespace

Json status_json(LedgerReport& report, const StatusFacts& facts) {
  const std::optional<Identity> known = report.identity();
  const Identity identity = known.value_or(Identity{});
  const std::int64_t since_ms = facts.now_ms - kTroubleShownMs;
  const Json folder = counts_json(report.path_states());
  Json out;
  out["version"] = facts.version;
  out["running"] = facts.is_running;
  out["agent"] = {{"id", identity.agent_id.value}, {"name", identity.agent_name}};
  out["agency"] = {{"slug", identity.tenant_slug},
                   {"name", identity.tenant_name},
                   {"time_zone", identity.time_zone}};
  out["project_url"] = identity.project_url;
  out["export_folder"] = facts.export_folder;
  out["deliveries"] = deliveries_json(report);
  out["today"] = today_json(out["deliveries"], folder, facts);
  add_delivery_facts(out, report);
  out["problems"] = problems_json(report, since_ms);
  out["problem_count"] = report.count_troubled_files(since_ms) + report.count_troubled_paths();
  out["remarks"] = remarks_json(report, since_ms);
  out["files"] = files_json(report);
  out["file_count"] = report.count_names();
  out["counts"] = counts_json(report.file_states());
  out["folder"] = folder;
  out["last_contact_at"] = time_or_null(report.meta_number(meta::kLastContactAtMs));
  out["last_scan_at"] = time_or_null(report.meta_number(meta::kLastScanAtMs));
  out["contact_problem"] = fact_problem(report.meta(meta::kContactProblem));
  out["folder_problem"] = fact_problem(report.meta(meta::kFolderProblem));
  out["watch_problem"] = fact_problem(report.meta(meta::kWatchProblem));
  out["clock_problem"] = fact_problem(report.meta(meta::kClockProblem));
  out["disk_problem"] = fact_problem(report.meta(meta::kDiskProblem));
  out["backup"] = {{"problem", fact_problem(report.meta(meta::kBackupProblem))}};
  out["rebuilding"] = !known || !report.meta(meta::kRebuildAfter).empty();
  add_disk_facts(out, facts.disk);
  const bool is_silent = facts.now_ms - report.meta_number(meta::kLastContactAtMs) > kContactLateMs;
  out["healthy"] = facts.is_running && !is_silent && out["contact_problem"].is_null() &&
                   out["folder_problem"].is_null();
  // "All is well" must never stand above a folder that cannot be read or a central that refuses us.
  const bool has_trouble = !out["contact_problem"].is_null() || !out["folder_problem"].is_null();
  if (has_trouble || has_recent_trouble(out["problems"], facts.now_ms)) {
    out["today"]["verdict"] = "attention";
  }
  judge_delivery(out, facts.now_ms);
  judge_health(out, report.oldest_unsent_at_ms(), facts.now_ms);
  return out;
}

std::string status_text(const Json& status, std::int64_t now_ms) {
  const Json& today = status["today"];
  std::string out = fmt::format(
      "Waybill {}   {} ({})   agent {}\n", status["version"].get<std::string>(),
      status["agency"]["name"].get<std::string>(), status["agency"]["slug"].get<std::string>(),
      status["agent"]["name"].get<std::string>());
  out += health_text(status, now_ms);
  out +=
      fmt::format("Today's delivery {}: {}   [{}]\n", today["date"].get<std::string>(),
                  today["sentence"].get<std::string>(), mark(today["verdict"].get<std::string>()));
  if (today["arriving"].get<std::int64_t>() > 0) {
    out += fmt::format("  {} more in the folder, still being written or read\n",
                       today["arriving"].get<std::int64_t>());
  }
  out += status["running"].get<bool>()
             ? "The agent is running."
             : "THE AGENT IS NOT RUNNING. Start it with `waybill run` or its service.";
  out += fmt::format(" Last contact with central {}, last scan {}.\n",
                     ago(status["last_contact_at"], now_ms), ago(status["last_scan_at"], now_ms));
  out += delivery_trouble_text(status, now_ms);
  add_trouble(out, status);
  out += remarks_text(status["remarks"]);
  add_counts(out, status);
  out += "\nDeliveries:\n";
  for (const Json& delivery : status["deliveries"]) {
    Tally tally;
    tally.add(delivery["states"]);
    out += fmt::format("  {}  {:<6}  {}\n", delivery["date"].get<std::string>(),
                       delivery["open"].get<bool>() ? "open" : "closed", tally.text());
  }
  if (status["deliveries"].empty()) out += "  none yet\n";
  out += delivery_text(status);
  return out;
}

}  // namespace waybill
