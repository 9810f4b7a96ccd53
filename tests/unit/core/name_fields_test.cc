#include "core/name_fields.h"

#include <catch2/catch.hpp>
#include <string>

using namespace waybill;

namespace {

/// "2026-11-20 1/1", or "no" when the name does not fit.
std::string read(const std::string& pattern, const std::string& name) {
  CHECK(name_fields_problem(pattern).empty());
  const auto fields = read_name_fields(pattern, name);
  if (!fields) return "no";
  return fields->date + " " + std::to_string(fields->chunk_number) + "/" +
         std::to_string(fields->chunk_count);
}

}  // namespace

TEST_CASE("name fields: date and chunk are read from the name", "[core][name_fields]") {
  CHECK(read("lines_%Y%m%d.csv", "lines_20261120.csv") == "2026-11-20 1/1");
  CHECK(read("lines_%d-%m-%Y_%H%M%S.csv", "lines_20-11-2026_235959.csv") == "2026-11-20 1/1");
  CHECK(read("%Y-%m-%d_%i_of_%n.csv", "2026-11-20_3_of_12.csv") == "2026-11-20 3/12");
  CHECK(read("part%i-%n.csv", "part007-099.csv") == " 7/99");
  CHECK(read("LINES_%Y%m%d.CSV", "lines_20261120.csv") == "2026-11-20 1/1");
  CHECK(read("100%%_%Y%m%d", "100%_20261120") == "2026-11-20 1/1");
}

TEST_CASE("name fields: a star takes as little as it can, and as much as it must",
          "[core][name_fields]") {
  CHECK(read("*_%Y%m%d*.csv", "store_2_20261120_final.csv") == "2026-11-20 1/1");
  CHECK(read("*%Y%m%d", "1234520261120") == "2026-11-20 1/1");
  CHECK(read("*_%i_of_%n*", "a_1_of_2_3_of_4.csv") == " 1/2");
  CHECK(read("a?b_%Y%m%d", "a-b_20261120") == "2026-11-20 1/1");
  CHECK(read("****%Y%m%d", std::string(247, '1') + "20261120") != "");
}

TEST_CASE("name fields: a name that does not fit has no fields", "[core][name_fields]") {
  const std::string pattern = "lines_%Y%m%d.csv";
  for (const char* name : {"lines_2026112.csv", "lines_20261120.txt", "lines_20261120.csv.gz", "",
                           "lines_2026112O.csv", "xlines_20261120.csv", "lines_202611201.csv"}) {
    INFO(name);
    CHECK(read(pattern, name) == "no");
  }
}

TEST_CASE("name fields: a date that no calendar has is none", "[core][name_fields]") {
  for (const char* date : {"20260230", "20261301", "20260100", "00000101", "20250229"}) {
    INFO(date);
    CHECK(read("%Y%m%d", date) == "no");
  }
  CHECK(read("%Y%m%d", "20240229") == "2024-02-29 1/1");
}

TEST_CASE("name fields: a chunk number takes all its digits and is one of its count",
          "[core][name_fields]") {
  CHECK(read("%i_of_%n", "1_of_12") == " 1/12");
  CHECK(read("%i_of_%n", "12_of_12") == " 12/12");
  CHECK(read("%i_of_%n", "13_of_12") == "no");
  CHECK(read("%i_of_%n", "0_of_2") == "no");
  CHECK(read("%i_of_%n", "1_of_0") == "no");
  CHECK(read("%i_of_%n", "99999_of_99999") == " 99999/99999");
  CHECK(read("%i_of_%n", "1_of_100000") == "no");
  CHECK(read("%i_of_%n*", "1_of_12345x") == " 1/12345");
  CHECK(read("%i_of_%n*", "1_of_123456") == "no");
}

TEST_CASE("name fields: what is wrong with a pattern is said to its writer",
          "[core][name_fields]") {
  using Catch::Matchers::Contains;
  CHECK_THAT(name_fields_problem("a_%y"), Contains("allowed after %"));
  CHECK_THAT(name_fields_problem("a_%"), Contains("allowed after %"));
  CHECK_THAT(name_fields_problem("%Y%m%d%Y"), Contains("%Y twice"));
  CHECK_THAT(name_fields_problem("%Y%m"), Contains("all of %Y, %m and %d"));
  CHECK_THAT(name_fields_problem("%i"), Contains("both %i and %n"));
  CHECK_THAT(name_fields_problem("plain"), Contains("needs a date"));
  CHECK_THAT(name_fields_problem("%H%M%S"), Contains("needs a date"));
  CHECK_THAT(name_fields_problem("*****%Y%m%d"), Contains("four *"));
  CHECK(name_fields_problem("%%*%Y%m%d*%i*%n*").empty());
}
