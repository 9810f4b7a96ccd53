#include "core/read/column_map.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/ascii.h"
#include "core/error_code.h"

namespace waybill {

char* MappedColumn::write_key(char* out) const {
  for (std::size_t at = 0; at < key_bytes; at += kKeyChunkBytes) {
    std::memcpy(out + at, key_text.data() + at, kKeyChunkBytes);
  }
  return out + key_bytes;
}

MappedColumn::MappedColumn(const ColumnSpec& spec, std::size_t index, std::string_view json_key)
    : value(spec), field_index(index) {
  if (ValueRules::has_any(spec)) rules.emplace(spec);
  std::string text(kJsonRoomBytes + kJsonGrowthMax * json_key.size(), '\0');
  text.resize(static_cast<std::size_t>(write_json_string(text.data(), json_key) - text.data()));
  key_text = "," + text + ":";
  key_bytes = key_text.size();
  key_text.resize((key_bytes / kKeyChunkBytes + 1) * kKeyChunkBytes);
}

ColumnMap ColumnMap::from_places(const FileSpec& spec) {
  ColumnMap map;
  for (const ColumnSpec& column : spec.columns) {
    map.names_.push_back(column.name);
    map.add(column, map.columns_.size());
  }
  map.mark_natural_key(spec);
  return map;
}

ColumnMap ColumnMap::from_header(const FileSpec& spec, std::vector<std::string> names,
                                 std::vector<HeaderProblem>& problems) {
  ColumnMap map;
  map.names_ = std::move(names);
  for (std::string& name : map.names_) name = std::string(trim_ascii_blanks(name));
  std::vector<bool> is_mapped(map.names_.size(), false);
  map.add_listed(spec, is_mapped, problems);
  if (std::find(is_mapped.begin(), is_mapped.end(), true) == is_mapped.end()) {
    // Not one name is known: most likely the first record is data. Its fields are values, so none
    // of them may be named.
    problems.clear();
    problems.push_back({&error_code::kHeaderMissing,
                        "the first record holds none of the column names of the file spec", "",
                        CsvProblem::kNoField});
    return map;
  }
  map.add_others(spec, is_mapped, problems);
  map.tell_moved(spec, problems);
  map.mark_natural_key(spec);
  return map;
}

std::string_view ColumnMap::field_name(std::size_t field_index) const {
  return field_index < names_.size() ? std::string_view(names_[field_index]) : std::string_view();
}

void ColumnMap::add(const ColumnSpec& spec, std::size_t field_index) {
  columns_.emplace_back(spec, field_index, spec.to);
}

MappedColumn& ColumnMap::add_kept(const std::string& name) {
  ColumnSpec kept;
  kept.name = name;
  kept.to = name;
  names_.push_back(name);
  add(kept, names_.size() - 1);
  return columns_.back();
}

std::size_t ColumnMap::find_name(std::string_view name, std::size_t from) const {
  const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(std::min(from, names_.size()));
  const auto found = std::find(begin, names_.end(), trim_ascii_blanks(name));
  return found == names_.end() ? CsvProblem::kNoField
                               : static_cast<std::size_t>(found - names_.begin());
}

/// Where the column is, by its name or by one it had; kNoField when it is not there.
std::size_t ColumnMap::find_column(const ColumnSpec& column,
                                   std::vector<HeaderProblem>& problems) const {
  const std::size_t by_name = find_name(column.name);
  if (by_name != CsvProblem::kNoField) return by_name;
  for (const std::string& name : column.renamed_from) {
    const std::size_t found = find_name(name);
    if (found == CsvProblem::kNoField) continue;
    problems.push_back({&error_code::kColumnRenamed,
                        "the column that the file spec calls otherwise stands here under a name it "
                        "has had",
                        names_[found], found});
    return found;
  }
  if (!column.optional) {
    problems.push_back({&error_code::kColumnMissing, "the header lacks this column", column.name,
                        CsvProblem::kNoField});
  }
  return CsvProblem::kNoField;
}

void ColumnMap::add_listed(const FileSpec& spec, std::vector<bool>& is_mapped,
                           std::vector<HeaderProblem>& problems) {
  for (const ColumnSpec& column : spec.columns) {
    const std::size_t first = find_column(column, problems);
    if (first == CsvProblem::kNoField) continue;
    add(column, first);
    is_mapped[first] = true;
    const std::string name = names_[first];
    for (std::size_t at = find_name(name, first + 1); at != CsvProblem::kNoField;
         at = find_name(name, at + 1)) {
      is_mapped[at] = true;
      problems.push_back(
          {&error_code::kHeaderDuplicate, "the header names this column more than once", name, at});
    }
  }
}

/// Columns are read by name, so another order misreads nothing; it tells of a change at the source.
void ColumnMap::tell_moved(const FileSpec& spec, std::vector<HeaderProblem>& problems) const {
  if (spec.on_finding.of(error_code::kColumnMoved) == RuleAction::kIgnore) return;
  std::size_t last = 0;
  for (std::size_t i = 0; i < columns_.size() && i < spec.columns.size(); ++i) {
    const std::size_t index = columns_[i].field_index;
    if (index < last) {
      problems.push_back({&error_code::kColumnMoved,
                          "the file spec lists this column behind one that follows here",
                          names_[index], index});
    }
    last = std::max(last, index);
  }
}

void ColumnMap::add_others(const FileSpec& spec, const std::vector<bool>& is_mapped,
                           std::vector<HeaderProblem>& problems) {
  if (spec.other_columns == OtherColumns::kIgnore) return;
  for (std::size_t index = 0; index < names_.size(); ++index) {
    const std::string& name = names_[index];
    if (is_mapped[index]) continue;
    if (spec.other_columns == OtherColumns::kRefuse || name.empty()) {
      problems.push_back({&error_code::kColumnUnexpected,
                          name.empty() ? "the header has a column without a name"
                                       : "the file spec does not list this column",
                          name, index});
      continue;
    }
    const bool is_taken =
        std::any_of(columns_.begin(), columns_.end(),
                    [&](const MappedColumn& column) { return column.value.spec().to == name; });
    if (is_taken) {
      problems.push_back({&error_code::kHeaderDuplicate,
                          "a column kept under its own name fills a payload key twice", name,
                          index});
      continue;
    }
    ColumnSpec kept;
    kept.name = name;
    kept.to = name;
    add(kept, index);
  }
}

void ColumnMap::mark_natural_key(const FileSpec& spec) {
  for (MappedColumn& column : columns_) {
    const auto part =
        std::find(spec.natural_key.begin(), spec.natural_key.end(), column.value.spec().to);
    if (part != spec.natural_key.end()) column.key_part = part - spec.natural_key.begin();
  }
}

}  // namespace waybill
