#include "agent/watch/spec_book.h"

#include "core/error.h"

namespace waybill {

std::vector<std::string> SpecBook::fill(const std::vector<wire::Specs::Entry>& specs) {
  std::vector<std::string> problems;
  specs_.clear();
  for (const wire::Specs::Entry& entry : specs) {
    try {
      specs_.push_back(parse_file_spec(entry.spec));
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

std::variant<FileTag, NoMatch> SpecBook::match(const std::string& relative_path) const {
  const std::size_t slash = relative_path.rfind('/');
  const std::string base =
      slash == std::string::npos ? relative_path : relative_path.substr(slash + 1);
  const FileSpec* found = nullptr;
  for (const FileSpec& spec : specs_) {
    if (!matches_file_name(spec, base)) continue;
    if (found != nullptr) return NoMatch::kAmbiguous;
    found = &spec;
  }
  if (found == nullptr) return NoMatch::kUnknown;
  return found->file_tag;
}

}  // namespace waybill
