#include "central/authoring/spec_learner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "central/authoring/column_profile.h"
#include "central/authoring/file_name_pattern.h"
#include "central/authoring/header.h"
#include "central/authoring/key_finder.h"
#include "central/authoring/personal_words.h"
#include "central/authoring/sample.h"
#include "core/ascii.h"
#include "core/column_spec.h"
#include "core/count_of.h"
#include "core/error.h"
#include "core/preflight/preflight.h"
#include "core/read/json_scan.h"
#include "core/utf8.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

[[noreturn]] void refuse(const std::string& cause) {
  throw Error(error_code::kSpecInvalid, "learn", "samples", cause);
}

/// For JSON, which is UTF-8, and for messages.
std::string name_of(const fs::path& path) { return replace_invalid_utf8(path.filename().string()); }

/// All samples of one spec, read once each.
class Learner {
 public:
  Learner(FileSystem& files, const std::vector<fs::path>& samples, const LearnOptions& options)
      : files_(files), samples_(samples), options_(options) {}

  Learned learn() {
    if (samples_.empty()) refuse("no sample was named");
    evidence_["files"] = samples_.size();
    shape_ = find_shape(read_head(files_, samples_.front()), evidence_);
    if (evidence_.contains("undecided")) {
      undecided_ = std::move(evidence_["undecided"]);
      evidence_.erase("undecided");
    }
    for (const fs::path& path : samples_) {
      for (ColumnProfile& profile : profiles_) profile.begin_sample();
      key_finder_.begin_sample();
      shape_.is_json_lines ? profile_json_lines(path) : profile_csv(path);
    }
    if (profiles_.empty()) refuse("the samples hold no record");
    Json spec = make_spec();
    evidence_["columns"] = Json::array();
    for (std::size_t i = 0; i < named_count(); ++i) {
      evidence_["columns"].push_back(profiles_[i].evidence());
    }
    try_out(spec);
    if (!undecided_.empty()) evidence_["undecided"] = std::move(undecided_);  // last, to be seen
    return {std::move(spec), std::move(evidence_)};
  }

 private:
  void profile_csv(const fs::path& path) {
    if (profiles_.empty()) begin_columns(path);
    std::size_t place = 0;
    read_records(files_, path, shape_, [&](const Fields& fields) {
      const std::size_t at = place++;
      if (at < header_.records_above) return true;
      if (at == header_.records_above && header_.is_there) {
        check_header(path, fields);
      } else if (fields.size() != profiles_.size()) {
        ++ragged_;
      } else {
        for (std::size_t i = 0; i < fields.size(); ++i) profiles_[i].add(fields[i]);
        key_finder_.add_pairs(fields);
        count_row();
      }
      return true;
    });
  }

  void count_row() {
    ++rows_;
    key_finder_.add_row();
  }

  void begin_columns(const fs::path& path) {
    std::vector<Fields> records;
    read_records(files_, path, shape_, [&](const Fields& fields) {
      records.push_back(fields);
      return records.size() < kHeaderRecordsMax;
    });
    if (records.empty()) return;
    header_ = find_header(records, shape_.field_count);
    evidence_["header"] = header_.why;
    if (!header_.undecided.empty()) undecided_["header"] = header_.undecided;
    for (std::size_t i = 0; i < header_.names.size(); ++i) {
      const std::string& name = header_.names[i];
      profiles_.emplace_back(name.empty() ? "Column " + std::to_string(i + 1) : name,
                             options_.time_zone);
    }
  }

  void check_header(const fs::path& path, const Fields& fields) {
    if (first_header_.empty()) first_header_ = fields;
    const bool is_same = std::equal(fields.begin(), fields.end(), first_header_.begin(),
                                    first_header_.end(), [](const auto& left, const auto& right) {
                                      return trim_ascii_blanks(left) == trim_ascii_blanks(right);
                                    });
    if (!is_same) refuse(name_of(path) + " has another header than the first sample");
  }

  void profile_json_lines(const fs::path& path) {
    Shape lines;
    lines.encoding = shape_.encoding;
    lines.dialect = {'\0', std::nullopt, QuoteRule::kStrict};
    read_records(files_, path, lines, [&](const Fields& fields) {
      profile_line(fields[0]);
      return true;
    });
  }

  /// As the reader takes a line: JsonScan knows a depth that is too much, and keeps digits.
  void profile_line(const std::string& line) {
    std::vector<JsonMember> members;
    if (!is_valid_utf8(line) || !JsonScan(line).read_object(members)) {
      ++ragged_;
      return;
    }
    count_row();
    std::string key;
    std::string text;
    for (const JsonMember& member : members) {
      ColumnProfile& profile = profile_of(std::string(json_text(line, member.key, key)));
      const bool is_number = member.kind == JsonKind::kNumber;
      profile.add(member.kind == JsonKind::kNull ? "" : json_text(line, member.value, text),
                  is_number ? ValueSource::kJsonNumber : ValueSource::kText);
    }
  }

  ColumnProfile& profile_of(const std::string& key) {
    const auto found =
        std::find_if(profiles_.begin(), profiles_.end(),
                     [&](const ColumnProfile& profile) { return profile.name() == key; });
    return found != profiles_.end() ? *found : profiles_.emplace_back(key, options_.time_zone);
  }

  /// Columns up to the last with a name. JSON lines name all of theirs.
  [[nodiscard]] std::size_t named_count() const {
    return shape_.is_json_lines ? profiles_.size() : header_.named_count;
  }

  /// The columns that a file spec can list: where two have one name, the first.
  [[nodiscard]] std::vector<std::size_t> listed() const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < named_count(); ++i) {
      if (shape_.is_json_lines || !header_.names[i].empty()) places.push_back(i);
    }
    return places;
  }

  Json natural_key(const std::vector<std::size_t>& places, const Json& columns) {
    const KeyFinder::Key found = key_finder_.find(profiles_, places, rows_);
    if (!found.why.empty()) evidence_["natural_key"] = found.why;
    Json key = Json::array();
    for (const std::size_t place : found.columns) {
      const auto at = std::find(places.begin(), places.end(), place) - places.begin();
      key.push_back(columns[static_cast<std::size_t>(at)]["to"]);
    }
    return key;
  }

  Json make_columns(const std::vector<std::size_t>& places) const {
    Json columns = Json::array();
    std::set<std::string> keys;
    for (const std::size_t place : places) {
      const ColumnProfile& profile = profiles_[place];
      const bool is_personal = tells_of_person(profile.name());
      Json column = profile.proposal(options_.with_known_values && !is_personal);
      const std::string number = std::to_string(columns.size() + 1);
      std::string key = payload_key_of(profile.name());
      if (key.empty()) key = "column_" + number;
      if (!keys.insert(key).second) keys.insert(key += "_" + number);
      column["to"] = key;
      if (is_personal) column["personal_data"] = true;
      // A key that lines leave out is null there.
      if (shape_.is_json_lines && profile.filled() != rows_) column.erase("required");
      columns.push_back(std::move(column));
    }
    return columns;
  }

  /// Spreadsheets leave delimiters behind the last column. What never held anything is left out.
  void add_other_columns(Json& spec) {
    const std::size_t unnamed = profiles_.size() - named_count();
    if (unnamed == 0) return;
    const bool are_blank =
        std::all_of(profiles_.begin() + static_cast<std::ptrdiff_t>(named_count()), profiles_.end(),
                    [](const ColumnProfile& profile) { return profile.is_blank(); });
    const std::string count = count_of(static_cast<std::int64_t>(unnamed), "column");
    if (are_blank) {
      spec["other_columns"] = "ignore";
      evidence_["unnamed_columns"] =
          count + " at the end without a name and without any value, left out (other_columns)";
      return;
    }
    undecided_["unnamed_columns"] =
        count +
        " at the end without a name, but with values in some rows: have the export name "
        "them, or set other_columns to ignore to lose these values";
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
      spec["header"] = header_.is_there;
    }
    const std::vector<std::size_t> places = listed();
    spec["columns"] = make_columns(places);
    add_other_columns(spec);
    spec["natural_key"] = natural_key(places, spec["columns"]);
    spec["natural_key_unique"] = !spec["natural_key"].empty();
    return spec;
  }

  /// The proposal reads its own samples.
  void try_out(const Json& proposed) {
    const FileSpec spec = parse_file_spec(nlohmann::json(proposed));
    Json trial = Json::array();
    for (const fs::path& path : samples_) {
      const auto file = files_.open(path.parent_path(), path.filename().string());
      if (!file) refuse(name_of(path) + " vanished meanwhile");
      Preflight preflight(spec);
      std::string block(kBlockBytes, '\0');
      while (const std::size_t count = file->read(block.data(), block.size())) {
        preflight.feed({block.data(), count});
      }
      const PreflightResult result = preflight.finish();
      Json one = {{"file", name_of(path)},
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
  Header header_;
  Fields first_header_;
  std::vector<ColumnProfile> profiles_;
  KeyFinder key_finder_;
  std::int64_t rows_ = 0;
  std::int64_t ragged_ = 0;
  Json evidence_;
  Json undecided_ = Json::object();  ///< of the proposal as a whole
};

}  // namespace

bool Learned::is_settled() const {
  const Json& trial = evidence.at("trial");
  return !evidence.contains("undecided") &&
         std::all_of(trial.begin(), trial.end(),
                     [](const Json& one) { return one["outcome"] == "accepted"; });
}

Learned learn_spec(FileSystem& files, const std::vector<fs::path>& samples,
                   const LearnOptions& options) {
  return Learner(files, samples, options).learn();
}

}  // namespace waybill::authoring
