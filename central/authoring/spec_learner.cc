#include "central/authoring/spec_learner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "central/authoring/column_profile.h"
#include "central/authoring/file_name_pattern.h"
#include "central/authoring/sample.h"
#include "core/ascii.h"
#include "core/column_spec.h"
#include "core/error.h"
#include "core/preflight/preflight.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::int64_t kKeyRowsMin = 10;

[[noreturn]] void refuse(const std::string& cause) {
  throw Error(error_code::kSpecInvalid, "learn", "samples", cause);
}

/// Fields up to the last that is not blank.
std::size_t count_filled(const std::vector<std::string>& fields) {
  std::size_t count = fields.size();
  while (count > 0 && trim_ascii_blanks(fields[count - 1]).empty()) --count;
  return count;
}

/// Does a first record name its columns? Names are there, differ, and are no numbers or dates.
bool looks_like_header(const std::vector<std::string>& fields, std::size_t named) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < named; ++i) {
    const std::string name(trim_ascii_blanks(fields[i]));
    if (name.empty() || name.size() > 255 || is_null_word(name) || !names.insert(name).second) {
      return false;
    }
    ColumnProfile profile("");
    profile.add(name);
    if (profile.is_typed()) return false;  // but a column may be called "No", a boolean's word
  }
  return named > 0;
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
bool is_like_next(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  if (first.size() != second.size()) return false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool has_digit = std::any_of(first[i].begin(), first[i].end(), is_ascii_digit);
    if (has_digit && form_of(first[i]) == form_of(second[i])) return true;
  }
  return false;
}

/// All samples of one spec, read once each.
class Learner {
 public:
  Learner(FileSystem& files, const std::vector<fs::path>& samples, const LearnOptions& options)
      : files_(files), samples_(samples), options_(options) {}

  Learned learn() {
    if (samples_.empty()) refuse("no sample was named");
    evidence_["files"] = samples_.size();
    shape_ = find_shape(read_head(files_, samples_.front()), evidence_);
    if (shape_.is_json_lines) {
      for (const fs::path& path : samples_) profile_json_lines(path);
    } else {
      for (const fs::path& path : samples_) profile_csv(path);
    }
    if (profiles_.empty()) refuse("the samples hold no record");
    Json spec = make_spec();
    evidence_["columns"] = Json::array();
    for (std::size_t i = 0; i < named_count(); ++i) {
      evidence_["columns"].push_back(profiles_[i].evidence());
    }
    if (unnamed_ > 0) {
      evidence_["unnamed_columns"] = std::to_string(unnamed_) +
                                     " at the end have no name and no value in the first row; "
                                     "they are left out (other_columns)";
    }
    try_out(spec);
    return {std::move(spec), std::move(evidence_)};
  }

 private:
  void profile_csv(const fs::path& path) {
    if (profiles_.empty()) begin_columns(first_two(path));
    bool is_first = true;
    read_records(files_, path, shape_, [&](const std::vector<std::string>& fields) {
      const bool is_header = std::exchange(is_first, false) && has_header_;
      if (is_header) {
        check_header(path, fields);
      } else if (fields.size() != profiles_.size()) {
        ++ragged_;
      } else {
        for (std::size_t i = 0; i < fields.size(); ++i) profiles_[i].add(fields[i]);
        note_pair(fields);
        ++rows_;
      }
      return true;
    });
  }

  std::vector<std::vector<std::string>> first_two(const fs::path& path) {
    std::vector<std::vector<std::string>> records;
    read_records(files_, path, shape_, [&](const std::vector<std::string>& fields) {
      records.push_back(fields);
      return records.size() < 2;
    });
    return records;
  }

  void begin_columns(const std::vector<std::vector<std::string>>& records) {
    if (records.empty()) return;
    const std::vector<std::string>& fields = records.front();
    const bool is_data = records.size() > 1 && is_like_next(fields, records[1]);
    // Spreadsheets leave delimiters behind the last column; there the rows are empty, too.
    std::size_t named = count_filled(fields);
    if (records.size() > 1 && count_filled(records[1]) > named) named = fields.size();
    has_header_ = !is_data && looks_like_header(fields, named);
    if (has_header_ && named < fields.size()) unnamed_ = fields.size() - named;
    evidence_["header"] =
        has_header_
            ? "the first record: its fields differ, and none is a number or date"
            : "none: a field of the first record is empty, repeated, typed or like the next one";
    for (std::size_t i = 0; i < fields.size(); ++i) {
      profiles_.emplace_back(has_header_ ? std::string(trim_ascii_blanks(fields[i]))
                                         : "Column " + std::to_string(i + 1),
                             options_.time_zone);
    }
  }

  void check_header(const fs::path& path, const std::vector<std::string>& fields) const {
    const bool is_same = fields.size() == profiles_.size() &&
                         std::equal(fields.begin(), fields.end(), profiles_.begin(),
                                    [](const std::string& field, const ColumnProfile& profile) {
                                      return trim_ascii_blanks(field) == profile.name();
                                    });
    if (!is_same) refuse(path.filename().string() + " has another header than the first sample");
  }

  void profile_json_lines(const fs::path& path) {
    Shape lines;
    lines.dialect = {'\0', std::nullopt, QuoteRule::kStrict};
    has_header_ = false;
    read_records(files_, path, lines, [&](const std::vector<std::string>& fields) {
      const Json object = Json::parse(fields[0], nullptr, /*allow_exceptions=*/false);
      object.is_object() ? profile_object(object) : static_cast<void>(++ragged_);
      return true;
    });
  }

  void profile_object(const Json& object) {
    ++rows_;
    for (const auto& [key, value] : object.items()) {
      const std::string text = value.is_null()     ? ""
                               : value.is_string() ? value.get<std::string>()
                                                   : value.dump();
      profile_of(key).add(text, value.is_number() ? ValueSource::kJsonNumber : ValueSource::kText);
    }
  }

  ColumnProfile& profile_of(const std::string& key) {
    const auto found =
        std::find_if(profiles_.begin(), profiles_.end(),
                     [&](const ColumnProfile& profile) { return profile.name() == key; });
    return found != profiles_.end() ? *found : profiles_.emplace_back(key, options_.time_zone);
  }

  /// Two columns together may be the key where none is alone: the first and each other.
  void note_pair(const std::vector<std::string>& fields) {
    pairs_.resize(fields.size());
    for (std::size_t i = 1; i < fields.size(); ++i) {
      if (pairs_[i].size() > ColumnProfile::kDistinctMax) continue;
      pairs_[i].insert(std::hash<std::string>{}(fields[0] + kNaturalKeySeparator + fields[i]));
    }
  }

  [[nodiscard]] std::size_t named_count() const { return profiles_.size() - unnamed_; }

  Json natural_key(const Json& columns) {
    Json key = Json::array();
    if (rows_ < kKeyRowsMin) return key;
    for (std::size_t i = 0; i < named_count(); ++i) {
      if (!profiles_[i].is_unique() || profiles_[i].filled() != rows_) continue;
      evidence_["natural_key"] = "one column: filled in every row, and no value comes twice";
      key.push_back(columns[i]["to"]);
      return key;
    }
    for (std::size_t i = 1; i < std::min(pairs_.size(), named_count()); ++i) {
      const bool is_key = static_cast<std::int64_t>(pairs_[i].size()) == rows_ &&
                          profiles_[0].filled() == rows_ && profiles_[i].filled() == rows_;
      if (!is_key) continue;
      evidence_["natural_key"] = "two columns: filled in every row, and no pair comes twice";
      key.push_back(columns[0]["to"]);
      key.push_back(columns[i]["to"]);
      return key;
    }
    evidence_["natural_key"] = "none was found among single columns and pairs with the first";
    return key;
  }

  Json make_columns() {
    Json columns = Json::array();
    std::set<std::string> keys;
    for (std::size_t i = 0; i < named_count(); ++i) {
      const ColumnProfile& profile = profiles_[i];
      Json column = profile.proposal(options_.with_known_values);
      const std::string number = std::to_string(columns.size() + 1);
      std::string key = payload_key_of(profile.name());
      if (key.empty()) key = "column_" + number;
      if (!keys.insert(key).second) keys.insert(key += "_" + number);
      column["to"] = key;
      // A key that lines leave out is null there.
      if (shape_.is_json_lines && profile.filled() != rows_) column.erase("required");
      columns.push_back(std::move(column));
    }
    return columns;
  }

  Json make_spec() {
    std::vector<std::string> names;
    for (const fs::path& path : samples_) names.push_back(path.filename().string());
    Json spec = {{"file_tag", options_.file_tag},
                 {"entity", options_.entity},
                 {"description", "Proposed from samples; look it over."},
                 {"file_name", file_name_pattern(names)}};
    spec["format"] = shape_.is_json_lines ? "jsonl" : "csv";
    spec["encoding"] = to_string(shape_.encoding);
    if (!shape_.is_json_lines) {
      spec["delimiter"] = std::string(1, shape_.dialect.delimiter);
      spec["quote"] = nullptr;
      if (shape_.dialect.quote) {
        spec["quote"] = std::string(1, *shape_.dialect.quote);
        spec["quotes"] = shape_.dialect.quote_rule == QuoteRule::kStrict ? "strict" : "lenient";
      }
      spec["header"] = has_header_;
    }
    spec["columns"] = make_columns();
    if (unnamed_ > 0) spec["other_columns"] = "ignore";
    spec["natural_key"] = natural_key(spec["columns"]);
    spec["natural_key_unique"] = !spec["natural_key"].empty();
    return spec;
  }

  /// The proposal reads its own samples.
  void try_out(const Json& proposed) {
    const FileSpec spec = parse_file_spec_text(proposed.dump());
    Json trial = Json::array();
    for (const fs::path& path : samples_) {
      const auto file = files_.open(path.parent_path(), path.filename().string());
      if (!file) refuse(path.filename().string() + " vanished meanwhile");
      Preflight preflight(spec);
      std::string block(kBlockBytes, '\0');
      while (const std::size_t count = file->read(block.data(), block.size())) {
        preflight.feed({block.data(), count});
      }
      const PreflightResult result = preflight.finish();
      Json one = {{"file", path.filename().string()},
                  {"outcome", result.is_accepted() ? "accepted" : "refused"},
                  {"rows", result.summary.rows},
                  {"findings", result.summary.findings_count}};
      if (result.summary.refusal) {
        one["first_finding"] = nlohmann::json(to_json(*result.summary.refusal));
      }
      trial.push_back(std::move(one));
    }
    evidence_["rows"] = rows_;
    if (ragged_ > 0) evidence_["records_of_another_shape"] = ragged_;
    evidence_["trial"] = std::move(trial);
  }

  FileSystem& files_;
  const std::vector<fs::path>& samples_;
  const LearnOptions& options_;
  Shape shape_;
  bool has_header_ = false;
  std::size_t unnamed_ = 0;  ///< columns behind the last one with a name
  std::vector<ColumnProfile> profiles_;
  std::vector<std::unordered_set<std::size_t>> pairs_;
  std::int64_t rows_ = 0;
  std::int64_t ragged_ = 0;
  Json evidence_;
};

}  // namespace

Learned learn_spec(FileSystem& files, const std::vector<fs::path>& samples,
                   const LearnOptions& options) {
  return Learner(files, samples, options).learn();
}

}  // namespace waybill::authoring
