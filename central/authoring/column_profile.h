// ColumnProfile: what the values of one column have in common, gathered value by value.
//
// Place:    central/authoring; SpecLearner above, core's ColumnValue decides what fits a type.
// Owner:    one column of the samples, one thread.
// Memory:   at most kDistinctMax hashes of one file and kListedMax values.
// Rule:     a type is proposed when every filled value has it, so the proposal refuses nothing that
//           the samples hold, and when no other reading of the values is as good: a column of
//           "1.234" alone, or of "01/02/2026", stays text, and the evidence says between what an
//           author has to choose.
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

/// Does no value of a column come twice in a file?
enum class Uniqueness : std::uint8_t { kUnique, kRepeats, kTooManyToTell };

/// What a further value would do to the type of a column.
enum class Fit : std::uint8_t { kNeutral, kFits, kBreaks };

class ColumnProfile {
 public:
  static constexpr std::size_t kDistinctMax = 200'000;
  static constexpr std::size_t kListedMax = 20;

  /// `time_zone`: of times without an offset; "" when nobody said.
  explicit ColumnProfile(std::string name, std::string time_zone = "");

  /// The values of another file follow. Keys are compared within one.
  void begin_sample();
  /// A value as UTF-8.
  void add(std::string_view text, ValueSource source = ValueSource::kText);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::int64_t filled() const { return filled_; }
  [[nodiscard]] std::int64_t rows() const { return filled_ + empty_ + null_words_count_; }
  [[nodiscard]] bool is_always_filled() const { return filled_ > 0 && filled_ == rows(); }
  /// Was there ever anything, be it a word for null?
  [[nodiscard]] bool is_blank() const { return filled_ + null_words_count_ == 0; }
  [[nodiscard]] Uniqueness uniqueness() const;
  /// Of a value that is not added; an empty one and a column of text are neutral.
  [[nodiscard]] Fit fit_of(std::string_view text);
  /// The type that is proposed.
  [[nodiscard]] ColumnType type() const;
  /// Are the values numbers, dates or times, whichever?
  [[nodiscard]] bool is_typed() const;

  /// The column as a file spec has it, without "to".
  [[nodiscard]] nlohmann::ordered_json proposal(bool with_known_values) const;
  /// Why: {filled, empty, null_words, distinct (most in one file), type, also_fits, undecided};
  /// counts, and no value.
  [[nodiscard]] nlohmann::ordered_json evidence() const;

 private:
  struct Candidate {
    ColumnValue value;
    std::int64_t fits = 0;
    std::size_t readings = 0;  ///< a hash of what it makes of the values that have marks
    // How many marks between groups its values have, and whether one value has both marks.
    std::size_t group_marks_min = std::string_view::npos;
    std::size_t group_marks_max = 0;
    bool has_both_marks = false;

    void count_groups(std::string_view content);
    [[nodiscard]] bool has_sure_groups() const;
  };

  /// What keeps the best candidate from being proposed.
  enum class Doubt : std::uint8_t {
    kNone,
    kDayOrMonth,
    kMarks,
    kGroups,
    kTimeZone,
    kPlus,
    kExponent
  };

  [[nodiscard]] bool takes(Candidate& candidate, std::string_view content, ValueSource source,
                           std::string_view& reading);
  void note_number_signs(std::string_view content);
  void try_on(Candidate& candidate, std::string_view content, ValueSource source);
  [[nodiscard]] bool fits_all(const Candidate& candidate) const;
  /// The first candidate that every value fits, sure or not.
  [[nodiscard]] const Candidate* best() const;
  [[nodiscard]] Doubt doubt_about(const Candidate& found) const;
  /// The one to propose, or nullptr: text.
  [[nodiscard]] const Candidate* decided() const;
  [[nodiscard]] static std::string_view words_of(Doubt doubt);
  [[nodiscard]] bool has_known_values() const;
  void count_distinct(std::string_view text);

  std::string name_;
  std::string time_zone_;
  std::vector<Candidate> candidates_;
  std::string scratch_;
  std::int64_t filled_ = 0;
  std::int64_t empty_ = 0;
  std::int64_t null_words_count_ = 0;
  std::int64_t leading_zeros_ = 0;
  bool has_plus_ = false;  ///< these four: of values that are no JSON numbers
  bool has_minus_ = false;
  bool has_exponent_ = false;  ///< like 1e1
  bool has_point_ = false;
  std::int64_t with_blanks_ = 0;
  std::size_t longest_ = 0;
  std::map<std::string, std::int64_t, std::less<>> null_words_;
  std::map<std::string, std::int64_t, std::less<>> listed_;  ///< emptied when they are too many
  bool is_listable_ = true;
  std::unordered_set<std::size_t> distinct_;  ///< of this file
  std::size_t most_distinct_ = 0;             ///< in one of the files before
  bool has_repeats_ = false;
  bool has_too_many_ = false;
};

}  // namespace waybill::authoring
