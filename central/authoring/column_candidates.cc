#include "central/authoring/column_candidates.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace waybill::authoring {

namespace {

constexpr std::array<std::string_view, 7> kDates = {
    "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d", "%Y/%m/%d", "%d-%m-%Y",
};

/// Many programs write midnight behind a date. It stands in the format as it is, so that a real
/// time is refused and not left out.
constexpr std::array<std::string_view, 9> kMidnights = {
    "",      " 00:00:00",     "T00:00:00",     " 0:00:00",    " 00:00",
    " 0:00", " 00:00:00.000", "T00:00:00.000", " 12:00:00 AM"};

struct DateAndTime {
  std::string_view date;
  std::string_view separator;
};
constexpr std::array<DateAndTime, 7> kDatesOfTimes = {{{"%Y-%m-%d", "T"},
                                                       {"%Y-%m-%d", " "},
                                                       {"%d.%m.%Y", " "},
                                                       {"%m/%d/%Y", " "},
                                                       {"%d/%m/%Y", " "},
                                                       {"%Y/%m/%d", " "},
                                                       {"%d-%m-%Y", " "}}};
/// A fraction with its point may be absent, so it comes last.
constexpr std::array<std::string_view, 4> kTimes = {"%H:%M:%S", "%H:%M", "%H:%M:%S.%f",
                                                    "%H:%M:%S,%f"};
constexpr std::array<std::string_view, 2> kCompactTimes = {"%Y%m%d%H%M%S", "%Y%m%dT%H%M%S"};
constexpr std::array<std::string_view, 3> kOffsets = {"", "%z", " %z"};

struct BooleanWords {
  std::string_view yes;
  std::string_view no;
};
constexpr std::array<BooleanWords, 6> kBooleanWords = {
    {{"true", "false"}, {"Y", "N"}, {"yes", "no"}, {"J", "N"}, {"T", "F"}, {"ja", "nein"}}};

struct Marks {
  char decimal;
  char group;
};
constexpr std::array<Marks, 8> kDecimalMarks = {
    {{'.', 0}, {',', 0}, {'.', ','}, {',', '.'}, {'.', '\''}, {',', ' '}, {'.', ' '}, {',', '\''}}};
constexpr std::array<char, 5> kGroupMarks = {0, ',', '.', '\'', ' '};

class Candidates {
 public:
  explicit Candidates(const std::string& time_zone)
      : time_zone_(time_zone.empty() ? "UTC" : time_zone) {}

  std::vector<ColumnSpec> all() {
    for (const BooleanWords& words : kBooleanWords) add_boolean(words);
    // Digits that are dates throughout are dates; else they are numbers.
    for (const std::string_view midnight : kMidnights) {
      for (const std::string_view date : kDates) {
        add(ColumnType::kDate).date_format = fmt::format("{}{}", date, midnight);
      }
    }
    for (const std::string_view offset : kOffsets) {
      for (const std::string_view time : kTimes) {
        for (const auto& [date, separator] : kDatesOfTimes) {
          add_time(fmt::format("{}{}{}", date, separator, time), offset);
        }
      }
      for (const std::string_view time : kCompactTimes) add_time(std::string(time), offset);
    }
    for (const char group : kGroupMarks) add(ColumnType::kInteger).group_mark = group;
    for (const Marks& marks : kDecimalMarks) {
      ColumnSpec& column = add(ColumnType::kDecimal);
      column.decimal_mark = marks.decimal;
      column.group_mark = marks.group;
    }
    return std::move(columns_);
  }

 private:
  ColumnSpec& add(ColumnType type) {
    ColumnSpec& column = columns_.emplace_back();
    column.type = type;
    column.trim = true;
    return column;
  }

  void add_boolean(const BooleanWords& words) {
    ColumnSpec& column = add(ColumnType::kBoolean);
    column.true_values = {std::string(words.yes)};
    column.false_values = {std::string(words.no)};
  }

  void add_time(const std::string& format, std::string_view offset) {
    ColumnSpec& column = add(ColumnType::kTimestamp);
    column.date_format = fmt::format("{}{}", format, offset);
    if (offset.empty()) column.time_zone = time_zone_;
  }

  std::string time_zone_;
  std::vector<ColumnSpec> columns_;
};

/// "Ymd", "dmY": the order in which a format names the parts of a date.
std::string order_of(const std::string& format) {
  std::string order;
  for (std::size_t i = 0; i + 1 < format.size(); ++i) {
    if (format[i] != '%') continue;
    const char letter = format[++i];
    if (letter == 'Y' || letter == 'm' || letter == 'd') order += letter;
  }
  return order;
}

std::string_view words_of(char mark) {
  switch (mark) {
    case '.':
      return "point";
    case ',':
      return "comma";
    case ' ':
      return "blank";
    default:
      return "apostrophe";
  }
}

}  // namespace

std::vector<ColumnSpec> candidate_columns(const std::string& time_zone) {
  return Candidates(time_zone).all();
}

std::string describe(const ColumnSpec& column) {
  std::string text(to_string(column.type));
  if (is_moment(column)) text += " " + column.date_format;
  if (column.decimal_mark != '.') text += fmt::format(" with {}", words_of(column.decimal_mark));
  if (column.group_mark != 0) text += fmt::format(" in groups by {}", words_of(column.group_mark));
  return text;
}

bool have_other_order(const ColumnSpec& left, const ColumnSpec& right) {
  return order_of(left.date_format) != order_of(right.date_format);
}

}  // namespace waybill::authoring
