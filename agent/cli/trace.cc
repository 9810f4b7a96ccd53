#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/export_path.h"
#include "agent/cli/trace_view.h"
#include "agent/config/agent_config.h"
#include "core/error.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

std::optional<OnDisk> read_on_disk(FileSystem& files, const fs::path& root,
                                   const std::string& relative_path) {
  const auto file = files.open(root, relative_path);
  if (!file) return std::nullopt;
  OnDisk out;
  Sha256 hash;
  std::string buffer(256 * 1024, '\0');
  while (const std::size_t count = file->read(buffer.data(), buffer.size())) {
    hash.update({buffer.data(), count});
    out.size_bytes += static_cast<std::int64_t>(count);
  }
  out.sha256 = hash.finish();
  return out;
}

/// What cannot be read still has its story in the ledger.
std::optional<OnDisk> hash_on_disk(FileSystem& files, const fs::path& root,
                                   const std::string& relative_path) {
  try {
    return read_on_disk(files, root, relative_path);
  } catch (const Error& error) {
    OnDisk out;
    out.problem = {std::string(error.code().id), error.cause(), nlohmann::json::object()};
    return out;
  }
}

/// Copies of rows set aside are kept for a time, and may be taken away by hand.
void look_for_quarantine(FileSystem& files, const fs::path& state_folder, nlohmann::json& trace) {
  for (nlohmann::json& version : trace["versions"]) {
    nlohmann::json& preflight = version["preflight"];
    if (!preflight.is_object() || !preflight.contains("quarantine_file")) continue;
    const fs::path copy = state_folder / preflight["quarantine_file"].get<std::string>();
    preflight["quarantine_is_there"] = files.stat(copy).has_value();
  }
}

}  // namespace

int trace_file(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto report = LedgerReport::open(config.state_folder);
  if (!report) {
    throw Error(error_code::kNotEnrolled, "trace", options.file.string(),
                "this agent has no ledger yet");
  }
  const std::string name = relative_to_export(config, options.file, *report);
  const auto on_disk = hash_on_disk(files, config.export_folder, name);
  nlohmann::json trace = trace_json(*report, name, on_disk);
  look_for_quarantine(files, config.state_folder, trace);
  std::cout << (options.as_json ? trace.dump(2) + "\n" : trace_text(trace));
  const bool is_known = !trace["versions"].empty() || trace["folder_state"].is_string();
  if (!is_known && !options.as_json) std::cout << "The ledger has never seen this name.\n";
  return is_known ? kExitOk : kExitUnknownFile;
}

}  // namespace waybill
