// ColumnProfile: what the values of one column have in common, gathered value by value.
//
// Place:    central/authoring; SpecLearner above, core's ColumnValue decides what fits a type.
// Owner:    one column of the samples, one thread.
// Memory:   at most kDistinctMax hashes and kListedMax values.
// Rule:     a type is proposed when every filled value has it, so the proposal refuses nothing that
//           the samples hold.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/read/column_value.h"

namespace waybill::authoring {

/// Words that exports write for "nothing here".
[[nodiscard]] bool is_null_word(std::string_view text);

class ColumnProfile {
 public:
  static constexpr std::size_t kDistinctMax = 200'000;
  static constexpr std::size_t kListedMax = 20;

  explicit ColumnProfile(std::string name);

  /// A value as UTF-8.
  void add(std::string_view text);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::int64_t filled() const { return filled_; }
  [[nodiscard]] std::int64_t rows() const { return filled_ + empty_ + null_words_count_; }
  [[nodiscard]] bool is_always_filled() const { return filled_ > 0 && filled_ == rows(); }
  /// No value came twice; false when there were too many to tell.
  [[nodiscard]] bool is_unique() const;
  /// The type that every value fits, as a file spec names it.
  [[nodiscard]] ColumnType type() const;

  /// The column as a file spec has it, without "to".
  [[nodiscard]] nlohmann::ordered_json proposal(bool with_known_values) const;
  /// Why: {filled, empty, null_words, distinct, type, also_fits}; counts, and no value.
  [[nodiscard]] nlohmann::ordered_json evidence() const;

 private:
  struct Candidate {
    ColumnValue value;
    std::int64_t fits = 0;
  };

  [[nodiscard]] const Candidate* best() const;
  [[nodiscard]] bool has_known_values() const;
  void count_distinct(std::string_view text);

  std::string name_;
  std::vector<Candidate> candidates_;
  std::string scratch_;
  std::int64_t filled_ = 0;
  std::int64_t empty_ = 0;
  std::int64_t null_words_count_ = 0;
  std::int64_t leading_zeros_ = 0;
  std::int64_t with_blanks_ = 0;
  std::size_t longest_ = 0;
  std::map<std::string, std::int64_t, std::less<>> null_words_;
  std::map<std::string, std::int64_t, std::less<>> listed_;  ///< emptied when they are too many
  bool is_listable_ = true;
  std::unordered_set<std::size_t> distinct_;
};

}  // namespace waybill::authoring
