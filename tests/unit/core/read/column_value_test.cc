#include "core/read/column_value.h"

#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <string>

#include "write_value.h"

using namespace waybill;

namespace {

/// What a number is, and its JSON, said another way than the code says it.
std::string expected_number(const std::string& text, ColumnType type) {
  static const std::regex kDecimal(R"(([+-]?)([0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?)");
  static const std::regex kInteger(R"(([+-]?)([0-9]+))");
  std::smatch parts;
  const bool is_integer = type == ColumnType::kInteger;
  if (!std::regex_match(text, parts, is_integer ? kInteger : kDecimal)) return "invalid";
  std::string whole = parts[2];
  std::string fraction = is_integer ? "" : std::string(parts[3]);
  if (fraction == ".") fraction.clear();
  if (whole.empty() && fraction.empty()) return "invalid";
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) whole = "0";
  const bool is_minus = parts[1] == "-" && !(is_integer && whole == "0");
  return (is_minus ? "-" : "") + whole + fraction + (is_integer ? "" : std::string(parts[4]));
}

/// A text of `alphabet`, of every length around the words that are looked at together.
std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t size_max) {
  std::string text(random() % (size_max + 1), ' ');
  for (char& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

/// `day` (ISO 8601) as the picture "DD.MM.YYYY" shows it.
std::string paint(std::string picture, const std::string& day) {
  picture.replace(picture.find("YYYY"), 4, day, 0, 4);
  picture.replace(picture.find("MM"), 2, day, 5, 2);
  picture.replace(picture.find("DD"), 2, day, 8, 2);
  return picture;
}

/// The JSON of a date whose numbers have all their digits, or "invalid".
std::string expected_date(const std::string& picture, const std::string& text) {
  const auto digits = [&](const char* letters, std::size_t count) {
    return text.substr(picture.find(letters), count);
  };
  const std::string y = digits("YYYY", 4);
  const std::string m = digits("MM", 2);
  const std::string d = digits("DD", 2);
  const std::string day = y + "-" + m + "-" + d;
  if (day.find_first_not_of("0123456789-") != std::string::npos || paint(picture, day) != text ||
      (y + m + d).find('-') != std::string::npos) {
    return "invalid";
  }
  constexpr std::array kDays = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int year = std::stoi(y);
  const int month = std::stoi(m);
  if (year < 1 || month < 1 || month > 12) return "invalid";
  const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int last = kDays[static_cast<std::size_t>(month)] + (month == 2 && is_leap ? 1 : 0);
  const bool is_day = std::stoi(d) >= 1 && std::stoi(d) <= last;
  return is_day ? '"' + day + '"' : "invalid";
}

ColumnSpec date(const std::string& format) {
  ColumnSpec spec = column(ColumnType::kDate);
  spec.date_format = format;
  return spec;
}

}  // namespace

TEST_CASE("value: whole numbers keep their digits and are valid JSON", "[core][value]") {
  const ColumnSpec spec = column(ColumnType::kInteger);
  CHECK(value_of(spec, "0") == "0");
  CHECK(value_of(spec, "007") == "7");
  CHECK(value_of(spec, "+12") == "12");
  CHECK(value_of(spec, "-0") == "0");
  CHECK(value_of(spec, "-00120") == "-120");
  CHECK(value_of(spec, "123456789012345678901234567890") == "123456789012345678901234567890");
  for (const char* bad : {"-", "+", "1.0", "1 ", " 1", "1,000", "0x10", "1e3", "--1", "١"}) {
    INFO(bad);
    CHECK(value_of(spec, bad) == "invalid");
  }
  CHECK(value_of(spec, std::string(kNumberCharactersMax, '9')).size() == kNumberCharactersMax);
  CHECK(value_of(spec, std::string(kNumberCharactersMax + 1, '9')) == "invalid");
}

TEST_CASE("value: decimals keep every digit that was written", "[core][value]") {
  const ColumnSpec spec = column(ColumnType::kDecimal);
  CHECK(value_of(spec, ".5") == "0.5");
  CHECK(value_of(spec, "-.251") == "-0.251");
  CHECK(value_of(spec, "54.5000") == "54.5000");
  CHECK(value_of(spec, "0.0") == "0.0");
  CHECK(value_of(spec, "5.") == "5");
  CHECK(value_of(spec, "+005.10") == "5.10");
  CHECK(value_of(spec, "1E-05") == "1E-05");
  CHECK(value_of(spec, "2.5e+3") == "2.5e+3");
  CHECK(value_of(spec, "0.1234567890123456789012345678") == "0.1234567890123456789012345678");
  for (const char* bad :
       {".", "-", "-.", "1,5", "1.2.3", "1e", "1e+", "e5", "1e1000", "NaN", "inf", "1.5 ", "$1"}) {
    INFO(bad);
    CHECK(value_of(spec, bad) == "invalid");
  }
}

// Goal:   numbers looked at eight digits together are the numbers of the grammar, no others.
// Method: random texts of digits, signs, points and neighbours of the digits in ASCII, against a
//         regular expression and string arithmetic.
TEST_CASE("value: every text of number characters is a number or not as the grammar says",
          "[core][value]") {
  std::mt19937 random(20261121);
  const std::vector<std::string> alphabets = {"0123456789", "01234567890123456789.", "09.-",
                                              "0/:9.\xB0", "0123456789.eE+-"};
  int numbers = 0;
  for (int i = 0; i < 40'000; ++i) {
    const std::string& alphabet = alphabets[static_cast<std::size_t>(i) % alphabets.size()];
    const std::string text = (i % 3 == 0 ? "-" : "") + random_text(random, alphabet, 19);
    for (const ColumnType type : {ColumnType::kInteger, ColumnType::kDecimal}) {
      if (text.empty()) continue;
      INFO(text);
      const std::string expected = expected_number(text, type);
      REQUIRE(written(column(type), text) == expected);
      if (expected != "invalid") ++numbers;
    }
  }
  CHECK(numbers > 10'000);
}

TEST_CASE("value: booleans are the words of the spec, in any case", "[core][value]") {
  ColumnSpec spec = column(ColumnType::kBoolean);
  spec.true_values = {"Y", "ja"};
  spec.false_values = {"n"};
  CHECK(value_of(spec, "y") == "true");
  CHECK(value_of(spec, "JA") == "true");
  CHECK(value_of(spec, "N") == "false");
  for (const char* bad : {"yes", "0", "1", "y "}) CHECK(value_of(spec, bad) == "invalid");
}

TEST_CASE("value: dates are checked against the calendar and written as ISO 8601",
          "[core][value]") {
  CHECK(value_of(date("%Y-%m-%d"), "2026-11-20") == "\"2026-11-20\"");
  CHECK(value_of(date("%m/%d/%Y 0:00:00"), "5/19/2006 0:00:00") == "\"2006-05-19\"");
  CHECK(value_of(date("%d.%m.%Y"), "01.02.2024") == "\"2024-02-01\"");
  CHECK(value_of(date("%Y%m%d"), "20240229") == "\"2024-02-29\"");
  CHECK(value_of(date("%Y-%m-%dT%H:%M:%S"), "2024-02-29T23:59:59") == "\"2024-02-29\"");
  CHECK(value_of(date("100%% %Y-%m-%d"), "100% 2024-01-01") == "\"2024-01-01\"");
}

TEST_CASE("value: what is no date of the format is invalid", "[core][value]") {
  for (const char* bad : {"2023-02-29", "2026-13-01", "2026-00-10", "26-11-20", "2026-11-20 ",
                          "2026/11/20", "2026-11", "2026-11-2x", "0000-01-01", "20261120"}) {
    INFO(bad);
    CHECK(value_of(date("%Y-%m-%d"), bad) == "invalid");
  }
  // The time in the format is literal: a real time is refused, not cut off.
  CHECK(value_of(date("%Y-%m-%d 00:00:00"), "2026-11-20 10:30:00") == "invalid");
  // Without a separator only two digits are a month.
  CHECK(value_of(date("%Y%m%d"), "2024112") == "invalid");
  CHECK(value_of(date("%Y-%m-%d %H:%M"), "2024-01-01 24:00") == "invalid");
  CHECK(value_of(date("%Y-%m-%d %H:%M"), "2024-01-01 12:60") == "invalid");
}

// Goal:   dates looked at eight characters together are those of the format, no others.
// Method: in dates of formats of every width each character in turn becomes each other one; what
//         comes out is what a picture of the format and a calendar say.
TEST_CASE("value: a date is one of the format whichever character is wrong", "[core][value]") {
  const std::vector<std::array<const char*, 2>> formats = {
      {"%Y%m%d", "YYYYMMDD"},
      {"%Y-%m-%d", "YYYY-MM-DD"},
      {"%d.%m.%Y", "DD.MM.YYYY"},
      {"%m/%d/%Y 0:0", "MM/DD/YYYY 0:0"},
      {"%d.%m.%Y  0:00", "DD.MM.YYYY  0:00"},
      {"Tag %d.%m.%Y um 0", "Tag DD.MM.YYYY um 0"},
  };
  for (const auto& [format, picture] : formats) {
    const ColumnSpec spec = date(format);
    for (const std::string day : {"2026-11-20", "2024-02-29", "1999-12-31", "2000-01-01"}) {
      const std::string good = paint(picture, day);
      REQUIRE(value_of(spec, good) == '"' + day + '"');
      for (std::size_t at = 0; at < good.size(); ++at) {
        for (int code = 1; code < 256; ++code) {
          std::string text = good;
          text[at] = static_cast<char>(code);
          INFO(format << " " << text);
          REQUIRE(value_of(spec, text) == expected_date(picture, text));
        }
      }
    }
  }
}

TEST_CASE("value: trimming comes first, then null words, then the type", "[core][value]") {
  ColumnSpec spec = column(ColumnType::kText);
  spec.null_values = {"(blank)", "N/A"};
  CHECK(value_of(spec, "") == "null");
  CHECK(value_of(spec, "N/A") == "null");
  CHECK(value_of(spec, "n/a") == "\"n/a\"");
  CHECK(value_of(spec, "(blank) ") == "\"(blank) \"");
  CHECK(value_of(spec, " ") == "\" \"");
  spec.trim = true;
  CHECK(value_of(spec, "(blank) ") == "null");
  CHECK(value_of(spec, " \t ") == "null");
  CHECK(value_of(spec, " EA ") == "\"EA\"");
  CHECK(value_of(spec, "\u00A0x\u00A0") == "\"\u00A0x\u00A0\"");  // only ASCII blanks
  spec.type = ColumnType::kInteger;
  CHECK(value_of(spec, " 12 ") == "12");
}

// Goal:   every text comes back from its JSON as it was.
// Method: each ASCII character and some beyond at every place of words around the eight bytes that
//         are looked at together, read back by nlohmann/json.
TEST_CASE("value: text survives JSON whatever characters it holds", "[core][value]") {
  const ColumnSpec spec = column(ColumnType::kText);
  std::vector<std::string> characters = {"é", "日", "🍞", "\u2028", "\u0080", "\uFEFF"};
  for (int code = 1; code < 128; ++code) characters.emplace_back(1, static_cast<char>(code));
  for (const std::string& character : characters) {
    for (std::size_t size : {1U, 7U, 8U, 9U, 17U}) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text.replace(at, 1, character);
        REQUIRE(nlohmann::json::parse(value_of(spec, text)).get<std::string>() == text);
      }
    }
  }
}

TEST_CASE("value: text made of nothing but escapes fits the room that is asked for",
          "[core][value]") {
  const ColumnSpec spec = column(ColumnType::kText);
  const std::string text(1000, '\x01');
  CHECK(value_of(spec, text).size() == 2 + kJsonGrowthMax * text.size());
}
