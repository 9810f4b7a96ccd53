#include "agent/cli/export_path.h"

namespace waybill {

std::string relative_to_export(const AgentConfig& config, const std::filesystem::path& given,
                               LedgerReport& report) {
  std::string as_given = given.lexically_normal().generic_string();
  if (given.is_relative() && (report.path(as_given) || !report.versions(as_given).empty())) {
    return as_given;
  }
  std::error_code ignored;
  const std::filesystem::path root =
      std::filesystem::weakly_canonical(config.export_folder, ignored);
  const std::filesystem::path parent =
      std::filesystem::weakly_canonical(std::filesystem::absolute(given).parent_path(), ignored);
  const std::string below = (parent / given.filename()).lexically_relative(root).generic_string();
  return below.empty() || below.starts_with("..") ? as_given : below;
}

}  // namespace waybill
