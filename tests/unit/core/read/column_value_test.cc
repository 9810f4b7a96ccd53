#include "core/read/column_value.h"

#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

using namespace waybill;

namespace {

/// The JSON a column makes of a text: "null", "invalid", or the value.
std::string value_of(const ColumnSpec& spec, std::string_view text) {
  const ColumnValue value(spec);
  std::string room(kValueOverheadBytes + kJsonGrowthMax * text.size(), '#');
  char* out = room.data();
  const ValueOutcome outcome = value.write(text, out);
  if (outcome == ValueOutcome::kInvalid) return "invalid";
  const std::string json(room.data(), out);
  CHECK((outcome == ValueOutcome::kNull) == (json == "null"));
  CHECK(nlohmann::json::accept(json));
  return json;
}

ColumnSpec column(ColumnType type) {
  ColumnSpec spec;
  spec.name = "Column";
  spec.to = "column";
  spec.type = type;
  return spec;
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
