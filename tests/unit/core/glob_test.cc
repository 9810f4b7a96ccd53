#include "core/glob.h"

#include <catch2/catch.hpp>
#include <string>

using namespace waybill;

TEST_CASE("glob: stars, question marks and sets match as written", "[core][glob]") {
  CHECK(matches_glob("recipe_lines_*.csv", "recipe_lines_20261120.csv"));
  CHECK(matches_glob("recipe_lines_*.csv", "recipe_lines_.csv"));
  CHECK_FALSE(matches_glob("recipe_lines_*.csv", "recipe_lines_20261120.csv.tmp"));
  CHECK_FALSE(matches_glob("recipes_*.csv", "old_recipes_1.csv"));
  CHECK(matches_glob("*a*b*c", "xxaxxbxxbc"));
  CHECK_FALSE(matches_glob("*a*b*c", "xxaxxcxx"));
  CHECK(matches_glob("v?.csv", "v1.csv"));
  CHECK_FALSE(matches_glob("v?.csv", "v12.csv"));
  CHECK(matches_glob("[a-c][!0-9].txt", "bx.txt"));
  CHECK_FALSE(matches_glob("[a-c][!0-9].txt", "b7.txt"));
  CHECK(matches_glob("[*]?[]-]", "*x]"));
  CHECK(matches_glob("[*]?[]-]", "*x-"));
  CHECK_FALSE(matches_glob("[*]", "x"));
  CHECK(matches_glob("**", ""));
}

TEST_CASE("glob: the case of ASCII letters does not matter", "[core][glob]") {
  CHECK(matches_glob("FOOD_des.TXT", "food_DES.txt"));
  CHECK(matches_glob("[A-F]*", "d"));
  CHECK(matches_glob("[a-f]*", "D"));
}

TEST_CASE("glob: a question mark is one character, however many bytes it has", "[core][glob]") {
  CHECK(matches_glob("g?ltig.csv", "gültig.csv"));
  CHECK(matches_glob("?", "🍞"));
  CHECK_FALSE(matches_glob("??", "é"));
  CHECK(matches_glob("[ä-ü]", "ö"));
  CHECK(matches_glob("??", "\xE9\xE9"));  // not UTF-8: bytes
}

TEST_CASE("glob: many stars take no exponential time", "[core][glob]") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "*a";
  CHECK_FALSE(matches_glob(pattern + "b", std::string(4000, 'a')));
}

TEST_CASE("glob: sets must be closed, filled and the right way round", "[core][glob]") {
  for (const char* good : {"*", "[a]", "[!a-z]x", "[]]", "a]b", "[a-]", "[é]"}) {
    INFO(good);
    CHECK(is_valid_glob(good));
  }
  for (const char* bad : {"[", "[]", "[!]", "a[b", "[z-a]", "[a-"}) {
    INFO(bad);
    CHECK_FALSE(is_valid_glob(bad));
  }
}
