// Rows set aside: bounded, and with text only where it is allowed.
#include "central/worker/rejected_rows.h"

#include <catch2/catch.hpp>
#include <string>

namespace waybill::test {
namespace {

QuarantinedRow row_of(std::int64_t number, std::string_view bytes) {
  return {number, number * 10, bytes, number + 1, &error_code::kValueInvalid, {}};
}

TEST_CASE("rejected rows: none is null", "[central][worker]") {
  CHECK(RejectedRows(true).to_json().is_null());
}

TEST_CASE("rejected rows: places without text unless the spec allows it", "[central][worker]") {
  RejectedRows rows(false);
  rows.take(row_of(7, "secret"));
  CHECK(rows.to_json() == nlohmann::json::parse(
                              R"({"rows": [{"row": 7, "line": 8, "byte_offset": 70, "bytes": 6,
                                  "code": "WB-3012"}], "truncated": false})"));
}

TEST_CASE("rejected rows: what JSON text cannot hold is base64", "[central][worker]") {
  RejectedRows rows(true);
  rows.take(row_of(1, "Zo\xC3\xAB"));
  rows.take(row_of(2, "Zo\xEB"));
  rows.take(row_of(3, std::string_view("\0", 1)));
  rows.take(row_of(4, "\xFB\xFF\xFE"));
  rows.take(row_of(5, ""));  // of a dump
  const nlohmann::json told = rows.to_json().at("rows");
  CHECK(told[0].at("text") == "Zo\xC3\xAB");
  CHECK(told[1].at("base64") == "Wm/r");
  CHECK(told[2].at("base64") == "AA==");
  CHECK(told[3].at("base64") == "+//+");
  CHECK(told[4].size() == 4);
  CHECK_FALSE(told[4].contains("bytes"));
  for (const nlohmann::json& row : told) CHECK(row.contains("text") + row.contains("base64") <= 1);
}

TEST_CASE("rejected rows: so many rows and so much text are kept", "[central][worker]") {
  RejectedRows many(false);
  for (std::size_t i = 1; i <= RejectedRows::kRowsMax; ++i) {
    many.take(row_of(static_cast<std::int64_t>(i), "x"));
  }
  CHECK(many.to_json().at("truncated") == false);
  many.take(row_of(4711, "x"));
  CHECK(many.to_json().at("truncated") == true);
  CHECK(many.to_json().at("rows").size() == RejectedRows::kRowsMax);

  RejectedRows long_ones(true);
  const std::string half(RejectedRows::kTextBytesMax / 2 + 1, 'x');
  long_ones.take(row_of(1, half));
  CHECK(long_ones.to_json().at("truncated") == false);
  long_ones.take(row_of(2, half));
  long_ones.take(row_of(3, "short"));
  const nlohmann::json told = long_ones.to_json();
  CHECK(told.at("truncated") == true);
  CHECK(told.at("rows")[0].at("text") == half);
  CHECK_FALSE(told.at("rows")[1].contains("text"));
  CHECK(told.at("rows")[1].at("bytes") == half.size());
  CHECK(told.at("rows")[2].at("text") == "short");
}

}  // namespace
}  // namespace waybill::test
