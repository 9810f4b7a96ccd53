#include "core/read/column_map.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/ascii.h"
#include "core/error_code.h"

namespace waybill {

namespace {

/// As many bytes as the names of a file spec may have.
constexpr std::size_t kColumnNameBytesMax = 255;
/// Known names that make a header of a record that holds others, too.
constexpr std::size_t kKnownNamesMin = 2;

bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20U || byte == 0x7FU) return true;
  // U+0080 to U+009F
  return byte == 0xC2U && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0U;
}

/// Does a record name columns? One known name among others may be a value that reads like it; names
/// in other letters, small or capital, are names all the same.
bool names_columns(const FileSpec& spec, const std::vector<std::string>& names,
                   const std::vector<bool>& is_mapped) {
  const auto known = std::count(is_mapped.begin(), is_mapped.end(), true);
  if (known == std::ssize(names) && known > 0) return true;
  const auto is_there = [&](const ColumnSpec& column) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return equal_ignoring_case(name, trim_ascii_blanks(column.name));
    });
  };
  const auto alike = std::count_if(spec.columns.begin(), spec.columns.end(), is_there);
  const auto needed = std::min(kKnownNamesMin, spec.columns.size());
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(known, alike)) >= needed;
}

}  // namespace

bool is_column_name(std::string_view text) {
  if (text.empty() || text.size() > kColumnNameBytesMax) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text, i)) return false;
  }
  return true;
}

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
  const std::vector<bool> is_hidden = map.hide_odd_names();
  std::vector<bool> is_mapped(map.names_.size(), false);
  map.add_listed(spec, is_mapped, problems);
  if (!names_columns(spec, map.names_, is_mapped)) {
    // Most likely the first record is data. Its fields are values, so none of them may be named.
    problems.clear();
    problems.push_back({&error_code::kHeaderMissing,
                        map.columns_.empty()
                            ? "the first record holds none of the column names of the file spec"
                            : "the first record holds one column name of the file spec alone",
                        "", CsvProblem::kNoField});
    return map;
  }
  map.add_others(spec, is_mapped, is_hidden, problems);
  map.tell_moved(spec, problems);
  map.mark_natural_key(spec);
  return map;
}

std::vector<bool> ColumnMap::hide_odd_names() {
  std::vector<bool> is_hidden(names_.size(), false);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    // Line ends count where they stand, trimmed or not: they are a lost quote's.
    const bool has_line_end = names_[i].find_first_of("\r\n") != std::string::npos;
    names_[i] = std::string(trim_ascii_blanks(names_[i]));
    if (!has_line_end && is_column_name(names_[i])) continue;
    is_hidden[i] = !names_[i].empty();
    names_[i].clear();
  }
  return is_hidden;
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
                           const std::vector<bool>& is_hidden,
                           std::vector<HeaderProblem>& problems) {
  if (spec.other_columns == OtherColumns::kIgnore) return;
  for (std::size_t index = 0; index < names_.size(); ++index) {
    if (is_mapped[index]) continue;
    const std::string& name = names_[index];
    if (spec.other_columns == OtherColumns::kKeep && !name.empty()) {
      keep_other(index, problems);
      continue;
    }
    const char* const message =
        is_hidden[index] ? "the header has a field that is too long for a name, or holds line ends "
                           "or control characters; a quote may be lost"
        : name.empty()   ? "the header has a column without a name"
                         : "the file spec does not list this column";
    problems.push_back({&error_code::kColumnUnexpected, message, name, index});
  }
}

void ColumnMap::keep_other(std::size_t index, std::vector<HeaderProblem>& problems) {
  ColumnSpec kept;
  kept.name = kept.to = names_[index];
  const bool is_taken =
      std::any_of(columns_.begin(), columns_.end(),
                  [&](const MappedColumn& column) { return column.value.spec().to == kept.to; });
  if (!is_taken) return add(kept, index);
  problems.push_back({&error_code::kHeaderDuplicate,
                      "a column kept under its own name fills a payload key twice", kept.name,
                      index});
}

void ColumnMap::mark_natural_key(const FileSpec& spec) {
  for (MappedColumn& column : columns_) {
    const auto part =
        std::find(spec.natural_key.begin(), spec.natural_key.end(), column.value.spec().to);
    if (part != spec.natural_key.end()) column.key_part = part - spec.natural_key.begin();
  }
}

}  // namespace waybill
