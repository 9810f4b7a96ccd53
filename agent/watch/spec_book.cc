#include "agent/watch/spec_book.h"

#include "core/error.h"

namespace waybill {

namespace {

std::string base_name(const std::string& relative_path) {
  const std::size_t slash = relative_path.rfind('/');
  return slash == std::string::npos ? relative_path : relative_path.substr(slash + 1);
}

std::optional<NameFields> fields_of(const FileSpec& spec, const std::string& base) {
  if (spec.name_fields.empty()) return NameFields{};
  return read_name_fields(spec.name_fields, base);
}

}  // namespace

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

std::variant<SpecMatch, NoMatch> SpecBook::match(const std::string& relative_path) const {
  const std::string base = base_name(relative_path);
  const FileSpec* found = nullptr;
  for (const FileSpec& spec : specs_) {
    if (!matches_file_name(spec, base)) continue;
    if (found != nullptr) return NoMatch::kAmbiguous;
    found = &spec;
  }
  if (found == nullptr) return NoMatch::kUnknown;
  const std::optional<NameFields> fields = fields_of(*found, base);
  if (!fields) return NoMatch::kUnknown;
  return SpecMatch{found, *fields};
}

std::optional<SpecMatch> SpecBook::find(const FileTag& tag,
                                        const std::string& relative_path) const {
  for (const FileSpec& spec : specs_) {
    if (spec.file_tag != tag) continue;
    return SpecMatch{&spec, fields_of(spec, base_name(relative_path)).value_or(NameFields{})};
  }
  return std::nullopt;
}

}  // namespace waybill
