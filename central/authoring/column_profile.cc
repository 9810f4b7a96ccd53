#include "central/authoring/column_profile.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 9> kNullWords = {"NULL", "null", "\\N", "(null)", "N/A",
                                                        "n/a",  "#N/A", "-",   "--"};

/// Tried in this order: the first that every value fits is proposed.
constexpr std::array<std::string_view, 12> kDateFormats = {
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y%m%d",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%Y-%m-%dT%H:%M:%SZ",
};

struct BooleanWords {
  std::string_view yes;
  std::string_view no;
};
constexpr std::array<BooleanWords, 6> kBooleanWords = {
    {{"true", "false"}, {"Y", "N"}, {"yes", "no"}, {"J", "N"}, {"T", "F"}, {"ja", "nein"}}};

/// A list is proposed when its words come again and again: so many rows, so often each.
constexpr std::int64_t kListRowsMin = 50;
constexpr std::int64_t kListRepeatsMin = 5;
constexpr std::size_t kListedBytesMax = 40;

ColumnSpec column_of(ColumnType type) {
  ColumnSpec column;
  column.type = type;
  column.trim = true;
  return column;
}

std::vector<ColumnSpec> all_types() {
  std::vector<ColumnSpec> types;
  for (const BooleanWords& words : kBooleanWords) {
    ColumnSpec column = column_of(ColumnType::kBoolean);
    column.true_values = {std::string(words.yes)};
    column.false_values = {std::string(words.no)};
    types.push_back(std::move(column));
  }
  // Eight digits that are dates throughout are dates; else they are numbers.
  for (const std::string_view format : kDateFormats) {
    types.push_back(column_of(ColumnType::kDate));
    types.back().date_format = format;
  }
  types.push_back(column_of(ColumnType::kInteger));
  types.push_back(column_of(ColumnType::kDecimal));
  return types;
}

}  // namespace

bool is_null_word(std::string_view text) {
  return std::find(kNullWords.begin(), kNullWords.end(), text) != kNullWords.end();
}

ColumnProfile::ColumnProfile(std::string name) : name_(std::move(name)) {
  for (const ColumnSpec& column : all_types()) candidates_.push_back({ColumnValue(column)});
}

void ColumnProfile::add(std::string_view text) {
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
  const bool is_number = is_ascii_digit(content.back());
  if (is_number && content.size() > 1 && content[0] == '0' && is_ascii_digit(content[1])) {
    ++leading_zeros_;
  }
  for (Candidate& candidate : candidates_) {
    if (candidate.fits + 1 != filled_) continue;  // it failed once already
    scratch_.resize(candidate.value.overhead_bytes() + kJsonGrowthMax * content.size());
    char* out = scratch_.data();
    if (candidate.value.write(content, out) == ValueOutcome::kFilled) ++candidate.fits;
  }
  count_distinct(content);
}

void ColumnProfile::count_distinct(std::string_view text) {
  if (distinct_.size() <= kDistinctMax) distinct_.insert(std::hash<std::string_view>{}(text));
  if (!is_listable_) return;
  if (const auto found = listed_.find(text); found != listed_.end()) {
    ++found->second;
    return;
  }
  is_listable_ = text.size() <= kListedBytesMax && listed_.size() < kListedMax;
  is_listable_ ? static_cast<void>(listed_.emplace(text, 1)) : listed_.clear();
}

bool ColumnProfile::is_unique() const {
  return filled_ > 0 && static_cast<std::int64_t>(distinct_.size()) == filled_ &&
         distinct_.size() <= kDistinctMax;
}

const ColumnProfile::Candidate* ColumnProfile::best() const {
  if (filled_ == 0) return nullptr;
  for (const Candidate& candidate : candidates_) {
    const ColumnType type = candidate.value.spec().type;
    const bool is_number = type == ColumnType::kInteger || type == ColumnType::kDecimal;
    // 00420 is a code; as a number it would lose its zeros for those who compare.
    if (candidate.fits == filled_ && !(is_number && leading_zeros_ > 0)) return &candidate;
  }
  return nullptr;
}

ColumnType ColumnProfile::type() const {
  const Candidate* found = best();
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
  const Candidate* found = best();
  if (found != nullptr) {
    const ColumnSpec& spec = found->value.spec();
    column["type"] = to_string(spec.type);
    if (spec.type == ColumnType::kDate) column["date_format"] = spec.date_format;
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
  Json also = Json::array();
  const Candidate* found = best();
  for (const Candidate& candidate : candidates_) {
    if (filled_ == 0 || candidate.fits != filled_ || &candidate == found) continue;
    const ColumnSpec& spec = candidate.value.spec();
    also.push_back(spec.type == ColumnType::kDate ? "date " + spec.date_format
                                                  : std::string(to_string(spec.type)));
  }
  Json evidence = {{"column", name_},
                   {"type", to_string(type())},
                   {"filled", filled_},
                   {"empty", empty_},
                   {"null_words", null_words_count_},
                   {"distinct", distinct_.size() > kDistinctMax
                                    ? Json("more than " + std::to_string(kDistinctMax))
                                    : Json(distinct_.size())},
                   {"longest_bytes", longest_}};
  if (leading_zeros_ > 0) evidence["leading_zeros"] = leading_zeros_;
  if (!also.empty()) evidence["also_fits"] = also;
  return evidence;
}

}  // namespace waybill::authoring
