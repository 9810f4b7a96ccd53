// Numbers as a country writes them: decimal commas, and marks between groups of three digits.
#include <catch2/catch.hpp>
#include <random>
#include <regex>
#include <string>

#include "write_value.h"

using namespace waybill;

namespace {

ColumnSpec number(ColumnType type, char decimal_mark, char group_mark) {
  ColumnSpec spec = column(type);
  spec.decimal_mark = decimal_mark;
  spec.group_mark = group_mark;
  return spec;
}

ColumnSpec decimal(char decimal_mark, char group_mark = 0) {
  return number(ColumnType::kDecimal, decimal_mark, group_mark);
}

ColumnSpec integer(char group_mark) { return number(ColumnType::kInteger, '.', group_mark); }

void check_all_invalid(const ColumnSpec& spec, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    INFO(spec.decimal_mark << " " << spec.group_mark << " " << text);
    CHECK(value_of(spec, text) == "invalid");
  }
}

/// What a number is, said by a regular expression: sign, groups, fraction, exponent.
std::string expected(const std::string& text, char decimal_mark, char group_mark) {
  const auto quoted = [](char c) { return std::string("\\x") + (c == ',' ? "2C" : "2E"); };
  const std::regex form("([+-]?)([0-9]*|[1-9][0-9]{0,2}(?:" + quoted(group_mark) +
                        "[0-9]{3})+)(?:" + quoted(decimal_mark) +
                        "([0-9]*))?((?:[eE][+-]?[0-9]{1,3})?)");
  std::smatch parts;
  if (!std::regex_match(text, parts, form)) return "invalid";
  std::string whole = parts[2];
  std::erase(whole, group_mark);
  if (whole.empty() && parts[3].length() == 0) return "invalid";
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) whole = "0";
  const std::string fraction = parts[3].length() == 0 ? "" : "." + std::string(parts[3]);
  return (parts[1] == "-" ? "-" : "") + whole + fraction + std::string(parts[4]);
}

}  // namespace

TEST_CASE("marked number: a decimal comma becomes JSON's point, digits as they are written",
          "[core][value][number]") {
  const ColumnSpec spec = decimal(',');
  CHECK(value_of(spec, "1,50") == "1.50");
  CHECK(value_of(spec, "-0,125") == "-0.125");
  CHECK(value_of(spec, ",5") == "0.5");
  CHECK(value_of(spec, "5,") == "5");
  CHECK(value_of(spec, "+007,10") == "7.10");
  CHECK(value_of(spec, "42") == "42");
  CHECK(value_of(spec, "1,5E-3") == "1.5E-3");
  check_all_invalid(spec, {"1.5", "1.234,5", "1,2,3", "1,2.3", ",", "-,", "1 000", ".5", "1,5 "});
}

TEST_CASE("marked number: group marks stand between groups of three digits, or nowhere",
          "[core][value][number]") {
  const ColumnSpec european = decimal(',', '.');
  CHECK(value_of(european, "1.234,56") == "1234.56");
  CHECK(value_of(european, "-12.345.678,90") == "-12345678.90");
  CHECK(value_of(european, "1234,56") == "1234.56");
  CHECK(value_of(european, "1.234") == "1234");
  CHECK(value_of(european, "0,5") == "0.5");
  CHECK(value_of(european, "000,5") == "0.5");
  check_all_invalid(european, {"1.23", "1.2345", "12.34,5", "1234.567", "1.234.5", ".234", "1..234",
                               "1.234.", "1.,5", "0.500", "012.345", "1,234.5", "1.234,5.6", "."});
  CHECK(value_of(decimal('.', ','), "1,234,567.8") == "1234567.8");
  check_all_invalid(decimal('.', ','), {"1,23", "1.234,5", "1.234.567", "0,500"});
  CHECK(value_of(decimal('.', '\''), "1'234'567.80") == "1234567.80");
  CHECK(value_of(decimal('.', '\''), "1\u2019234.5") == "1234.5");
  CHECK(value_of(decimal(',', ' '), "12 345,6") == "12345.6");
  CHECK(value_of(decimal(',', ' '), "12\u00A0345\u202F678,6") == "12345678.6");
  check_all_invalid(decimal(',', ' '), {"12 34", "12  345", " 123", "123 ", "12\u2009345"});
}

TEST_CASE("marked number: whole numbers may have groups, too", "[core][value][number]") {
  CHECK(value_of(integer('.'), "1.234.567") == "1234567");
  CHECK(value_of(integer(','), "-1,000") == "-1000");
  CHECK(value_of(integer(','), "0007") == "7");
  CHECK(value_of(integer('.'), "-0") == "0");
  check_all_invalid(integer('.'), {"1.5", "1.23", "1.234,5", "1.234.", "0.000", "1.234e3"});
  check_all_invalid(integer(','), {"1,234.0", "1.234", ",234"});
  CHECK(value_of(integer(','), std::string(kNumberCharactersMax, '9')).size() ==
        kNumberCharactersMax);
  check_all_invalid(integer(','), {std::string(kNumberCharactersMax + 1, '9')});
}

TEST_CASE("marked number: messages say which marks are meant, and JSON's numbers have its own",
          "[core][value][number]") {
  CHECK(ColumnValue(decimal(',', '.')).expectation() ==
        "a number with a decimal comma, plain or in groups of three digits by \".\"");
  CHECK(ColumnValue(integer(' ')).expectation() ==
        "a whole number, plain or in groups of three digits by \" \"");
  CHECK(ColumnValue(decimal('.')).expectation() == "a number with a decimal point");
  const ColumnValue value(integer('.'));
  std::string room(64, '#');
  for (const auto& [text, outcome] :
       {std::pair("1.234", ValueOutcome::kInvalid), std::pair("1234", ValueOutcome::kFilled)}) {
    char* out = room.data();
    CHECK(value.write(text, out, ValueSource::kJsonNumber) == outcome);
    CHECK(value.check(text, ValueSource::kJsonNumber) == outcome);
  }
}

// Goal:   what is a number is what the grammar says, whatever the marks.
// Method: random texts of digits and marks against a regular expression and string arithmetic.
TEST_CASE("marked number: every text of digits and marks is a number or not as the grammar says",
          "[core][value][number]") {
  std::mt19937 random(20261121);
  const std::vector<std::string> pieces = {"1", "23", "456", "000", "0",
                                           ".", ",",  "-",   "e2",  "789"};
  int numbers = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 5 == 0 ? "-" : "";
    for (std::size_t count = 1 + random() % 6; count > 0; --count) {
      text += pieces[random() % pieces.size()];
    }
    const bool is_european = i % 2 == 0;
    const ColumnSpec spec = is_european ? decimal(',', '.') : decimal('.', ',');
    INFO(text);
    const std::string should = expected(text, spec.decimal_mark, spec.group_mark);
    REQUIRE(written(spec, text) == should);
    if (should != "invalid") ++numbers;
  }
  CHECK(numbers > 3'000);
}
