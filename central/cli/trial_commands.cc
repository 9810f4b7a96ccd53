// sandbox, diff: what would happen, and what has changed; neither changes anything.
#include <fmt/core.h>

#include "central/cli/command_line.h"
#include "central/cli/load_diff.h"
#include "central/cli/sandbox.h"

namespace waybill::cli {

namespace {

constexpr std::size_t kFindingsShown = 5;

std::string text_of(const nlohmann::ordered_json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

/// "  WB-3012 value-invalid text, row 3, line 4, column Count"
void print_finding(const nlohmann::ordered_json& finding) {
  fmt::print("    {} {}", text_of(finding, "code"), text_of(finding, "message"));
  for (const char* place : {"row", "line"}) {
    if (finding.value(place, 0) > 0) fmt::print(", {} {}", place, finding[place].dump());
  }
  if (const std::string column = text_of(finding, "column"); !column.empty()) {
    fmt::print(", column {}", column);
  }
  fmt::print("\n");
}

void print_file(const nlohmann::ordered_json& file) {
  fmt::print("{}: {}", text_of(file, "file"), text_of(file, "outcome"));
  if (file.contains("problem")) fmt::print(", {}", text_of(file, "problem"));
  if (file.contains("file_tag")) fmt::print(", {}", text_of(file, "file_tag"));
  for (const char* key : {"delivery_date", "chunk"}) {
    if (file.contains(key)) fmt::print(", {} {}", key, text_of(file, key));
  }
  for (const char* key :
       {"rows", "parts", "keys_given_twice", "rows_new", "rows_changed", "rows_as_staged"}) {
    if (file.contains(key)) fmt::print(", {} {}", key, file[key].dump());
  }
  fmt::print("\n");
  if (!file.contains("report")) return;
  const auto& findings = file["report"]["findings"];
  for (std::size_t i = 0; i < findings.size() && i < kFindingsShown; ++i) {
    print_finding(findings[i]);
  }
  const std::int64_t all = file["report"].value("findings_count", std::int64_t{0});
  if (all > std::int64_t{kFindingsShown}) {
    fmt::print("    {} findings in all; --json lists the first hundred\n", all);
  }
}

int run_sandbox_command(const Arguments& args) {
  const AgencyFolder agency = read_agency_folder(whole(args.folder));
  const std::vector<std::filesystem::path> files(args.files.begin(), args.files.end());
  const nlohmann::ordered_json report = run_sandbox(args.database_url, agency, files);
  if (args.json) {
    fmt::print("{}\n", report.dump(2));
  } else {
    for (const auto& file : report["files"]) print_file(file);
    for (const auto& file_tag : report["missing"]) {
      fmt::print("missing: {}, required by the delivery plan\n", file_tag.get<std::string>());
    }
    fmt::print("nothing was changed\n");
  }
  return all_passed(report) ? kExitDone : kExitFailed;
}

void print_difference(const nlohmann::ordered_json& difference) {
  fmt::print("  {:<8}", text_of(difference, "what"));
  if (difference.contains("row_before")) fmt::print(" row {}", difference["row_before"].dump());
  if (difference.contains("row_after")) fmt::print(" -> row {}", difference["row_after"].dump());
  if (difference.contains("columns")) {
    for (const auto& column : difference["columns"]) {
      fmt::print(" {}", column.get<std::string>());
    }
  }
  fmt::print("\n");
  for (const char* key : {"natural_key", "before", "after"}) {
    if (difference.contains(key)) fmt::print("           {} {}\n", key, difference[key].dump());
  }
}

int run_diff(const Arguments& args) {
  const nlohmann::ordered_json diff =
      diff_loads(args.database_url, {.agency = args.agency,
                                     .file_tag = args.file_tag,
                                     .before = args.job_file_id,
                                     .after = args.other_job_file_id,
                                     .with_values = args.with_values,
                                     .limit = args.limit});
  if (args.json) {
    fmt::print("{}\n", diff.dump(2));
    return kExitDone;
  }
  for (const char* side : {"before", "after"}) {
    fmt::print("{:<7} {} of {}: {} rows\n", side, text_of(diff[side], "relative_path"),
               text_of(diff[side], "delivery_date"), diff[side]["rows"].dump());
  }
  for (const char* what : {"alike", "added", "removed", "changed"}) {
    fmt::print("{:<8} {}\n", what, diff[what].dump());
  }
  for (const auto& [column, count] : diff["columns"].items()) {
    fmt::print("  {} changed {} times\n", column, count.dump());
  }
  for (const auto& difference : diff["differences"]) print_difference(difference);
  return kExitDone;
}

}  // namespace

void add_trial_commands(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& sandbox = line.add(line.app, "sandbox", "Try files on file specs, changing nothing");
  sandbox.add_option("--spec-folder", args.folder, "holds _agency.json and <file_tag>.json")
      ->required();
  sandbox.add_option("files", args.files, "files as the agency exports them")
      ->required()
      ->check(CLI::ExistingFile);
  sandbox.add_flag("--json", args.json, "as JSON");
  line.on(sandbox, run_sandbox_command);

  CLI::App& diff = line.add(line.app, "diff", "Compare two loads of the same kind of file");
  diff.add_option("--agency", args.agency, "the agency's slug")->required();
  diff.add_option("--tag", args.file_tag, "their file tag")->required();
  diff.add_option("before", args.job_file_id, "job_file_id; any part of its file")
      ->required()
      ->check(id_problem);
  diff.add_option("after", args.other_job_file_id, "job_file_id; any part of its file")
      ->required()
      ->check(id_problem);
  diff.add_flag("--values", args.with_values, "show keys and values of the rows too");
  diff.add_option("--limit", args.limit, "differences listed; all are counted")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  diff.add_flag("--json", args.json, "as JSON");
  line.on(diff, run_diff);
}

}  // namespace waybill::cli
