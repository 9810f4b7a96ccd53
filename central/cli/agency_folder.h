// AgencyFolder: what a folder of config/agencies says: an agency, its delivery plan, its file
// specs.
//
// Place:    central/cli; `agency put` registers it, `sandbox` tries files on it.
// Errors:   WB-5006 for the folder and _agency.json, WB-3014 for a spec or plan, each with the file
//           and the place in it. All is read and checked before anything is returned.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/delivery_plan.h"
#include "core/file_spec.h"

namespace waybill::cli {

struct AgencyFolder {
  struct Spec {
    FileSpec spec;
    nlohmann::json text;  ///< as it stands in the file, for the registry
  };
  std::string slug;
  std::string display_name;
  std::string time_zone;
  std::optional<DeliveryPlan> plan;
  std::vector<Spec> specs;  ///< in the order of their file names

  /// The specs that a partner's base name belongs to; exactly one is as it should be.
  [[nodiscard]] std::vector<const Spec*> matching(const std::string& base_name) const;
};

[[nodiscard]] AgencyFolder read_agency_folder(const std::filesystem::path& folder);

}  // namespace waybill::cli
