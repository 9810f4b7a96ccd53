// The folder this program was built from: configs, fixtures and docs that tests read in place.
//
// Place:    tests/support. One file alone knows the path, so that objects of all others are the
// same
//           wherever the project lies, and a compiler cache has them.
#pragma once

#include <filesystem>

namespace waybill {

[[nodiscard]] const std::filesystem::path& source_folder();

}  // namespace waybill
