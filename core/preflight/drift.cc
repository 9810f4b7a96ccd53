#include "core/preflight/drift.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/ascii.h"

namespace waybill {

namespace {

using nlohmann::json;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::array<std::string_view, 4> kKinds = {"added", "dropped", "renamed", "moved"};

/// Letters and digits alone, in lower case: "Unit_Price" and "unit price" are one name to people.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const char lower = to_ascii_lower(c);
    const bool is_kept =
        is_ascii_lower(lower) || is_ascii_digit(lower) || static_cast<unsigned char>(c) >= 0x80;
    if (is_kept) plain += lower;
  }
  return plain;
}

/// Which columns of the spec stand where in the file.
class Matching {
 public:
  Matching(const FileSpec& spec, const std::vector<std::string>& names)
      : spec_(spec), names_(names), column_of_(names.size(), kNone) {
    place_of_.resize(spec.columns.size(), kNone);
    for (std::size_t i = 0; i < spec.columns.size(); ++i) {
      const ColumnSpec& column = spec.columns[i];
      if (match(i, column.name)) continue;
      for (const std::string& name : column.renamed_from) {
        if (!match(i, name)) continue;
        changes_.push_back({ChangeKind::kRenamed, name, column.name, true, place(i), number(i)});
        break;
      }
    }
  }

  [[nodiscard]] std::vector<ColumnChange> changes() {
    const bool is_header = std::any_of(column_of_.begin(), column_of_.end(),
                                       [](std::size_t column) { return column != kNone; });
    if (!is_header) return {};
    guess_renamed();
    find_moved();
    std::vector<ColumnChange> all;
    for (std::size_t i = 0; i < place_of_.size(); ++i) {
      if (place_of_[i] == kNone && !spec_.columns[i].optional) {
        all.push_back({ChangeKind::kDropped, spec_.columns[i].name, "", true, 0, number(i)});
      }
    }
    for (std::size_t at = 0; at < names_.size(); ++at) {
      if (column_of_[at] != kNone || spec_.other_columns != OtherColumns::kRefuse) continue;
      // Without a name, or there twice: findings of their own, and nothing to propose.
      if (names_[at].empty() || is_name_of_another(at)) continue;
      changes_.push_back({ChangeKind::kAdded, names_[at], "", true, number(at), 0});
    }
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const auto& a, const auto& b) { return a.place < b.place; });
    all.insert(all.end(), changes_.begin(), changes_.end());
    return all;
  }

 private:
  static std::int32_t number(std::size_t index) { return static_cast<std::int32_t>(index + 1); }
  [[nodiscard]] std::int32_t place(std::size_t column) const { return number(place_of_[column]); }

  [[nodiscard]] bool is_name_of_another(std::size_t at) const {
    return std::any_of(place_of_.begin(), place_of_.end(), [&](std::size_t place) {
      return place != kNone && place != at && names_[place] == names_[at];
    });
  }

  bool match(std::size_t column, std::string_view name) {
    for (std::size_t at = 0; at < names_.size(); ++at) {
      if (column_of_[at] != kNone || trim_ascii_blanks(names_[at]) != trim_ascii_blanks(name)) {
        continue;
      }
      column_of_[at] = column;
      place_of_[column] = at;
      return true;
    }
    return false;
  }

  /// A column that is gone and one that is new are one when people would read one name, or when
  /// the new one stands between the same neighbours.
  void guess_renamed() {
    for (std::size_t i = 0; i < place_of_.size(); ++i) {
      if (place_of_[i] != kNone) continue;
      std::size_t found = kNone;
      for (std::size_t at = 0; at < names_.size() && found == kNone; ++at) {
        if (column_of_[at] == kNone &&
            plain_name(names_[at]) == plain_name(spec_.columns[i].name)) {
          found = at;
        }
      }
      if (found == kNone) found = place_between_neighbours(i);
      if (found == kNone) continue;
      column_of_[found] = i;
      place_of_[i] = found;
      changes_.push_back(
          {ChangeKind::kRenamed, names_[found], spec_.columns[i].name, false, place(i), number(i)});
    }
  }

  [[nodiscard]] std::size_t place_between_neighbours(std::size_t column) const {
    const std::size_t before = column == 0 ? kNone : place_of_[column - 1];
    const bool is_last = column + 1 == place_of_.size();
    const std::size_t after = is_last ? kNone : place_of_[column + 1];
    const bool has_before = column == 0 || before != kNone;
    const std::size_t at = column == 0 ? 0 : before + 1;
    if (!has_before || at >= names_.size() || column_of_[at] != kNone) return kNone;
    const bool fits_after = is_last ? at + 1 == names_.size() : after == at + 1;
    return fits_after ? at : kNone;
  }

  /// The fewest columns that were moved: those outside the longest run that kept its order.
  void find_moved() {
    std::vector<std::size_t> order;  // columns of the spec, in the order of the file
    for (const std::size_t column : column_of_) {
      if (column != kNone) order.push_back(column);
    }
    std::vector<std::size_t> length(order.size(), 1);
    std::vector<std::size_t> before(order.size(), kNone);
    std::size_t last = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (order[j] > order[i] || length[j] + 1 < length[i]) continue;
        length[i] = length[j] + 1;
        before[i] = j;
      }
      if (length[i] > length[last]) last = i;
    }
    std::vector<bool> stays(order.size(), false);
    for (std::size_t i = order.empty() ? kNone : last; i != kNone; i = before[i]) stays[i] = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (stays[i]) continue;
      const std::size_t column = order[i];
      changes_.push_back({ChangeKind::kMoved, names_[place_of_[column]], spec_.columns[column].name,
                          true, place(column), number(column)});
    }
  }

  const FileSpec& spec_;
  const std::vector<std::string>& names_;
  std::vector<std::size_t> column_of_;  ///< of each name; kNone: of no column
  std::vector<std::size_t> place_of_;   ///< of each column; kNone: not in the file
  std::vector<ColumnChange> changes_;
};

json proposal_of(const ColumnChange& change, const FileSpec& spec) {
  switch (change.kind) {
    case ChangeKind::kAdded: {
      const std::string place = std::to_string(change.place);
      std::string to = payload_key_of(change.name);
      if (to.empty()) to = "column_" + place;
      const auto is_taken = [&](const ColumnSpec& column) { return column.to == to; };
      if (std::any_of(spec.columns.begin(), spec.columns.end(), is_taken)) to += "_" + place;
      return {{"name", change.name}, {"to", to}};
    }
    case ChangeKind::kDropped:
    case ChangeKind::kRenamed:
      break;
    case ChangeKind::kMoved:
      return nullptr;  // columns go by name
  }
  json column = to_json(spec.columns[static_cast<std::size_t>(change.spec_place - 1)]);
  if (change.kind == ChangeKind::kDropped) {
    column["optional"] = true;
  } else {
    std::vector<std::string> names = column.value("renamed_from", std::vector<std::string>());
    std::erase(names, change.name);
    names.push_back(change.spec_name);
    column["renamed_from"] = names;
    column["name"] = change.name;
  }
  return column;
}

}  // namespace

std::string_view to_string(ChangeKind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

std::vector<ColumnChange> find_drift(const FileSpec& spec, const std::vector<std::string>& names) {
  return Matching(spec, names).changes();
}

json to_json(const ColumnChange& change, const FileSpec& spec) {
  json value = {{"change", to_string(change.kind)}, {"column", change.name}};
  if (change.kind == ChangeKind::kRenamed) {
    value["spec_column"] = change.spec_name;
    value["certain"] = change.is_certain;
  }
  if (change.place > 0) value["place"] = change.place;
  if (change.spec_place > 0) value["spec_place"] = change.spec_place;
  const json proposal = proposal_of(change, spec);
  if (!proposal.is_null()) value["proposal"] = proposal;
  return value;
}

}  // namespace waybill
