#include "central/authoring/column_profile.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;
using nlohmann::ordered_json;

namespace {

/// What is proposed for a column of these values, without its names; text is "{}".
std::string proposal_for(const std::vector<std::string>& values,
                         const std::string& time_zone = "") {
  ColumnProfile profile("Column", time_zone);
  for (const std::string& value : values) profile.add(value);
  ordered_json column = profile.proposal(false);
  for (const char* key : {"name", "to", "required"}) column.erase(key);
  return column.dump();
}

std::string undecided(const std::vector<std::string>& values) {
  ColumnProfile profile("Column");
  for (const std::string& value : values) profile.add(value);
  CHECK(profile.type() == ColumnType::kText);
  CHECK(profile.is_typed());
  return profile.evidence().value("undecided", "");
}

}  // namespace

TEST_CASE("column profile: times with an offset are timestamps, in the forms that exports have",
          "[central][authoring]") {
  const auto format_of = [](const std::vector<std::string>& values) {
    return ordered_json::parse(proposal_for(values)).value("date_format", "");
  };
  CHECK(proposal_for({"2026-11-21T18:40:00Z", "2026-11-20T07:00:00+01:00"}) ==
        R"({"type":"timestamp","date_format":"%Y-%m-%dT%H:%M:%S%z"})");
  CHECK(format_of({"2026-11-21 18:40:00.5+01", "2026-11-21 18:40:00+01"}) ==
        "%Y-%m-%d %H:%M:%S.%f%z");
  CHECK(format_of({"2026-11-21T18:40Z"}) == "%Y-%m-%dT%H:%M%z");
  CHECK(format_of({"2026-11-21 18:40:00 +0100"}) == "%Y-%m-%d %H:%M:%S %z");
  CHECK(format_of({"21.11.2026 18:40:00 -03:30"}) == "%d.%m.%Y %H:%M:%S %z");
  CHECK(format_of({"20261121T184000Z"}) == "%Y%m%dT%H%M%S%z");
  CHECK(proposal_for({"2026-11-21T18:40:00Z", "yesterday"}) == "{}");
}

TEST_CASE("column profile: times without an offset need somebody to say whose clock they are of",
          "[central][authoring]") {
  const std::vector<std::string> values = {"21.11.2026 18:40", "01.02.2026 00:00"};
  CHECK(proposal_for(values) == "{}");
  CHECK_THAT(undecided(values), Contains("--time-zone"));
  CHECK(proposal_for(values, "Europe/Berlin") ==
        R"({"type":"timestamp","date_format":"%d.%m.%Y %H:%M","time_zone":"Europe/Berlin"})");
  CHECK(proposal_for({"11/21/2026 18:40:00", "11/22/2026 00:00:00"}, "America/New_York") ==
        R"({"type":"timestamp","date_format":"%m/%d/%Y %H:%M:%S","time_zone":"America/New_York"})");
  CHECK(proposal_for({"2026-11-21 18:40:00,250"}, "UTC") ==
        R"({"type":"timestamp","date_format":"%Y-%m-%d %H:%M:%S,%f","time_zone":"UTC"})");
  CHECK(proposal_for({"20261121184000", "20261121000000"}, "UTC") ==
        R"({"type":"timestamp","date_format":"%Y%m%d%H%M%S","time_zone":"UTC"})");
  // Midnight and nothing else is a date, and a real time would be refused later, not cut off.
  for (const char* zone : {"", "Europe/Berlin"}) {
    CHECK(proposal_for({"2026-11-21 00:00:00", "2026-11-22 00:00:00"}, zone) ==
          R"({"type":"date","date_format":"%Y-%m-%d 00:00:00"})");
    CHECK(proposal_for({"5/19/2006 0:00:00", "12/1/2006 0:00:00"}, zone) ==
          R"({"type":"date","date_format":"%m/%d/%Y 0:00:00"})");
    CHECK(proposal_for({"2008-04-30 00:00:00.000"}, zone) ==
          R"({"type":"date","date_format":"%Y-%m-%d 00:00:00.000"})");
  }
}

TEST_CASE("column profile: day and month that could change places are left to the author",
          "[central][authoring]") {
  CHECK_THAT(undecided({"01/02/2026", "11/12/2026"}), Contains("day and month"));
  CHECK_THAT(undecided({"05/05/2026"}), Contains("day and month"));
  CHECK_THAT(undecided({"01/02/2026 18:40:00 +01:00"}), Contains("day and month"));
  CHECK(proposal_for({"01/02/2026", "31/12/2026"}) ==
        R"({"type":"date","date_format":"%d/%m/%Y"})");
  CHECK(proposal_for({"01/02/2026", "12/31/2026"}) ==
        R"({"type":"date","date_format":"%m/%d/%Y"})");
  CHECK(proposal_for({"01.02.2026", "11.12.2026"}) ==
        R"({"type":"date","date_format":"%d.%m.%Y"})");
}

TEST_CASE("column profile: decimal commas and group marks are proposed when they are certain",
          "[central][authoring]") {
  CHECK(proposal_for({"1,5", "0,25", "7"}) == R"({"type":"decimal","decimal_mark":","})");
  CHECK(proposal_for({"1.234,50", "2.000,00"}) ==
        R"({"type":"decimal","decimal_mark":",","group_mark":"."})");
  CHECK(proposal_for({"1,234.50", "12.5"}) == R"({"type":"decimal","group_mark":","})");
  CHECK(proposal_for({"1'234.50", "999.00"}) == R"({"type":"decimal","group_mark":"'"})");
  CHECK(proposal_for({"12 345,6", "7,5"}) ==
        R"({"type":"decimal","decimal_mark":",","group_mark":" "})");
  CHECK(proposal_for({"12 345", "999"}) == R"({"type":"integer","group_mark":" "})");
  CHECK(proposal_for({"1.234.567", "999"}) == R"({"type":"integer","group_mark":"."})");
  CHECK(proposal_for({"1,234,567", "1,234"}) == R"({"type":"integer","group_mark":","})");
  CHECK(proposal_for({"1.234", "1.5"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1.234", "0.750"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1.234", "1234.500"}) == R"({"type":"decimal"})");
  CHECK(proposal_for({"1", "22", "-333"}) == R"({"type":"integer"})");
}

TEST_CASE("column profile: a mark that could be either is left to the author",
          "[central][authoring]") {
  CHECK_THAT(undecided({"1.234", "12.500"}), Contains("before the fraction or between thousands"));
  CHECK_THAT(undecided({"1,234", "999"}), Contains("before the fraction or between thousands"));
  CHECK_THAT(undecided({"555 123", "555 124"}), Contains("codes"));
  CHECK(proposal_for({"555 123", "0555 12"}) == "{}");
  ColumnProfile profile("Column");
  profile.add("1.234");
  CHECK(profile.evidence()["also_fits"] ==
        ordered_json::array({"integer in groups by point", "decimal", "decimal in groups by comma",
                             "decimal with comma in groups by point",
                             "decimal in groups by apostrophe", "decimal in groups by blank"}));
  // A JSON number has a point and nothing else, whatever its digits.
  ColumnProfile json_numbers("Column");
  json_numbers.add("1.234", ValueSource::kJsonNumber);
  CHECK(json_numbers.type() == ColumnType::kDecimal);
}

TEST_CASE("column profile: telephone numbers and codes with an e stay text",
          "[central][authoring]") {
  CHECK_THAT(undecided({"+4930000001", "+4930000002"}), Contains("plus"));
  CHECK_THAT(undecided({"1e1", "205", "3e7"}), Contains("exponent"));
  CHECK(proposal_for({"+5", "-3", "0"}) == R"({"type":"integer"})");
  CHECK(proposal_for({"1.5E+05", "2.25E+05"}) == R"({"type":"decimal"})");
  ColumnProfile json_numbers("Column");
  json_numbers.add("1e1", ValueSource::kJsonNumber);
  CHECK(json_numbers.type() == ColumnType::kDecimal);
}
