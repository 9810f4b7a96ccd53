#include "agent/cli/trace_view.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/cli/preflight_view.h"
#include "agent/cli/status_view.h"
#include "agent/engine/central_moves.h"
#include "agent/ledger/whole_file.h"
#include "core/clock.h"
#include "core/printable.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kPartsShown = 20;

Json events_json(const std::vector<LedgerEvent>& events) {
  Json out = Json::array();
  for (const LedgerEvent& event : events) {
    out.push_back({{"seq", event.seq},
                   {"at", format_utc(event.at_ms)},
                   {"event", event.kind},
                   {"from", event.from_state},
                   {"to", event.to_state},
                   {"detail", Json::parse(event.detail, nullptr, false)},
                   {"hash", event.hash}});
  }
  return out;
}

/// One part of a file in parts: which rows, which bytes, how far.
Json part_json(LedgerReport& report, const JobFile& part) {
  return {{"part_number", part.part.number},
          {"first_source_row", part.part.first_source_row},
          {"content_sha256", part.content_sha256},
          {"size_bytes", part.size_bytes},
          {"begin_byte", part.part.begin_byte},
          {"end_byte", part.part.end_byte},
          {"state", to_string(part.state)},
          {"job_file_id", part.job_file_id.value},
          {"rows_staged", part.rows_staged < 0 ? Json(nullptr) : Json(part.rows_staged)},
          {"problem", part.problem ? problem_json(*part.problem) : Json(nullptr)},
          {"events", events_json(report.events(part.relative_path, part.file_number))}};
}

Json version_json(LedgerReport& report, const std::vector<JobFile>& parts) {
  const JobFile file = whole_of(parts);
  Json out = {{"content_sha256", file.content_sha256},
              {"export_number", file.export_number},
              {"file_tag", file.file_tag.value},
              {"size_bytes", file.size_bytes},
              {"modified_at", format_utc(file.mtime_ns / 1'000'000)},
              {"state", to_string(file.state)},
              {"meaning", to_sentence(file.state)},
              {"job_key", file.job_key.value},
              {"job_file_id", file.job_file_id.value},
              {"entity", file.entity},
              {"rows_staged", file.rows_staged < 0 ? Json(nullptr) : Json(file.rows_staged)},
              {"upload_attempts", file.attempt_count},
              {"duplicate_of", file.duplicate_of},
              {"gave_up_at",
               file.gave_up_at_ms == 0 ? Json(nullptr) : Json(format_utc(file.gave_up_at_ms))},
              {"problem", file.problem ? problem_json(*file.problem) : Json(nullptr)}};
  if (const auto job = report.job(file.job_number)) {
    out["delivery_date"] = job->delivery_date;
    out["job_id"] = job->central_job_id.value;
  }
  const std::optional<PreflightRecord> preflight = report.preflight(parts.front().file_number);
  out["preflight"] = preflight ? preflight_json(*preflight) : Json(nullptr);
  // Of a file in parts this is the history of the part that tells most; the others have their own.
  out["events"] = events_json(report.events(file.relative_path, file.file_number));
  if (parts.size() > 1) {
    out["parts"] = Json::array();
    for (const JobFile& part : parts) out["parts"].push_back(part_json(report, part));
  }
  return out;
}

Json on_disk_json(const std::vector<std::vector<JobFile>>& versions,
                  const std::optional<OnDisk>& on_disk) {
  if (!on_disk) return nullptr;
  if (on_disk->problem) return {{"problem", problem_json(*on_disk->problem)}};
  Json out = {{"size_bytes", on_disk->size_bytes}, {"sha256", on_disk->sha256}};
  out["version"] = nullptr;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].front().original_sha256 == on_disk->sha256) out["version"] = i + 1;
  }
  return out;
}

void line(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out += fmt::format("  {:<10} {}\n", name, value);
}

std::string rows_text(const Json& version) {
  if (version["rows_staged"].is_null()) return "";
  return fmt::format("{} rows staged into {}", version["rows_staged"].get<std::int64_t>(),
                     version["entity"].get<std::string>());
}

std::string duplicate_text(const Json& first) {
  if (!first.is_object() || first.empty()) return "";
  return fmt::format("{} of job {} ({})", printable(first.value("relative_path", "?")),
                     first.value("job_key", "?"), first.value("state", "?"));
}

void add_events(std::string& out, const Json& events) {
  for (const Json& event : events) {
    const std::string to = event["to"].get<std::string>();
    std::string text =
        fmt::format("    {}  #{:<5} {}", event["at"].get<std::string>(),
                    event["seq"].get<std::int64_t>(), event["event"].get<std::string>());
    if (!to.empty() && to != event["event"].get<std::string>()) text += " -> " + to;
    const Json& detail = event["detail"];
    if (detail.is_object() && detail.contains("problem")) {
      text += "  " + detail["problem"].value("code", "");
    }
    out += text + "\n";
  }
}

/// Which rows each part holds and where it is; a long list is cut, --json has all of it.
void add_parts(std::string& out, const Json& parts) {
  out += fmt::format("  {} parts\n", parts.size());
  for (std::size_t i = 0; i < std::min(parts.size(), kPartsShown); ++i) {
    const Json& part = parts[i];
    const std::string to =
        i + 1 < parts.size()
            ? fmt::format("to {}", parts[i + 1]["first_source_row"].get<std::int64_t>() - 1)
            : "on";
    const std::string rows =
        fmt::format("rows {} {}", part["first_source_row"].get<std::int64_t>(), to);
    out += fmt::format("    {:>5}  {:<28} {:<10} {}\n", part["part_number"].get<int>(), rows,
                       part["state"].get<std::string>(), part["job_file_id"].get<std::string>());
  }
  if (parts.size() > kPartsShown) {
    out += fmt::format("    ... and {} more; see --json\n", parts.size() - kPartsShown);
  }
}

void add_version(std::string& out, std::size_t number, const Json& version) {
  out += fmt::format("\nVersion {}  SHA-256 {}\n", number,
                     version["content_sha256"].get<std::string>());
  const auto state = version["state"].get<std::string>();
  const auto meaning = version["meaning"].get<std::string>();
  line(out, "state", state == meaning ? state : state + ": " + meaning);
  line(out, "content",
       fmt::format("{} as {}, modified {}", format_bytes(version["size_bytes"].get<std::int64_t>()),
                   version["file_tag"].get<std::string>(),
                   version["modified_at"].get<std::string>()));
  line(out, "rows", rows_text(version));
  line(out, "same as", duplicate_text(version["duplicate_of"]));
  if (version["problem"].is_object()) {
    const Json& problem = version["problem"];
    line(out, "problem",
         fmt::format("{} {}: {}{}", problem.value("code", ""), problem.value("name", ""),
                     problem.value("message", ""), place_text(problem)));
    line(out, "what to do", problem.value("what_to_do", ""));
    if (version["gave_up_at"].is_string()) {
      line(out, "gave up",
           version["gave_up_at"].get<std::string>() + "; `waybill retry` ends that");
    }
  }
  if (version["preflight"].is_object()) out += preflight_lines(version["preflight"]);
  line(out, "delivery", version.value("delivery_date", ""));
  line(out, "job key", version["job_key"].get<std::string>());
  line(out, "job file", version["job_file_id"].get<std::string>());
  if (version.contains("parts")) add_parts(out, version["parts"]);
  out += version.contains("parts") ? "  history of the part that tells most\n" : "  history\n";
  add_events(out, version["events"]);
}

}  // namespace

Json trace_json(LedgerReport& report, const std::string& relative_path,
                const std::optional<OnDisk>& on_disk) {
  const std::vector<std::vector<JobFile>> versions = group_parts(report.versions(relative_path));
  const std::optional<PathRecord> path = report.path(relative_path);
  Json out;
  out["relative_path"] = relative_path;
  out["on_disk"] = on_disk_json(versions, on_disk);
  out["folder_state"] = path ? Json(to_string(path->state)) : Json(nullptr);
  out["folder_problem"] =
      path && !path->error_code.empty() ? problem_json({path->error_code, "", {}}) : Json(nullptr);
  out["versions"] = Json::array();
  for (const auto& version : versions) out["versions"].push_back(version_json(report, version));
  out["other_events"] = events_json(report.events(relative_path, std::nullopt));
  return out;
}

std::string trace_text(const Json& trace) {
  std::string out = printable(trace["relative_path"].get<std::string>()) + "\n";
  const Json& disk = trace["on_disk"];
  if (disk.is_null()) {
    out += "On disk:   not there now\n";
  } else if (disk.contains("problem")) {
    const Json& problem = disk["problem"];
    out += fmt::format("On disk:   {} {}: {}\nWhat to do: {}\n", problem.value("code", ""),
                       problem.value("name", ""), printable(problem.value("message", "")),
                       problem.value("what_to_do", ""));
  } else {
    const std::string match =
        disk["version"].is_null()
            ? "these bytes are not in the ledger (yet)"
            : fmt::format("the bytes of version {}", disk["version"].get<std::size_t>());
    out += fmt::format("On disk:   {}, SHA-256 {}: {}\n",
                       format_bytes(disk["size_bytes"].get<std::int64_t>()),
                       disk["sha256"].get<std::string>(), match);
  }
  if (trace["folder_state"].is_string() && trace["folder_state"] != "recorded") {
    out += fmt::format("In folder: {}\n", trace["folder_state"].get<std::string>());
  }
  if (trace["folder_problem"].is_object()) {
    const Json& problem = trace["folder_problem"];
    out += fmt::format("Problem:   {} {}\nWhat to do: {}\n", problem.value("code", ""),
                       problem.value("name", ""), problem.value("what_to_do", ""));
  }
  std::size_t number = 0;
  for (const Json& version : trace["versions"]) add_version(out, ++number, version);
  if (!trace["other_events"].empty()) {
    out += "\nBefore it had a version\n";
    add_events(out, trace["other_events"]);
  }
  return out;
}

}  // namespace waybill
