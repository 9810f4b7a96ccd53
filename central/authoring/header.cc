#include "central/authoring/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "central/authoring/column_profile.h"
#include "core/ascii.h"
#include "core/read/column_map.h"

namespace waybill::authoring {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// Fields up to the last that is not blank.
std::size_t count_to_last(const Fields& fields) {
  std::size_t count = fields.size();
  while (count > 0 && trim_ascii_blanks(fields[count - 1]).empty()) --count;
  return count;
}

std::size_t count_filled(const Fields& fields) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [](const std::string& field) { return !trim_ascii_blanks(field).empty(); }));
}

/// Spreadsheets write "sep=;" ahead of everything.
bool is_separator_line(const Fields& fields) {
  std::string start = fields.front().substr(0, 4);
  std::transform(start.begin(), start.end(), start.begin(), to_ascii_lower);
  return start == "sep=" && count_filled(fields) == 1;
}

/// Letters as a, digits as 9: "D3318" and "D1066" are of one form.
std::string form_of(std::string_view text) {
  std::string form(text);
  for (char& c : form) {
    if (is_ascii_digit(c)) {
      c = '9';
    } else if (is_ascii_lower(to_ascii_lower(c))) {
      c = 'a';
    }
  }
  return form;
}

/// Does a field with digits have the form that the next record has there? Then it is data.
bool is_like_next(const Fields& first, const Fields& second) {
  if (first.size() != second.size()) return false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool has_digit = std::any_of(first[i].begin(), first[i].end(), is_ascii_digit);
    if (has_digit && form_of(first[i]) == form_of(second[i])) return true;
  }
  return false;
}

/// What keeps a record from naming its columns.
struct NameFaults {
  std::string unlike;  ///< a field is no name: "field 2 is a number or a date"; "" when all can be
  std::string faulty;  ///< a name is absent or repeated: "field 2 has no name"
  bool can_be_listed = true;  ///< a file spec can list columns by these names
};

/// `named`: fields up to the last one with a name.
NameFaults find_faults(const Fields& fields, std::size_t named) {
  NameFaults faults;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < named; ++i) {
    const std::string_view name = trim_ascii_blanks(fields[i]);
    const bool is_new = names.insert(name).second;
    if (name.empty() || !is_new) {
      faults.can_be_listed = false;
      if (!faults.faulty.empty()) continue;
      faults.faulty =
          fmt::format("field {} has {}", i + 1, name.empty() ? "no name" : "the name of another");
      continue;
    }
    ColumnProfile profile("");
    profile.add(name);
    std::string_view unlike;
    if (!is_column_name(name)) {
      unlike = "longer than 255 bytes, or holds control characters";
      faults.can_be_listed = false;
    } else if (is_null_word(name)) {
      unlike = "a word for null";
    } else if (profile.is_typed()) {  // but a column may be called "No", a boolean's word
      unlike = "a number or a date";
    } else if (name.find('@') != std::string_view::npos) {
      unlike = "an address";
    }
    if (unlike.empty() || !faults.unlike.empty()) continue;
    faults.unlike = fmt::format("field {} is {}", i + 1, unlike);
  }
  return faults;
}

class HeaderFinder {
 public:
  HeaderFinder(const std::vector<Fields>& records, std::size_t field_count)
      : records_(records), field_count_(field_count) {
    for (std::size_t i = 0; i < field_count; ++i) profiles_.emplace_back("");
  }

  Header find() {
    if (records_.empty()) return {};
    const std::size_t at = skip_titles();
    Header header = judge(at);
    header.records_above = at;
    if (at == 0) return header;
    const std::string below = std::exchange(header.undecided, "");
    header.undecided = fmt::format(
        "{} no row and no header, but a title, a blank record or the like; nothing may stand above "
        "the header, so have the export leave it out{}{}",
        at == 1 ? "the first record is" : fmt::format("the first {} records are", at),
        below.empty() ? "" : ". Below it, ", below);
    return header;
  }

 private:
  /// The first record that is the header or a row; profiles_ then hold what stands below it.
  std::size_t skip_titles() {
    std::size_t first = 0;
    const std::size_t first_max = std::min(kTitleRecordsMax, records_.size() - 1);
    while (first < first_max && is_title(first)) ++first;

    const std::size_t sure = std::min(first + kTitleRecordsMax, records_.size() - 1);
    for (std::size_t i = records_.size(); i-- > std::max(sure, first + 1);) add(records_[i]);
    for (std::size_t i = sure; i-- > first + 1;) {
      if (is_foreign(records_[i]) && are_no_rows(first, i)) return i;
      add(records_[i]);
    }
    return first;
  }

  /// Blank, for a spreadsheet, or one field where every record below has more.
  [[nodiscard]] bool is_title(std::size_t at) const {
    const Fields& fields = records_[at];
    const std::size_t filled = count_filled(fields);
    if (filled == 0 || is_separator_line(fields)) return true;
    // Of two fields one may well be empty in a row; without a delimiter it is none.
    const bool may_be = filled == 1 && field_count_ > (fields.size() < field_count_ ? 1U : 2U);
    return may_be && std::all_of(records_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                 records_.end(), [](const Fields& below) {
                                   const std::size_t count = count_filled(below);
                                   return count == 0 || count > 1;
                                 });
  }

  void add(const Fields& fields) {
    if (fields.size() != field_count_) return;
    for (std::size_t i = 0; i < fields.size(); ++i) profiles_[i].add(fields[i]);
  }

  /// The first column whose type the record breaks, or kNone.
  std::size_t broken_column(const Fields& fields) {
    for (std::size_t i = 0; i < std::min(fields.size(), field_count_); ++i) {
      if (profiles_[i].fit_of(fields[i]) == Fit::kBreaks) return i;
    }
    return kNone;
  }

  /// Breaks a type and fits none: a title or another header. A damaged row fits some.
  bool is_foreign(const Fields& fields) {
    for (std::size_t i = 0; i < std::min(fields.size(), field_count_); ++i) {
      if (profiles_[i].fit_of(fields[i]) == Fit::kFits) return false;
    }
    return broken_column(fields) != kNone;
  }

  bool are_no_rows(std::size_t from, std::size_t to) {
    return std::all_of(
        records_.begin() + static_cast<std::ptrdiff_t>(from),
        records_.begin() + static_cast<std::ptrdiff_t>(to),
        [&](const Fields& fields) { return count_filled(fields) == 0 || is_foreign(fields); });
  }

  Header judge(std::size_t at) {
    const Fields& fields = records_[at];
    const Fields* const next = at + 1 < records_.size() ? &records_[at + 1] : nullptr;
    const std::size_t broken = broken_column(fields);
    std::size_t named = count_to_last(fields);
    // Spreadsheets leave delimiters behind the last column; there the rows are empty, too.
    if (broken == kNone && next != nullptr && count_to_last(*next) > named) named = fields.size();
    const NameFaults faults = find_faults(fields, named);
    const bool is_like_data = next != nullptr && is_like_next(fields, *next);

    const std::string it = at == 0 ? "the first record" : fmt::format("record {}", at + 1);
    Header header;
    if (faults.unlike.empty() && faults.faulty.empty() && !is_like_data && named > 0) {
      header.is_there = true;
      header.why = it + ": its fields differ, and none is a number or date";
    } else if (broken == kNone) {
      header.why = "none: a field of " + it + " is empty, repeated, typed or like the next one";
    } else if (faults.unlike.empty() && !is_like_data) {
      header.is_there = true;
      header.why = fmt::format("{}: it breaks the type of column {}", it, broken + 1);
      header.undecided = fmt::format("{} is the header, but {}; have the export name each column",
                                     it, faults.faulty);
    } else {
      header.is_there = faults.can_be_listed;
      header.why = (header.is_there ? "perhaps " : "none, perhaps ") + it;
      header.undecided = fmt::format(
          "{} breaks the type that the rows below have in column {}, but {}: is it the header, or "
          "a damaged row?",
          it, broken + 1, faults.unlike.empty() ? "looks like the next one" : faults.unlike);
    }
    name_columns(fields, named, header);
    return header;
  }

  /// The names as they stand; of equal ones the first.
  void name_columns(const Fields& fields, std::size_t named, Header& header) const {
    const std::size_t count = header.is_there ? fields.size() : field_count_;
    header.named_count = header.is_there ? named : count;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < count; ++i) {
      std::string name = header.is_there ? std::string(trim_ascii_blanks(fields[i]))
                                         : fmt::format("Column {}", i + 1);
      if (!seen.insert(name).second) name.clear();
      header.names.push_back(std::move(name));
    }
  }

  const std::vector<Fields>& records_;
  std::size_t field_count_;
  std::vector<ColumnProfile> profiles_;
};

}  // namespace

Header find_header(const std::vector<Fields>& records, std::size_t field_count) {
  return HeaderFinder(records, field_count).find();
}

}  // namespace waybill::authoring
