#include "core/read/column_value.h"

#include <algorithm>
#include <chrono>

#include "core/ascii.h"

namespace waybill {

namespace {

bool contains_ignoring_case(const std::vector<std::string>& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return equal_ignoring_case(word, text); });
}

bool write_boolean(std::optional<bool> value, char*& out) {
  if (!value) return false;
  out = write_raw(out, *value ? "true" : "false");
  return true;
}

std::string group_words(char mark) {
  if (mark == 0) return "";
  return std::string(", plain or in groups of three digits by \"") + mark + '"';
}

bool write_quoted_date(const std::optional<std::chrono::year_month_day>& date, char*& out) {
  if (!date) return false;
  *out++ = '"';
  out = write_date(out, *date);
  *out++ = '"';
  return true;
}

}  // namespace

ColumnValue::ColumnValue(const ColumnSpec& spec)
    : spec_(spec),
      marks_{spec.decimal_mark, spec.group_mark},
      has_marks_(!marks_.are_plain()),
      date_format_(spec.date_format),
      timestamp_format_(spec.date_format, spec.time_zone) {}

std::string_view ColumnValue::content(std::string_view text) const {
  return spec_.trim ? trim_ascii_blanks(text) : text;
}

bool ColumnValue::is_null(std::string_view content) const {
  if (content.empty()) return true;
  return std::find(spec_.null_values.begin(), spec_.null_values.end(), content) !=
         spec_.null_values.end();
}

ValueOutcome ColumnValue::check(std::string_view text, ValueSource source) const {
  const std::string_view value = content(text);
  if (is_null(value)) return ValueOutcome::kNull;
  const bool is_marked = has_marks_ && source == ValueSource::kText;
  bool is_good = true;
  switch (spec_.type) {
    case ColumnType::kText:
      break;
    case ColumnType::kInteger:
      is_good = is_marked ? is_marked_number(value) : integer_form(value) != NumberForm::kNone;
      break;
    case ColumnType::kDecimal:
      is_good = is_marked ? is_marked_number(value) : decimal_form(value) != NumberForm::kNone;
      break;
    case ColumnType::kBoolean:
      is_good = boolean_of(value).has_value();
      break;
    case ColumnType::kDate:
      is_good = date_format_.parse(value).has_value();
      break;
    case ColumnType::kTimestamp:
      is_good = timestamp_format_.matches(value);
      break;
  }
  return is_good ? ValueOutcome::kFilled : ValueOutcome::kInvalid;
}

ValueOutcome ColumnValue::write(std::string_view text, char*& out, ValueSource source) const {
  const std::string_view value = content(text);
  if (is_null(value)) {
    out = write_raw(out, "null");
    return ValueOutcome::kNull;
  }
  const bool is_marked = has_marks_ && source == ValueSource::kText;
  bool is_good = true;
  switch (spec_.type) {
    case ColumnType::kText:
      out = write_json_string(out, value);
      break;
    case ColumnType::kInteger:
      is_good = is_marked ? write_marked_number(value, out)
                          : write_number(integer_form(value), value, out);
      break;
    case ColumnType::kDecimal:
      is_good = is_marked ? write_marked_number(value, out)
                          : write_number(decimal_form(value), value, out);
      break;
    case ColumnType::kBoolean:
      is_good = write_boolean(boolean_of(value), out);
      break;
    case ColumnType::kDate:
      is_good = write_quoted_date(date_format_.parse(value), out);
      break;
    case ColumnType::kTimestamp:
      is_good = timestamp_format_.write(value, out);
      break;
  }
  return is_good ? ValueOutcome::kFilled : ValueOutcome::kInvalid;
}

NumberForm ColumnValue::number_form(std::string_view content) const {
  return spec_.type == ColumnType::kInteger ? integer_form(content) : decimal_form(content);
}

bool ColumnValue::write_number(NumberForm form, std::string_view content, char*& out) const {
  if (form == NumberForm::kNone) return false;
  out = form == NumberForm::kJson
            ? write_raw(out, content)
            : write_json_number(out, content, spec_.type == ColumnType::kInteger);
  return true;
}

bool ColumnValue::is_marked_number(std::string_view content) const {
  NumberRoom room;
  const std::optional<std::string_view> plain = plain_number(content, marks_, room);
  return plain && number_form(*plain) != NumberForm::kNone;
}

bool ColumnValue::write_marked_number(std::string_view content, char*& out) const {
  NumberRoom room;
  const std::optional<std::string_view> plain = plain_number(content, marks_, room);
  return plain && write_number(number_form(*plain), *plain, out);
}

std::optional<bool> ColumnValue::boolean_of(std::string_view content) const {
  if (contains_ignoring_case(spec_.true_values, content)) return true;
  if (contains_ignoring_case(spec_.false_values, content)) return false;
  return std::nullopt;
}

std::string ColumnValue::expectation() const {
  switch (spec_.type) {
    case ColumnType::kText:
      return "text";
    case ColumnType::kInteger:
      return "a whole number" + group_words(spec_.group_mark);
    case ColumnType::kDecimal:
      return std::string("a number with a decimal ") +
             (spec_.decimal_mark == ',' ? "comma" : "point") + group_words(spec_.group_mark);
    case ColumnType::kBoolean:
      return "one of the words for true and false that the file spec lists";
    case ColumnType::kDate:
      return "a date written as " + spec_.date_format;
    case ColumnType::kTimestamp:
      return "a date and time written as " + spec_.date_format;
  }
  return "text";
}

}  // namespace waybill
