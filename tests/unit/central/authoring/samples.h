// samples: exports written for a test, and what is learned from them.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "central/authoring/spec_learner.h"
#include "core/file_system.h"
#include "tests/support/temporary_folder.h"

namespace waybill::authoring {

struct Samples {
  TemporaryFolder folder;

  std::filesystem::path add(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path = folder.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
};

inline Learned learn(const std::vector<std::filesystem::path>& samples,
                     bool with_known_values = false, const std::string& time_zone = "") {
  return learn_spec(system_file_system(), samples,
                    {"component", "component", with_known_values, time_zone});
}

}  // namespace waybill::authoring
