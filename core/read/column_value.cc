#include "core/read/column_value.h"

#include <algorithm>
#include <chrono>

#include "core/ascii.h"

namespace waybill {

namespace {

char* write_digits(char* out, unsigned number, int count) {
  for (int i = count - 1; i >= 0; --i, number /= 10) {
    out[i] = static_cast<char>('0' + number % 10);
  }
  return out + count;
}

bool contains_ignoring_case(const std::vector<std::string>& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return equal_ignoring_case(word, text); });
}

bool write_boolean(std::optional<bool> value, char*& out) {
  if (!value) return false;
  out = write_raw(out, *value ? "true" : "false");
  return true;
}

bool write_date(const std::optional<std::chrono::year_month_day>& date, char*& out) {
  if (!date) return false;
  *out++ = '"';
  out = write_digits(out, static_cast<unsigned>(static_cast<int>(date->year())), 4);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(date->month()), 2);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(date->day()), 2);
  *out++ = '"';
  return true;
}

}  // namespace

ColumnValue::ColumnValue(const ColumnSpec& spec) : spec_(spec), date_format_(spec.date_format) {}

std::string_view ColumnValue::content(std::string_view text) const {
  return spec_.trim ? trim_ascii_blanks(text) : text;
}

bool ColumnValue::is_null(std::string_view content) const {
  if (content.empty()) return true;
  return std::find(spec_.null_values.begin(), spec_.null_values.end(), content) !=
         spec_.null_values.end();
}

ValueOutcome ColumnValue::check(std::string_view text) const {
  const std::string_view value = content(text);
  if (is_null(value)) return ValueOutcome::kNull;
  bool is_good = true;
  switch (spec_.type) {
    case ColumnType::kText:
      break;
    case ColumnType::kInteger:
      is_good = integer_form(value) != NumberForm::kNone;
      break;
    case ColumnType::kDecimal:
      is_good = decimal_form(value) != NumberForm::kNone;
      break;
    case ColumnType::kBoolean:
      is_good = boolean_of(value).has_value();
      break;
    case ColumnType::kDate:
      is_good = date_format_.parse(value).has_value();
      break;
    case ColumnType::kTimestamp:
      is_good = false;
      break;
  }
  return is_good ? ValueOutcome::kFilled : ValueOutcome::kInvalid;
}

ValueOutcome ColumnValue::write(std::string_view text, char*& out) const {
  const std::string_view value = content(text);
  if (is_null(value)) {
    out = write_raw(out, "null");
    return ValueOutcome::kNull;
  }
  bool is_good = true;
  switch (spec_.type) {
    case ColumnType::kText:
      out = write_json_string(out, value);
      break;
    case ColumnType::kInteger:
      is_good = write_number(integer_form(value), value, out);
      break;
    case ColumnType::kDecimal:
      is_good = write_number(decimal_form(value), value, out);
      break;
    case ColumnType::kBoolean:
      is_good = write_boolean(boolean_of(value), out);
      break;
    case ColumnType::kDate:
      is_good = write_date(date_format_.parse(value), out);
      break;
    case ColumnType::kTimestamp:
      is_good = false;
      break;
  }
  return is_good ? ValueOutcome::kFilled : ValueOutcome::kInvalid;
}

bool ColumnValue::write_number(NumberForm form, std::string_view content, char*& out) const {
  if (form == NumberForm::kNone) return false;
  out = form == NumberForm::kJson
            ? write_raw(out, content)
            : write_json_number(out, content, spec_.type == ColumnType::kInteger);
  return true;
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
      return "a whole number";
    case ColumnType::kDecimal:
      return "a number with a decimal point";
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
