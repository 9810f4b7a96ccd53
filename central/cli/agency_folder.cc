#include "central/cli/agency_folder.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "core/error.h"
#include "core/file_system.h"

namespace waybill::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileMaxBytes = std::size_t{1024} * 1024;
constexpr const char* kAgencyFile = "_agency.json";
constexpr std::array<const char*, 3> kFacts{"slug", "display_name", "time_zone"};
constexpr const char* kPlanKey = "delivery";

[[noreturn]] void refuse(const fs::path& path, const std::string& cause) {
  throw Error(error_code::kCentralConfigInvalid, "read the agency", path.string(), cause);
}

nlohmann::json read_agency_file(const fs::path& path) {
  FileSystem& files = system_file_system();
  if (!files.stat(path)) refuse(path, "it is not there; a folder of specs needs it");
  auto agency = nlohmann::json::parse(read_whole_file(files, path, kFileMaxBytes), nullptr, false);
  if (!agency.is_object()) refuse(path, "it is not a JSON object");
  for (const char* key : kFacts) {
    if (!agency.contains(key) || !agency[key].is_string()) {
      refuse(path, std::string("\"") + key + "\" must be there and be text");
    }
  }
  for (const auto& [key, value] : agency.items()) {
    if (key != kPlanKey && std::find(kFacts.begin(), kFacts.end(), key) == kFacts.end()) {
      refuse(path, "the key \"" + key +
                       "\" is unknown; slug, display_name, time_zone and delivery are allowed");
    }
  }
  return agency;
}

[[noreturn]] void rethrow(const char* operation, const fs::path& path, const Error& error) {
  throw Error(error.code(), operation, path.string(), error.subject() + ": " + error.cause());
}

AgencyFolder::Spec read_spec(const fs::path& path) {
  const std::string text = read_whole_file(system_file_system(), path, kFileMaxBytes);
  try {
    AgencyFolder::Spec out{parse_file_spec_text(text), nlohmann::json::parse(text)};
    if (out.spec.file_tag.value != path.stem().string()) {
      throw Error(error_code::kSpecInvalid, "read", "file_tag",
                  "it must be the file's own name without .json");
    }
    return out;
  } catch (const Error& error) {
    rethrow("read the file spec", path, error);
  }
}

std::vector<AgencyFolder::Spec> read_specs(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".json" && path.filename() != kAgencyFile) paths.push_back(path);
  }
  if (failure) refuse(folder, failure.message());
  std::sort(paths.begin(), paths.end());
  std::vector<AgencyFolder::Spec> out;
  out.reserve(paths.size());
  for (const fs::path& path : paths) out.push_back(read_spec(path));
  return out;
}

/// A plan names tags of specs that are there: another one would be missed for ever.
DeliveryPlan read_plan(const nlohmann::json& value, const fs::path& path,
                       const AgencyFolder& agency) {
  try {
    DeliveryPlan plan = parse_delivery_plan(value);
    for (const ExpectedFile& file : plan.files) {
      const bool is_known = std::any_of(
          agency.specs.begin(), agency.specs.end(),
          [&file](const AgencyFolder::Spec& spec) { return spec.spec.file_tag == file.file_tag; });
      if (!is_known) {
        throw Error(error_code::kSpecInvalid, "read", "files",
                    "no file spec beside it has the tag " + file.file_tag.value);
      }
    }
    return plan;
  } catch (const Error& error) {
    rethrow("read the delivery plan", path, error);
  }
}

}  // namespace

std::vector<const AgencyFolder::Spec*> AgencyFolder::matching(const std::string& base_name) const {
  std::vector<const Spec*> out;
  for (const Spec& spec : specs) {
    if (matches_file_name(spec.spec, base_name)) out.push_back(&spec);
  }
  return out;
}

AgencyFolder read_agency_folder(const fs::path& folder) {
  const fs::path path = folder / kAgencyFile;
  const nlohmann::json facts = read_agency_file(path);
  AgencyFolder out;
  out.slug = facts["slug"];
  out.display_name = facts["display_name"];
  out.time_zone = facts["time_zone"];
  out.specs = read_specs(folder);
  if (facts.contains(kPlanKey)) out.plan = read_plan(facts[kPlanKey], path, out);
  return out;
}

}  // namespace waybill::cli
