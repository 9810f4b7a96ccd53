#include "tests/support/source_folder.h"

namespace waybill {

const std::filesystem::path& source_folder() {
  static const std::filesystem::path folder = WAYBILL_SOURCE_DIR;
  return folder;
}

}  // namespace waybill
