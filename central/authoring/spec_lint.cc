#include "central/authoring/spec_lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "central/authoring/pattern_overlap.h"
#include "central/authoring/personal_words.h"
#include "core/read/pattern.h"

namespace waybill::authoring {

namespace {

std::string place_of(std::size_t column, std::string_view key = "") {
  return fmt::format("columns[{}]{}{}", column, key.empty() ? "" : ".", key);
}

class Linter {
 public:
  explicit Linter(const FileSpec& spec) : spec_(spec) {}

  std::vector<Remark> remarks() {
    look_at_key();
    for (std::size_t i = 0; i < spec_.columns.size(); ++i) look_at_column(i);
    look_at_dialect();
    look_at_rules();
    return std::move(remarks_);
  }

 private:
  void advise(std::string place, std::string text) {
    remarks_.push_back({std::move(place), std::move(text), false});
  }

  void look_at_key() {
    if (spec_.natural_key.empty()) {
      return advise("natural_key",
                    "is empty: rows have no name, so a changed row cannot be told from a new one");
    }
    if (!spec_.natural_key_unique) {
      advise("natural_key_unique", "is false: two rows with one key are both staged");
    }
    for (std::size_t i = 0; i < spec_.columns.size(); ++i) {
      const ColumnSpec& column = spec_.columns[i];
      const bool is_key = std::find(spec_.natural_key.begin(), spec_.natural_key.end(),
                                    column.to) != spec_.natural_key.end();
      if (!is_key) continue;
      if (column.optional) {
        advise(place_of(i, "optional"), "a column of the natural key should always be there");
      }
      if (!column.required && spec_.natural_key.size() == 1) {
        advise(place_of(i, "required"), "is the natural key: without a value the row has no name");
      }
      const RuleAction missing = spec_.on_finding.of(error_code::kValueMissing);
      if (column.required && missing == RuleAction::kWarn) {
        advise("on_finding.value-missing", "warn lets rows without natural key through");
      }
    }
  }

  void look_at_column(std::size_t index) {
    const ColumnSpec& column = spec_.columns[index];
    for (const std::string& word : column.known_values) {
      const bool is_null = std::find(column.null_values.begin(), column.null_values.end(), word) !=
                           column.null_values.end();
      if (is_null) {
        advise(place_of(index, "known_values"),
               "has a word that null_values has too: it is read as null and never compared");
        break;
      }
    }
    if (!column.pattern.empty() && !column.known_values.empty()) {
      const Pattern pattern(column.pattern);
      const bool all_fit =
          std::all_of(column.known_values.begin(), column.known_values.end(),
                      [&](const std::string& word) { return pattern.matches(word); });
      advise(place_of(index, "pattern"), all_fit ? "says nothing that known_values does not say"
                                                 : "refuses a word that known_values lists");
    }
    if (column.unique && column.optional) {
      advise(place_of(index, "unique"), "is not looked at in files that lack the column");
    }
    look_at_moment(index);
    if (!column.personal_data && (tells_of_person(column.name) || tells_of_person(column.to))) {
      advise(place_of(index, "personal_data"), "is false, and the name tells of a person");
    }
    if (column.name == kPlaceholderName || column.to == kPlaceholderKey) {
      advise(place_of(index), "is still as spec init wrote it");
    }
  }

  void look_at_moment(std::size_t index) {
    const ColumnSpec& column = spec_.columns[index];
    if (column.type == ColumnType::kDate && column.date_format.find("%H") != std::string::npos) {
      advise(place_of(index, "date_format"),
             "has a time, which type date checks and leaves out; type timestamp keeps it");
    }
    if (column.type != ColumnType::kTimestamp) return;
    const std::string& zone = column.time_zone;
    if (!zone.empty() && zone.find('/') == std::string::npos && zone != "UTC") {
      advise(place_of(index, "time_zone"),
             "is no place like Europe/Paris: PostgreSQL takes a short name such as CET for a fixed "
             "offset, in summer too");
    }
    const bool is_in_key = std::find(spec_.natural_key.begin(), spec_.natural_key.end(),
                                     column.to) != spec_.natural_key.end();
    if (is_in_key && zone.empty()) {
      advise(place_of(index, "to"),
             "is part of the natural key: one moment written with two offsets makes two keys");
    }
  }

  void look_at_dialect() {
    if (spec_.format != FileFormat::kCsv) return;
    if (!spec_.dialect.quote && spec_.dialect.delimiter != '\t') {
      advise("quote", "is null: a value that holds the delimiter breaks its row");
    }
    if (spec_.dialect.quote && spec_.dialect.quote_rule == QuoteRule::kLenient) {
      advise("quotes", "is lenient: a quote that is lost may join two fields unnoticed");
    }
    if (!spec_.header && spec_.other_columns == OtherColumns::kIgnore) {
      advise("other_columns",
             "is ignore without a header: a column put in between shifts all others unnoticed");
    }
  }

  void look_at_rules() {
    const bool splits = spec_.split_rows > 0 || spec_.split_bytes > 0;
    const bool has_unique = std::any_of(spec_.columns.begin(), spec_.columns.end(),
                                        [](const ColumnSpec& column) { return column.unique; });
    if (splits && has_unique) {
      advise("split_rows",
             "unique columns are compared over the whole file at the agent, within each part at "
             "central");
    }
    const bool sets_aside = std::any_of(rules().begin(), rules().end(), [&](const Rule& rule) {
      return spec_.on_finding.of(*rule.code) == RuleAction::kQuarantineRow;
    });
    if (sets_aside && spec_.row_count.min == 0) {
      advise("row_count.min", "rows may be set aside, and nothing says how few are too few");
    }
  }

  const FileSpec& spec_;
  std::vector<Remark> remarks_;
};

/// Is a file of the spec refused unless rows of the entity, another than its own, are staged?
bool needs(const FileSpec& spec, const std::string& entity) {
  if (spec.entity == entity) return false;
  if (spec.on_finding.of(error_code::kReferenceUnknown) != RuleAction::kRefuseFile) return false;
  return std::any_of(spec.references.begin(), spec.references.end(),
                     [&](const Reference& reference) { return reference.entity == entity; });
}

}  // namespace

std::vector<Remark> lint(const FileSpec& spec) { return Linter(spec).remarks(); }

std::vector<Remark> lint_name(const FileSpec& spec, const std::filesystem::path& path) {
  if (path.stem().string() == spec.file_tag.value) return {};
  return {{"file_tag", "is not the name of its file; agency put takes the spec from " +
                           spec.file_tag.value + ".json alone"}};
}

std::vector<Remark> lint_together(const std::vector<FileSpec>& specs) {
  std::vector<Remark> remarks;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    for (std::size_t j = i + 1; j < specs.size(); ++j) {
      const FileSpec& one = specs[i];
      const FileSpec& other = specs[j];
      if (one.file_tag.value == other.file_tag.value) {
        remarks.push_back({"file_tag",
                           fmt::format("{} is the tag of two specs; one of them would replace the "
                                       "other",
                                       one.file_tag.value),
                           true});
      }
      if (needs(one, other.entity) && needs(other, one.entity)) {
        remarks.push_back(
            {"references", fmt::format("of {} and of {} each refuse a file before the other's rows "
                                       "are staged: neither can be the first",
                                       one.file_tag.value, other.file_tag.value)});
      }
      if (!have_common_name(one.file_name, other.file_name)) continue;
      remarks.push_back(
          {"file_name", fmt::format("of {} and of {} can take the same name: a file that both "
                                    "take is left alone",
                                    one.file_tag.value, other.file_tag.value)});
    }
  }
  return remarks;
}

}  // namespace waybill::authoring
