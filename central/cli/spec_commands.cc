// waybill-central spec: init, learn, lint and test file specs. No database is needed.
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "central/authoring/spec_learner.h"
#include "central/authoring/spec_lint.h"
#include "central/authoring/spec_test.h"
#include "central/cli/command_line.h"
#include "core/file_system.h"
#include "core/named_file.h"

namespace waybill::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSpecBytesMax = std::size_t{16} << 20;

FileSpec read_spec(const fs::path& path) {
  return parse_file_spec_text(read_named_file(system_file_system(), path, kSpecBytesMax));
}

/// The specs among the arguments: files, and what folders hold beside `_agency.json`.
std::vector<fs::path> spec_files(const std::vector<std::string>& given) {
  std::set<fs::path> found;
  for (const std::string& one : given) {
    if (!fs::is_directory(whole(one))) {
      found.insert(whole(one));
      continue;
    }
    for (const auto& entry : fs::directory_iterator(whole(one))) {
      const bool is_spec =
          entry.path().extension() == ".json" && !entry.path().filename().string().starts_with('_');
      if (is_spec) found.insert(entry.path());
    }
  }
  return {found.begin(), found.end()};
}

int run_init(const Arguments& args) {
  const nlohmann::ordered_json column = {{"name", authoring::kPlaceholderName},
                                         {"to", authoring::kPlaceholderKey},
                                         {"required", true}};
  const nlohmann::ordered_json spec = {{"file_tag", args.file_tag},
                                       {"entity", args.entity},
                                       {"description", ""},
                                       {"file_name", args.file_tag + "_*.csv"},
                                       {"format", "csv"},
                                       {"encoding", "utf-8"},
                                       {"delimiter", ","},
                                       {"quote", "\""},
                                       {"header", true},
                                       {"columns", nlohmann::ordered_json::array({column})},
                                       {"other_columns", "refuse"},
                                       {"natural_key", {authoring::kPlaceholderKey}},
                                       {"natural_key_unique", true},
                                       {"on_refusal", "quarantine"}};
  static_cast<void>(parse_file_spec_text(spec.dump()));  // a wrong tag or entity is told here
  const fs::path path = whole(args.folder) / (args.file_tag + ".json");
  if (fs::exists(path)) {
    throw Error(error_code::kFileExists, "init", path.string(), "it is there already");
  }
  write_whole_file(system_file_system(), path, spec.dump(2) + "\n", FileMode::kShared);
  fmt::print("{}: list the columns, then: waybill-central spec lint {}\n", path.string(),
             path.string());
  return kExitDone;
}

int run_learn(const Arguments& args) {
  std::vector<fs::path> samples;
  for (const std::string& file : args.files) samples.push_back(whole(file));
  const authoring::Learned learned = authoring::learn_spec(system_file_system(), samples,
                                                           {.file_tag = args.file_tag,
                                                            .entity = args.entity,
                                                            .with_known_values = args.with_values,
                                                            .time_zone = args.time_zone});
  // Names of files and bytes behind the first blocks of a sample may be no UTF-8.
  const auto text_of = [](const nlohmann::ordered_json& json) {
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  };
  fmt::print("{}\n", text_of(learned.spec));
  fmt::print(stderr, "{}\n", text_of(learned.evidence));
  return learned.is_settled() ? kExitDone : kExitFailed;
}

int run_lint(const Arguments& args) {
  bool has_errors = false;
  std::vector<FileSpec> specs;
  const auto print = [&](const std::string& file, const authoring::Remark& remark) {
    has_errors |= remark.is_error;
    fmt::print("{}: {}{}{} {}\n", file, remark.is_error ? "error: " : "", remark.place,
               remark.place.empty() ? "" : ":", remark.text);
  };
  const std::vector<fs::path> paths = spec_files(args.files);
  for (const fs::path& path : paths) {
    const std::string file = path.filename().string();
    try {
      specs.push_back(read_spec(path));
      for (const auto& remark : authoring::lint(specs.back())) print(file, remark);
      for (const auto& remark : authoring::lint_name(specs.back(), path)) print(file, remark);
    } catch (const Error& error) {
      print(file, {"", error.what(), true});
    }
  }
  for (const auto& remark : authoring::lint_together(specs)) print("together", remark);
  fmt::print("{} of {} specs can be used\n", specs.size(), paths.size());
  return has_errors || paths.empty() ? kExitFailed : kExitDone;
}

int write_expected(const Arguments& args, const FileSpec& spec, const fs::path& file,
                   const fs::path& expected) {
  FileSystem& files = system_file_system();
  authoring::refuse_source_as_target(files, expected, {whole(args.spec_file), file});
  const std::string rows = authoring::expected_rows(files, spec, file);
  const bool is_written = authoring::write_expected_rows(files, rows, expected, args.force) ==
                          authoring::WriteOutcome::kWritten;
  fmt::print("{}: {}\n", expected.string(),
             is_written ? "look it over; it is what the spec gives, not yet what is right"
                        : "holds these rows already");
  return kExitDone;
}

int run_test(const Arguments& args) {
  FileSystem& files = system_file_system();
  const FileSpec spec = read_spec(whole(args.spec_file));
  const fs::path file = whole(args.files.front());
  const fs::path expected =
      args.expected.empty() ? fs::path(file.string() + ".rows.jsonl") : whole(args.expected);
  if (args.is_meant) return write_expected(args, spec, file, expected);
  const authoring::SpecTestResult result = authoring::test_spec(files, spec, file, expected);
  for (const Finding& finding : result.findings) {
    fmt::print("finding: {}\n", authoring::in_words(finding));
  }
  for (const std::string& difference : result.differences) fmt::print("{}\n", difference);
  fmt::print("{}: {} rows staged, {} differences\n", result.passed() ? "passed" : "FAILED",
             result.rows_staged, result.differences_count);
  return result.passed() ? kExitDone : kExitFailed;
}

}  // namespace

void add_spec_commands(const CommandLine& line) {
  Arguments& args = line.args;
  CLI::App& spec = *line.app.add_subcommand("spec", "write file specs: init, learn, lint, test");
  spec.require_subcommand(1);

  CLI::App& init = *spec.add_subcommand("init", "a new spec to fill in");
  init.add_option("folder", args.folder, "of the agency")->required();
  CLI::App& learn = *spec.add_subcommand(
      "learn", "propose a spec from sample exports; the evidence goes to standard error");
  learn.add_option("files", args.files, "sample exports of one kind")->required();
  learn.add_flag("--known-values", args.with_values,
                 "also list the words of columns that have few; they stand in the spec then");
  learn.add_option("--time-zone", args.time_zone,
                   "whose clock times without an offset are of, such as Europe/Paris");
  for (CLI::App* command : {&init, &learn}) {
    command->add_option("--tag", args.file_tag, "the file tag")->required();
    command->add_option("--entity", args.entity, "the staging table")->required();
  }
  CLI::App& lint = *spec.add_subcommand("lint", "errors and advice, of specs or whole folders");
  lint.add_option("paths", args.files, "specs or folders of one agency")->required();
  CLI::App& test = *spec.add_subcommand(
      "test", "run an export through a spec and compare the rows with the expected ones");
  test.add_option("spec", args.spec_file, "the file spec")->required();
  test.add_option("file", args.files, "the export")->required()->expected(1);
  test.add_option("--expect", args.expected, "expected rows; FILE.rows.jsonl when absent");
  CLI::Option& write =
      *test.add_flag("--write", args.is_meant, "write the expected rows, to be looked over");
  test.add_flag("--force", args.force, "with --write: replace other rows that are there")
      ->needs(&write);

  line.on(init, run_init);
  line.on(learn, run_learn);
  line.on(lint, run_lint);
  line.on(test, run_test);
}

}  // namespace waybill::cli
