#include "central/authoring/file_name_pattern.h"

#include <catch2/catch.hpp>

#include "core/glob.h"

using namespace waybill;
using namespace waybill::authoring;

TEST_CASE("file name pattern: the changing part of file names becomes a star",
          "[central][authoring]") {
  CHECK(file_name_pattern({"parts_20261120.csv"}) == "parts_*.csv");
  CHECK(file_name_pattern({"parts_20261120.csv", "parts_20261121.csv"}) == "parts_*.csv");
  CHECK(file_name_pattern({"parts-1.csv", "parts-12.csv"}) == "parts-*.csv");
  CHECK(file_name_pattern({"RECIPE.CSV"}) == "RECIPE.CSV");
  CHECK(file_name_pattern({"a.csv", "b.csv"}) == "*.csv");
}

TEST_CASE("file name pattern: a date changes as a whole, however it is written",
          "[central][authoring]") {
  for (const char* name : {"x_2026-11-20.csv", "x_2026_11_20.csv", "x_20.11.2026.csv",
                           "x_2026-11-20_10-15-00.csv", "x_20261120T101500.csv"}) {
    CHECK(file_name_pattern({name}) == "x_*.csv");
  }
  // The same month in both names is no part of the pattern.
  CHECK(file_name_pattern({"x_2026-11-20.csv", "x_2026-11-21.csv"}) == "x_*.csv");
  CHECK(file_name_pattern({"x_a_2026-11-20.csv", "x_b_2026-11-20.csv"}) == "x_*_*.csv");
  CHECK(file_name_pattern({"x_1.2.3.csv"}) == "x_1.2.3.csv");
}

TEST_CASE("file name pattern: every sample matches its own pattern", "[central][authoring]") {
  CHECK(file_name_pattern({"a[1].csv"}) == "a[[]1].csv");
  CHECK(file_name_pattern({"a*b?.csv"}) == "a[*]b[?].csv");
  CHECK(file_name_pattern({"a\\b.csv"}) == "a?b.csv");
  CHECK(file_name_pattern({"x\xE4.csv"}) == "x?.csv");
  const std::vector<std::vector<std::string>> all = {
      {"a[1].csv"},
      {"a*b?.csv", "a*c?.csv"},
      {"a\\b.csv"},
      {"x\xE4.csv", "x\xE5.csv"},
      {"\xC3\xA4.csv", "\xC3\xB6.csv"},
      {"\xC3\xA4.csv", "\xC4\xA4.csv"},
      {"aa.csv", "aaa.csv"},
      {"a", "20261120"},
      {"[", "]"},
      {std::string(200, '[')},
  };
  for (const std::vector<std::string>& names : all) {
    const std::string pattern = file_name_pattern(names);
    INFO(pattern);
    CHECK(is_valid_glob(pattern));
    for (const std::string& name : names) CHECK(matches_glob(pattern, name));
  }
}
