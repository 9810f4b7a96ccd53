#include "agent/watch/spec_book.h"

#include <algorithm>

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
      specs_.push_back({parse_file_spec(entry.spec), entry.version});
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

std::variant<SpecMatch, NoMatch> SpecBook::match(const std::string& relative_path) const {
  const std::string base = base_name(relative_path);
  const Entry* found = nullptr;
  for (const Entry& entry : specs_) {
    if (!matches_file_name(entry.spec, base)) continue;
    if (found != nullptr) return NoMatch::kAmbiguous;
    found = &entry;
  }
  if (found == nullptr) return NoMatch::kUnknown;
  const std::optional<NameFields> fields = fields_of(found->spec, base);
  if (!fields) return NoMatch::kUnknown;
  return SpecMatch{&found->spec, found->version, *fields};
}

std::optional<SpecMatch> SpecBook::find(const FileTag& tag,
                                        const std::string& relative_path) const {
  for (const auto& [spec, version] : specs_) {
    if (spec.file_tag != tag) continue;
    const std::optional<NameFields> fields = fields_of(spec, base_name(relative_path));
    return SpecMatch{&spec, version, fields.value_or(NameFields{})};
  }
  return std::nullopt;
}

}  // namespace waybill
