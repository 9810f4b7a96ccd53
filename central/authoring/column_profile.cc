#include "central/authoring/column_profile.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "central/authoring/column_candidates.h"
#include "core/ascii.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> kNullWords = {"NULL", "null", "\\N", "(null)", "N/A",
                                                        "n/a",  "#N/A", "-",   "--"};

/// A list is proposed when its words come again and again: so many rows, so often each.
constexpr std::int64_t kListRowsMin = 50;
constexpr std::int64_t kListRepeatsMin = 5;
constexpr std::size_t kListedBytesMax = 40;

constexpr std::string_view kMarks = ".,' \xC2\xE2";  // or the first byte of one

}  // namespace

bool is_null_word(std::string_view text) {
  return std::find(kNullWords.begin(), kNullWords.end(), text) != kNullWords.end();
}

ColumnProfile::ColumnProfile(std::string name, std::string time_zone)
    : name_(std::move(name)), time_zone_(std::move(time_zone)) {
  for (const ColumnSpec& column : candidate_columns(time_zone_)) {
    candidates_.push_back({ColumnValue(column)});
  }
}

void ColumnProfile::add(std::string_view text, ValueSource source) {
  const std::string_view content = trim_ascii_blanks(text);
  if (content.size() != text.size()) ++with_blanks_;
  if (content.empty()) {
    ++empty_;
    return;
  }
  if (is_null_word(content)) {
    ++null_words_count_;
    ++null_words_[std::string(content)];
    return;
  }
  ++filled_;
  longest_ = std::max(longest_, content.size());
  const bool ends_in_digit = is_ascii_digit(content.back());
  if (ends_in_digit && content.size() > 1 && content[0] == '0' && is_ascii_digit(content[1])) {
    ++leading_zeros_;
  }
  if (source != ValueSource::kJsonNumber) note_number_signs(content);
  for (Candidate& candidate : candidates_) {
    if (candidate.fits + 1 == filled_) try_on(candidate, content, source);  // else it failed once
  }
  count_distinct(content);
}

bool ColumnProfile::takes(Candidate& candidate, std::string_view content, ValueSource source,
                          std::string_view& reading) {
  scratch_.resize(candidate.value.overhead_bytes() + kJsonGrowthMax * content.size());
  char* out = scratch_.data();
  if (candidate.value.write(content, out, source) != ValueOutcome::kFilled) return false;
  reading = {scratch_.data(), static_cast<std::size_t>(out - scratch_.data())};
  return true;
}

void ColumnProfile::try_on(Candidate& candidate, std::string_view content, ValueSource source) {
  std::string_view reading;
  if (!takes(candidate, content, source, reading)) return;
  ++candidate.fits;
  const ColumnSpec& spec = candidate.value.spec();
  if (!is_number(spec) || source == ValueSource::kJsonNumber) return;
  if (content.find_first_of(kMarks) != std::string_view::npos) {
    candidate.readings = 31 * candidate.readings + std::hash<std::string_view>{}(reading);
  }
  if (spec.group_mark != 0) candidate.count_groups(content);
}

Fit ColumnProfile::fit_of(std::string_view text) {
  const std::string_view content = trim_ascii_blanks(text);
  if (content.empty() || is_null_word(content)) return Fit::kNeutral;
  Fit fit = Fit::kNeutral;
  for (Candidate& candidate : candidates_) {
    if (!fits_all(candidate)) continue;
    std::string_view reading;
    if (takes(candidate, content, ValueSource::kText, reading)) return Fit::kFits;
    fit = Fit::kBreaks;
  }
  return fit;
}

void ColumnProfile::note_number_signs(std::string_view content) {
  has_plus_ |= content.front() == '+';
  has_minus_ |= content.front() == '-';
  has_exponent_ |= content.find_first_of("eE") != std::string_view::npos;
  has_point_ |= content.find_first_of(".,") != std::string_view::npos;
}

void ColumnProfile::begin_sample() {
  most_distinct_ = std::max(most_distinct_, distinct_.size());
  distinct_.clear();
}

void ColumnProfile::count_distinct(std::string_view text) {
  if (distinct_.size() > kDistinctMax) {
    has_too_many_ = true;
  } else if (!distinct_.insert(std::hash<std::string_view>{}(text)).second) {
    has_repeats_ = true;
  }
  if (!is_listable_) return;
  if (const auto found = listed_.find(text); found != listed_.end()) {
    ++found->second;
    return;
  }
  is_listable_ = text.size() <= kListedBytesMax && listed_.size() < kListedMax;
  is_listable_ ? static_cast<void>(listed_.emplace(text, 1)) : listed_.clear();
}

Uniqueness ColumnProfile::uniqueness() const {
  if (filled_ == 0 || has_repeats_) return Uniqueness::kRepeats;
  return has_too_many_ ? Uniqueness::kTooManyToTell : Uniqueness::kUnique;
}

void ColumnProfile::Candidate::count_groups(std::string_view content) {
  const ColumnSpec& spec = value.spec();
  const std::size_t decimal_at =
      spec.type == ColumnType::kDecimal ? content.find(spec.decimal_mark) : std::string_view::npos;
  const std::string_view whole = content.substr(0, decimal_at);
  const auto digits = std::count_if(whole.begin(), whole.end(), is_ascii_digit);
  const bool has_marks = whole.find_first_of(kMarks) != std::string_view::npos;
  const std::size_t marks = has_marks ? static_cast<std::size_t>(digits - 1) / 3 : 0;
  group_marks_min = std::min(group_marks_min, marks);
  group_marks_max = std::max(group_marks_max, marks);
  if (marks > 0 && decimal_at != std::string_view::npos) has_both_marks = true;
}

/// Codes such as "555 123" look like groups, too, but all have the same number of them.
bool ColumnProfile::Candidate::has_sure_groups() const {
  return value.spec().group_mark == 0 || has_both_marks || group_marks_min < group_marks_max;
}

bool ColumnProfile::fits_all(const Candidate& candidate) const {
  // 00420 is a code; as a number it would lose its zeros for those who compare.
  return filled_ > 0 && candidate.fits == filled_ &&
         !(is_number(candidate.value.spec()) && leading_zeros_ > 0);
}

const ColumnProfile::Candidate* ColumnProfile::best() const {
  const Candidate* unsure = nullptr;
  for (const Candidate& candidate : candidates_) {
    if (!fits_all(candidate)) continue;
    if (candidate.has_sure_groups()) return &candidate;
    if (unsure == nullptr) unsure = &candidate;
  }
  return unsure;
}

ColumnProfile::Doubt ColumnProfile::doubt_about(const Candidate& found) const {
  const ColumnSpec& spec = found.value.spec();
  for (const Candidate& other : candidates_) {
    if (&other == &found || !fits_all(other)) continue;
    const ColumnSpec& rival = other.value.spec();
    if (is_moment(spec) && is_moment(rival) && have_other_order(spec, rival)) {
      return Doubt::kDayOrMonth;
    }
    if (is_number(spec) && is_number(rival) && other.readings != found.readings) {
      return Doubt::kMarks;
    }
  }
  if (!found.has_sure_groups()) return Doubt::kGroups;
  // Amounts below zero or with a fraction tell numbers from what only looks like them.
  if (is_number(spec) && has_plus_ && !has_minus_) return Doubt::kPlus;
  if (is_number(spec) && has_exponent_ && !has_point_) return Doubt::kExponent;
  const bool needs_zone = !spec.time_zone.empty() && time_zone_.empty();
  return needs_zone ? Doubt::kTimeZone : Doubt::kNone;
}

const ColumnProfile::Candidate* ColumnProfile::decided() const {
  const Candidate* found = best();
  return found != nullptr && doubt_about(*found) == Doubt::kNone ? found : nullptr;
}

std::string_view ColumnProfile::words_of(Doubt doubt) {
  switch (doubt) {
    case Doubt::kDayOrMonth:
      return "day and month could change places; choose type and date_format";
    case Doubt::kMarks:
      return "a mark could stand before the fraction or between thousands; choose type, "
             "decimal_mark and group_mark";
    case Doubt::kGroups:
      return "these could be numbers in groups of three digits, or codes; choose the type";
    case Doubt::kTimeZone:
      return "these are times, and nothing tells whose clock; learn again with --time-zone";
    case Doubt::kPlus:
      return "a plus stands before numbers, and no minus: telephone numbers would lose it; choose "
             "the type";
    case Doubt::kExponent:
      return "these could be numbers with an exponent such as 1e1, or codes; choose the type";
    case Doubt::kNone:
      break;
  }
  return "";
}

bool ColumnProfile::is_typed() const {
  const Candidate* found = best();
  return found != nullptr && found->value.spec().type != ColumnType::kBoolean;
}

ColumnType ColumnProfile::type() const {
  const Candidate* found = decided();
  return found == nullptr ? ColumnType::kText : found->value.spec().type;
}

bool ColumnProfile::has_known_values() const {
  const auto count = static_cast<std::int64_t>(listed_.size());
  return type() == ColumnType::kText && is_listable_ && filled_ >= kListRowsMin &&
         count * kListRepeatsMin <= filled_ &&
         std::all_of(listed_.begin(), listed_.end(),
                     [](const auto& entry) { return entry.second >= 2; });
}

Json ColumnProfile::proposal(bool with_known_values) const {
  Json column = {{"name", name_}, {"to", ""}};
  const Candidate* found = decided();
  if (found != nullptr) {
    const ColumnSpec& spec = found->value.spec();
    column["type"] = to_string(spec.type);
    if (is_moment(spec)) column["date_format"] = spec.date_format;
    if (!spec.time_zone.empty()) column["time_zone"] = spec.time_zone;
    if (spec.decimal_mark != '.') column["decimal_mark"] = std::string(1, spec.decimal_mark);
    if (spec.group_mark != 0) column["group_mark"] = std::string(1, spec.group_mark);
    if (spec.type == ColumnType::kBoolean) {
      column["true_values"] = spec.true_values;
      column["false_values"] = spec.false_values;
    }
  }
  if (is_always_filled()) column["required"] = true;
  if (with_blanks_ > 0) column["trim"] = true;
  if (!null_words_.empty()) {
    for (const auto& [word, count] : null_words_) column["null_values"].push_back(word);
  }
  if (with_known_values && has_known_values()) {
    for (const auto& [word, count] : listed_) column["known_values"].push_back(word);
  }
  return column;
}

Json ColumnProfile::evidence() const {
  const Candidate* found = best();
  const Doubt doubt = found == nullptr ? Doubt::kNone : doubt_about(*found);
  Json also = Json::array();
  for (const Candidate& candidate : candidates_) {
    const ColumnSpec& spec = candidate.value.spec();
    const bool is_proposed = &candidate == found && doubt == Doubt::kNone;
    // Marks that no value has say nothing.
    const bool has_marks = spec.decimal_mark != '.' || spec.group_mark != 0;
    const bool is_told = !is_proposed && (!has_marks || candidate.readings != 0);
    if (is_told && fits_all(candidate)) also.push_back(describe(spec));
  }
  const std::size_t distinct = std::max(most_distinct_, distinct_.size());
  Json evidence = {
      {"column", name_},
      {"type", to_string(type())},
      {"filled", filled_},
      {"empty", empty_},
      {"null_words", null_words_count_},
      {"distinct", distinct > kDistinctMax ? Json("more than " + std::to_string(kDistinctMax))
                                           : Json(distinct)},
      {"longest_bytes", longest_}};
  if (leading_zeros_ > 0) evidence["leading_zeros"] = leading_zeros_;
  if (!also.empty()) evidence["also_fits"] = also;
  if (doubt != Doubt::kNone) evidence["undecided"] = words_of(doubt);
  return evidence;
}

}  // namespace waybill::authoring
