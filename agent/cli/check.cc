// waybill check: the preflight of one file at the partner's desk. Nothing is sent or recorded.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/cli/commands.h"
#include "agent/config/agent_config.h"
#include "agent/ledger/ledger_report.h"
#include "agent/watch/spec_book.h"
#include "core/error.h"
#include "core/named_file.h"
#include "core/preflight/preflight.h"
#include "core/printable.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSpecBytesMax = std::size_t{16} << 20;
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

/// The agent's own spec for a file of this name, as central last pushed it.
FileSpec own_spec(FileSystem& files, const CommandOptions& options, const std::string& name) {
  const AgentConfig config = read_agent_config(files, options.config_file);
  const auto ledger = LedgerReport::open(config.state_folder);
  if (!ledger) {
    throw Error(error_code::kNotEnrolled, "check", name,
                "this agent has no ledger yet; name a file spec with --spec");
  }
  SpecBook book;
  for (const std::string& problem : book.fill(ledger->specs())) {
    std::cerr << printable(problem) << '\n';
  }
  const auto match = book.match(name);
  if (const auto* found = std::get_if<SpecMatch>(&match)) return *found->spec;
  const bool is_ambiguous = std::get<NoMatch>(match) == NoMatch::kAmbiguous;
  throw Error(is_ambiguous ? error_code::kFileAmbiguous : error_code::kFileUnknown, "check", name,
              is_ambiguous ? "several file specs fit the name" : "no file spec fits the name");
}

}  // namespace

int check_file(const CommandOptions& options) {
  FileSystem& files = system_file_system();
  const fs::path path = named_path(options.file);
  const std::string name = path.filename().string();
  const auto file = open_named_file(files, path);
  const FileSpec spec =
      options.spec_file.empty()
          ? own_spec(files, options, name)
          : parse_file_spec_text(read_named_file(files, options.spec_file, kSpecBytesMax));
  if (!can_preflight(spec)) {
    throw Error(error_code::kCheckedAtCentral, "check", name,
                "its spec names a container, a dump or a quirk, which only central opens");
  }

  Preflight preflight(spec);
  Sha256 hash;
  std::unique_ptr<StagedFile> quarantine;
  if (!options.quarantine_file.empty()) {
    const fs::path target = fs::absolute(options.quarantine_file);
    if (files.stat(target)) {
      throw Error(error_code::kFileExists, "check", options.quarantine_file.string(),
                  "it is there already");
    }
    quarantine = files.stage(target, FileMode::kPrivate);
    preflight.write_quarantine([&](std::string_view bytes) { quarantine->write(bytes); });
  }
  std::string block(kBlockBytes, '\0');
  while (const std::size_t count = file->read(block.data(), block.size())) {
    hash.update({block.data(), count});
    preflight.feed({block.data(), count});
  }
  const PreflightResult result = preflight.finish();
  const Sha256Hex content_sha256 = hash.finish();
  if (quarantine) quarantine->commit();

  if (options.as_json) {
    nlohmann::json report = preflight_report(spec, result, content_sha256);
    report["file"] = name;
    std::cout << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    std::cout << preflight_page(printable(name), spec, result, content_sha256);
  }
  return result.is_accepted() ? kExitOk : kExitRefused;
}

}  // namespace waybill
